import type { LimitState, SubscriptionStatus, UserFilter, UserOrder } from '../generated/operations.ts';

/** How much of a limit was used; `USED` is something of one. */
export type Use = LimitState | 'USED';

/** What the list of users shows, and how. The address of the page holds it, so that a view can be kept as a link. */
export interface View {
  search: string;
  packageId: string | null;
  status: SubscriptionStatus | null;
  limit: Use | null;
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
const limits = ['USED', 'NEAR', 'REACHED'] as const;
const orders = ['CREATED_ASC', 'CREATED_DESC', 'NAME_ASC', 'NAME_DESC', 'USE_DESC'] as const;

const oneOf = <Value extends string>(values: readonly Value[], text: string | null): Value | null =>
  values.find((value) => value.toLowerCase() === text) ?? null;

/** Reads a view from an address; what it does not know is left out. */
export const readView = (params: URLSearchParams): View =>
  whole({
    search: params.get('search') ?? '',
    packageId: params.get('package'),
    status: oneOf(statuses, params.get('status')),
    limit: oneOf(limits, params.get('limit')),
    order: oneOf(orders, params.get('order')) ?? 'CREATED_ASC',
  });

/** Only those who used something of a limit can be ordered by it. */
const whole = (view: View): View =>
  view.order === 'USE_DESC' && view.limit === null ? { ...view, limit: 'USED' } : view;

/** A view after a change. Who asks for those near a limit sees the nearest first; without a limit, the order is the usual one. */
export function changed(view: View, change: Partial<View>): View {
  const next = { ...view, ...change };
  if (change.limit === undefined || change.order !== undefined) return whole(next);
  return {
    ...next,
    order: change.limit !== null ? 'USE_DESC' : next.order === 'USE_DESC' ? 'CREATED_ASC' : next.order,
  };
}

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
  ...(limit === 'USED' ? { limit: 'NEAR', usedPercent: 1 } : { limit }),
});

/** The list as it opens. */
export const usualView: View = readView(new URLSearchParams());

/** Users of a page. */
const pageSize = 50;

/** What the list asks for. */
export const listOf = (view: View, after?: string) => ({
  filter: filterOf(view),
  order: view.order,
  first: pageSize,
  after,
});

export const isFiltered = ({ search, packageId, status, limit }: View): boolean =>
  search !== '' || packageId !== null || status !== null || limit !== null;
