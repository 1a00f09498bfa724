/** A subscription is held until it is cancelled or its first payment expires. */
export const heldStatuses = ['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'] as const;

/** A subscription is live, which means that it gives access, in these statuses only. */
export const liveStatuses = ['ACTIVE', 'TRIALING'] as const;

export type SubscriptionStatus =
  | (typeof heldStatuses)[number]
  | 'SCHEDULED'
  | 'CANCELLED'
  | 'INCOMPLETE_EXPIRED';

/** What the rules need to know about a version of a package. */
export interface PackageTerms {
  id: string;
  /** The version that is held, or that people subscribe to. */
  version: number;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  /** The base packages that an add-on is available with; empty means every base package. */
  baseIds: readonly string[];
}

/** The stored status of a subscription, and the instants that decide over it. */
export interface Times {
  status: SubscriptionStatus;
  startedAt: Date;
  /** The end, which may lie ahead; null is none. */
  endedAt: Date | null;
  trialEnd: Date | null;
  /** The subscription at the billing provider that decides on it; null or none: decided here, as what was paid once. */
  providerSubscriptionId?: string | null;
}

/** What the rules need to know about a subscription. */
export interface SubscriptionTerms extends Times {
  id: bigint;
  package: PackageTerms;
  /** The subscription in whose place it starts. */
  followsId: bigint | null;
  /** The item of the subscription at the billing provider. */
  providerItemId?: string | null;
}

/** A subscription with its owner. */
export type OwnedTerms = SubscriptionTerms & { userKey: bigint };

export const isHeldStatus = (status: SubscriptionStatus) => heldStatuses.some((held) => held === status);

export const goesOnAfter = ({ endedAt }: { endedAt: Date | null }, at: Date) =>
  endedAt === null || endedAt > at;

/**
 * The status at an instant, whether or not a job has written it yet: a scheduled subscription starts, one whose end has
 * come is over, a trial that is over goes on. The provider says the status of what it decides on.
 */
export function statusAt(
  { status, startedAt, endedAt, trialEnd, providerSubscriptionId = null }: Times,
  at: Date,
): SubscriptionStatus {
  if (providerSubscriptionId !== null || (!isHeldStatus(status) && status !== 'SCHEDULED')) return status;
  if (!goesOnAfter({ endedAt }, at)) return 'CANCELLED';
  if (status === 'SCHEDULED' && startedAt > at) return 'SCHEDULED';
  if (status !== 'SCHEDULED' && status !== 'TRIALING') return status;
  const isTrial = trialEnd === null ? status === 'TRIALING' : trialEnd > at;
  return isTrial ? 'TRIALING' : 'ACTIVE';
}

/** Whether a subscription is held at an instant, now or later. */
export const covers = (subscription: Times, at: Date) =>
  goesOnAfter(subscription, at) && (isHeldStatus(subscription.status) || subscription.startedAt <= at);
