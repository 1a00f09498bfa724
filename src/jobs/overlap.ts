import type { Job } from './queue.ts';

/**
 * A run of a job that lasts longer than a minute is not joined by the next ones, which would take the places of all other
 * jobs. They end at once: what they would have done is done a minute later.
 */
export function withoutOverlap(job: Job): Job {
  let isRunning = false;
  return async (payload, context) => {
    if (isRunning) return;
    isRunning = true;
    try {
      await job(payload, context);
    } finally {
      isRunning = false;
    }
  };
}
