import { Badge } from '@mantine/core';
import type { SubscriptionStatus } from '../generated/operations.ts';

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

/**
 * Filled if it gives access.
 *
 * @param fate says more than the status; null if nothing does
 */
export const SubscriptionBadge = (props: { status: SubscriptionStatus; fate?: string | null }) => {
  const { status, fate = null } = props;
  return (
    <Badge
      variant={status === 'ACTIVE' || status === 'TRIALING' ? 'filled' : 'default'}
      radius="sm"
      tt="none"
    >
      {fate ?? statusWords[status]}
    </Badge>
  );
};
