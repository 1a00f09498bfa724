import type { SegmentOutcome } from '../generated/operations.ts';

/** What becomes of events that are kept, in words. */
export const outcomes: Record<Exclude<SegmentOutcome, 'DUPLICATE' | 'IGNORED'>, string> = {
  RECORDED: 'Recorded',
  UNMATCHED: 'No rule claims it',
  PENDING_USER: 'Waits for its user',
  USER_CREATED: 'User created',
  USER_UPDATED: 'User updated',
  USERS_MERGED: 'Users merged',
  USER_CLAIMED: 'User claimed',
};

export const isShown = (outcome: string | null): outcome is keyof typeof outcomes =>
  outcome !== null && outcome in outcomes;

/** Of an event that has just come, nothing has become yet. */
export const inWords = (outcome: SegmentOutcome | null): string =>
  isShown(outcome) ? outcomes[outcome] : 'Being processed';
