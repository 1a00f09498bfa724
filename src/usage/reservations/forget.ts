import type { Job } from '../../jobs/queue.ts';
import { forgetNext } from './store.ts';

/** Runs at start and every minute: deletes reservations that were over long ago. */
export const forgetJob = 'reservations-forget';

const batchSize = 1_000;

export const forgetJobs: Record<string, Job> = {
  [forgetJob]: async (_payload, { pool, stop }) => {
    let last: bigint | null = 0n;
    while (last !== null && !stop.aborted) last = await forgetNext(pool, last, batchSize);
  },
};
