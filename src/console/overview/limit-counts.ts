import { useAnswer } from '../api/hooks.ts';
import { LimitCountsDocument } from '../generated/operations.ts';
import { freshMs } from './ahead.ts';

/** How many users are near a limit, in all and by package. The rest of the page does not wait for it. */
export const useLimitCounts = () =>
  useAnswer(LimitCountsDocument, {}, { every: freshMs.limits, freshMs: freshMs.limits });
