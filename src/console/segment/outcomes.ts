import type { SegmentOutcome } from '../generated/operations.ts';

/** Names of the outcomes. */
export const outcomes: Record<Exclude<SegmentOutcome, 'DUPLICATE' | 'IGNORED' | 'USER_DELETED'>, string> = {
  RECORDED: 'Recorded',
  UNMATCHED: 'Unmatched',
  DELTA_UNUSABLE: 'Unusable amount',
  PENDING_USER: 'Waiting for its user',
  USER_CREATED: 'User created',
  USER_UPDATED: 'User updated',
  USERS_MERGED: 'Users merged',
  USER_CLAIMED: 'User claimed',
};

export const isShown = (outcome: string | null): outcome is keyof typeof outcomes =>
  outcome !== null && outcome in outcomes;

/** A new event has no outcome yet. */
export const inWords = (outcome: SegmentOutcome | null): string =>
  isShown(outcome) ? outcomes[outcome] : 'Being processed';
