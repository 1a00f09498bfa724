import type { SubscriptionStatus } from '../generated/operations.ts';
import { State } from '../parts/state.tsx';

export const statusWords: Record<SubscriptionStatus, string> = {
  ACTIVE: 'Active',
  TRIALING: 'On trial',
  CANCELLED: 'Cancelled',
  PAST_DUE: 'Past due',
  UNPAID: 'Unpaid',
  INCOMPLETE: 'Incomplete',
  INCOMPLETE_EXPIRED: 'Expired',
  SCHEDULED: 'Scheduled',
};

const tones: Partial<Record<SubscriptionStatus, 'good' | 'bad'>> = {
  ACTIVE: 'good',
  TRIALING: 'good',
  PAST_DUE: 'bad',
  UNPAID: 'bad',
};

/** @param fate says more than the status; null if nothing does */
export const SubscriptionBadge = (props: { status: SubscriptionStatus; fate?: string | null }) => {
  const { status, fate = null } = props;
  return <State {...(tones[status] && { tone: tones[status] })}>{fate ?? statusWords[status]}</State>;
};
