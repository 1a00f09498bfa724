import { Badge } from '@mantine/core';
import type { SubscriptionStatus } from '../generated/operations.ts';

const words: Record<SubscriptionStatus, string> = {
  ACTIVE: 'Active',
  TRIALING: 'On trial',
  CANCELLED: 'Cancelled',
  PAST_DUE: 'Past due',
  UNPAID: 'Unpaid',
  INCOMPLETE: 'Incomplete',
  INCOMPLETE_EXPIRED: 'Expired',
  SCHEDULED: 'Scheduled',
};

/** Filled if it gives access. */
export const SubscriptionBadge = ({ status }: { status: SubscriptionStatus }) => (
  <Badge variant={status === 'ACTIVE' || status === 'TRIALING' ? 'filled' : 'default'} radius="sm" tt="none">
    {words[status]}
  </Badge>
);
