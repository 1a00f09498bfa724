import type { LimitState, SubscriptionStatus, UserFilter, UserOrder } from '../generated/operations.ts';

/** What the list of users shows, and how. The address of the page holds it, so that a view can be kept as a link. */
export interface View {
  search: string;
  packageId: string | null;
  status: SubscriptionStatus | null;
  limit: LimitState | null;
  order: UserOrder;
}

const statuses = [
  'ACTIVE',
  'TRIALING',
  'PAST_DUE',
  'UNPAID',
  'INCOMPLETE',
  'SCHEDULED',
  'CANCELLED',
] as const;
const limits = ['NEAR', 'REACHED'] as const;
const orders = ['CREATED_ASC', 'CREATED_DESC', 'NAME_ASC', 'NAME_DESC'] as const;

const oneOf = <Value extends string>(values: readonly Value[], text: string | null): Value | null =>
  values.find((value) => value.toLowerCase() === text) ?? null;

/** Reads a view from an address; what it does not know is left out. */
export const readView = (params: URLSearchParams): View => ({
  search: params.get('search') ?? '',
  packageId: params.get('package'),
  status: oneOf(statuses, params.get('status')),
  limit: oneOf(limits, params.get('limit')),
  order: oneOf(orders, params.get('order')) ?? 'CREATED_ASC',
});

/** The part of an address that says this; without what is so anyway. */
export function writeView({ search, packageId, status, limit, order }: View): URLSearchParams {
  const params = new URLSearchParams();
  if (search !== '') params.set('search', search);
  if (packageId !== null) params.set('package', packageId);
  if (status !== null) params.set('status', status.toLowerCase());
  if (limit !== null) params.set('limit', limit.toLowerCase());
  if (order !== 'CREATED_ASC') params.set('order', order.toLowerCase());
  return params;
}

export const filterOf = ({ search, packageId, status, limit }: View): UserFilter => ({
  search: search || null,
  packageId,
  status,
  limit,
});

export const isFiltered = ({ search, packageId, status, limit }: View): boolean =>
  search !== '' || packageId !== null || status !== null || limit !== null;
