import { useAnswer } from '../api/hooks.ts';
import { LimitCountsDocument } from '../generated/operations.ts';

/** Refresh interval in milliseconds: it takes the server long where there are many users. */
const pace = 300_000;

/** How many users are near a limit, in all and by package. The rest of the page does not wait for it. */
export const useLimitCounts = () => useAnswer(LimitCountsDocument, {}, { every: pace });
