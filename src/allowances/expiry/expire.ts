import type { Job } from '../../jobs/queue.ts';
import { expireOnce } from './store.ts';

/**
 * Runs at start and every minute: tells webhooks of top-ups and grants that have expired, once each. Answers do not
 * depend on it: they compare instants.
 */
export const expiryJob = 'allowances-expire';

const batchSize = 1_000;

export const expiryJobs: Record<string, Job> = {
  [expiryJob]: async (_payload, { pool, stop }) => {
    while (!stop.aborted && (await expireOnce(pool, batchSize)) === batchSize);
  },
};
