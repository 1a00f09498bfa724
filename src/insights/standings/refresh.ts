import type { PoolClient } from 'pg';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { throttle } from '../../jobs/throttle.ts';
import {
  beginPass,
  findEnvironments,
  forgetStandings,
  isLarge,
  type Pace,
  refreshNext,
} from './refresh-store.ts';

/**
 * Runs at start and every minute. In environments with many users it stores how much of each limit every user has used:
 * lists and counts of users near a limit are then read from an index. Recording never waits for it, and does not know of
 * it: a pass reads the counters of all users, slice by slice. Merging or deleting users waits at most for one slice.
 */
export const standingsJob = 'limit-standings';
export const standingsJobs: Record<string, Job> = {
  [standingsJob]: (_payload, context) => refreshStandings(context),
};

const usual = {
  /** Where users are fewer, standings are computed when somebody asks. */
  largeFrom: 10_000,
  sliceSize: 2_000,
  /** A run ends then; the next one goes on. */
  budgetMs: 25_000,
  minAgeMs: 120_000,
  /** A pass rests so many times as long as it worked. */
  restFactor: 4,
};

/**
 * Goes on with the passes that are due. It may be killed at any point, and several processes may run it: each slice is
 * one transaction.
 */
export async function refreshStandings(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  options: Partial<typeof usual> = {},
): Promise<void> {
  const { largeFrom, sliceSize, budgetMs, ...pace } = { ...usual, ...options };
  const deadline = performance.now() + budgetMs;
  const isOver = () => stop.aborted || performance.now() > deadline;
  const session = await pool.connect();
  try {
    // Environments take turns, one slice each: a large one does not delay the others.
    let left = await findDue(session, { largeFrom, sliceSize, pace });
    while (left.length > 0 && !isOver()) {
      const goingOn: string[] = [];
      for (const environmentId of left) {
        const began = performance.now();
        if (await refreshNext(session, environmentId, sliceSize)) goingOn.push(environmentId);
        await throttle(session, performance.now() - began, stop);
        if (isOver()) break;
      }
      left = goingOn;
    }
    session.release();
  } catch (error) {
    // Discards the connection: it may be the cause of the failure.
    session.release(true);
    throw error;
  }
}

/** The environments whose pass is due or under way. What is stored of small ones is forgotten. */
async function findDue(
  session: PoolClient,
  { largeFrom, sliceSize, pace }: { largeFrom: number; sliceSize: number; pace: Pace },
): Promise<string[]> {
  const due: string[] = [];
  for (const environmentId of await findEnvironments(session)) {
    if (!(await isLarge(session, environmentId, largeFrom)))
      await forgetStandings(session, environmentId, sliceSize);
    else if (await beginPass(session, environmentId, pace)) due.push(environmentId);
  }
  return due;
}
