import type { PoolClient } from 'pg';
import { readClock } from '../../database/clock.ts';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { throttle } from '../../jobs/throttle.ts';
import { settledId } from '../../usage/rollup/rollup.ts';
import {
  type Bound,
  beginPass,
  findEnvironments,
  findWork,
  forgetStandings,
  isLarge,
  type Pace,
  refreshNext,
} from './refresh-store.ts';

/**
 * Runs at start and every minute. In environments with many users it stores how much of each limit every user has used:
 * lists and counts of users near a limit are then read from an index. Recording never waits for it, and does not know of
 * it. A pass finds in the ledger what was used since the last one, and in `limit_change` whose subscriptions, grants or
 * top-ups have changed, and reads these counters only. What moves by itself is found by a sweep over all users: that a
 * top-up expires, or that a grant begins. Both go on slice by slice. Merging or deleting users waits at most for one slice.
 */
export const standingsJob = 'limit-standings';
export const standingsJobs: Record<string, Job> = {
  [standingsJob]: (_payload, context) => refreshStandings(context),
};

const usual = {
  /** Where users are fewer, standings are computed when somebody asks. */
  largeFrom: 10_000,
  sliceUsers: 2_000,
  sliceEvents: 5_000,
  /** A run ends then; the next one goes on. */
  budgetMs: 25_000,
  minAgeMs: 120_000,
  /** A pass rests so many times as long as it worked: it takes a tenth of a core at most. */
  restFactor: 9,
  sweepMinAgeMs: 600_000,
  /** And a sweep a fiftieth. */
  sweepRestFactor: 49,
};

/**
 * Goes on with the passes that are due. It may be killed at any point, and several processes may run it: each slice is
 * one transaction.
 */
export async function refreshStandings(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  options: Partial<typeof usual> = {},
): Promise<void> {
  const { largeFrom, sliceUsers, sliceEvents, budgetMs, ...pace } = { ...usual, ...options };
  const size = { users: sliceUsers, events: sliceEvents };
  const deadline = performance.now() + budgetMs;
  const isOver = () => stop.aborted || performance.now() > deadline;
  const session = await pool.connect();
  try {
    // Environments take turns, one slice each: a large one does not delay the others.
    let left = await findDue(session, stop, { largeFrom, sliceUsers, pace });
    while (left.length > 0 && !isOver()) {
      const goingOn: string[] = [];
      for (const environmentId of left) {
        const began = performance.now();
        if (await refreshNext(session, environmentId, size)) goingOn.push(environmentId);
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

/** The environments with work. What is stored of small ones is forgotten. */
async function findDue(
  session: PoolClient,
  stop: AbortSignal,
  { largeFrom, sliceUsers, pace }: { largeFrom: number; sliceUsers: number; pace: Pace },
): Promise<string[]> {
  const underWay: string[] = [];
  const due: string[] = [];
  for (const environmentId of await findEnvironments(session)) {
    if (!(await isLarge(session, environmentId, largeFrom))) {
      await forgetStandings(session, environmentId, sliceUsers);
      continue;
    }
    const { isUnderWay, isDue } = await findWork(session, environmentId, pace);
    if (isDue) due.push(environmentId);
    else if (isUnderWay) underWay.push(environmentId);
  }
  const bound = due.length === 0 ? null : await findBound(session, stop);
  if (bound !== null) for (const environmentId of due) await beginPass(session, environmentId, bound);
  return [...underWay, ...due];
}

/** Null if somebody writes to the ledger for too long: then no pass begins in this run. */
async function findBound(session: PoolClient, stop: AbortSignal): Promise<Bound | null> {
  const at = await readClock(session);
  const id = await settledId(session, stop);
  return id === null ? null : { at, id };
}
