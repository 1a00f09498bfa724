import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { haveEnded } from '../../database/ended.ts';
import { unavailabilityOf } from '../../database/errors.ts';
import { transaction } from '../../database/transaction.ts';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { throttle } from '../../jobs/throttle.ts';
import {
  beginSums,
  catchUp,
  type Dropped,
  type DuePartition,
  findObstacle,
  findOldest,
  findTransactions,
  forgetSums,
  lockProgress,
  replace,
  saveProgress,
} from './drop-store.ts';
import { sumNext, sumRest } from './sums-store.ts';

/*
 * Retention. What was recorded long ago is replaced by sums, one partition of the ledger after the other, the oldest first.
 * The sums are rows of the ledger too, so whatever adds it up (verify, recounts, merges, deletions, series) goes on as
 * before. What the sums do not tell is not shown: single usages and their notes. Idempotency keys stay.
 *
 * The sums are made in slices, beside recording: a user with more usage than a slice has sums of each slice. Then one short
 * transaction puts them in place of the partition.
 */

/** Runs at start and every minute. */
export const retentionJob = 'usage-retention';

/** @param months how long single usages are kept; null: for ever */
export function retentionJobs(months: number | null): Record<string, Job> {
  let told: string | undefined;
  return {
    [retentionJob]: async (_payload, context) => {
      const outcome = await retain(context, months);
      if (outcome.state === 'DROPPED')
        context.log.info(outcome, 'an old partition of the ledger was replaced by its sums');
      // Each state is logged once, not every minute.
      const state = outcome.state === 'BEGUN' ? told : stateOf(outcome);
      if (state !== told && outcome.state === 'WAITING')
        context.log.warn(outcome, 'an old partition of the ledger is kept for now');
      if (state !== told && outcome.state === 'NOTHING_DUE' && months !== null)
        context.log.info(
          { months, dueAt: outcome.dueAt ?? null },
          'no partition of the ledger is old enough to be replaced by its sums',
        );
      told = state;
    },
  };
}

const stateOf = (outcome: Outcome) =>
  [
    outcome.state,
    'obstacle' in outcome && outcome.obstacle,
    'dueAt' in outcome && outcome.dueAt?.getTime(),
  ].join(' ');

/** What became of the oldest partition in one run. */
export type Outcome =
  /** From when on the oldest partition is due. Absent: recording has left none with single usages. */
  | { state: 'NOTHING_DUE'; dueAt?: Date }
  /** Why it is kept. The next run tries again. */
  | { state: 'WAITING'; obstacle: string; toId: string }
  /** The run was broken off. The next one goes on. */
  | { state: 'BEGUN' }
  | { state: 'DROPPED'; toId: string; bytesBefore: number; bytesAfter: number };

/**
 * The most events of one slice, and how long one run waits for transactions that began before the sums were complete. No
 * transaction sums more than a slice.
 */
const defaults = { sliceSize: 10_000, transactionsTimeoutMs: 20_000 };

const pollMs = 50;
/** How many times one run makes sums anew of what has changed meanwhile. */
const maxRounds = 100;

/**
 * Replaces the oldest partition, if it is due. It can be killed anywhere, and several processes can do it at once: each
 * slice is one transaction, under a lock, and so is the replacement.
 */
export async function retain(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  months: number | null,
  bounds: Partial<typeof defaults> = {},
): Promise<Outcome> {
  const session = await pool.connect();
  try {
    const outcome = await advance(session, stop, months, { ...defaults, ...bounds });
    session.release();
    return outcome;
  } catch (error) {
    // Discards the connection: it may be the cause of the failure.
    session.release(true);
    throw error;
  }
}

async function advance(
  session: PoolClient,
  stop: AbortSignal,
  months: number | null,
  bounds: typeof defaults,
): Promise<Outcome> {
  const due = months === null ? null : await findOldest(session, months);
  if (!due?.isDue) {
    await forgetSums(session);
    return { state: 'NOTHING_DUE', ...(due && { dueAt: due.dueAt }) };
  }
  const waiting = (obstacle: string): Outcome => ({ state: 'WAITING', obstacle, toId: `${due.toId}` });
  const obstacle = await findObstacle(session, due);
  if (obstacle !== null) return waiting(obstacle);
  if (!(await beginSoon(session, due, stop)))
    return waiting('users are being merged or deleted, or the ledger is being sealed');
  if (!(await sumAll(session, due, stop, bounds.sliceSize))) return { state: 'BEGUN' };
  const dropped = await replaceCurrent(session, due, stop, bounds).catch(obstacleOf);
  if (typeof dropped === 'string') return waiting(dropped);
  return dropped === null ? { state: 'BEGUN' } : { state: 'DROPPED', toId: `${due.toId}`, ...dropped };
}

/**
 * Sums anew what changes, until nothing has changed, and then replaces the partition.
 *
 * @returns why not, for now; null if it was broken off
 */
async function replaceCurrent(
  session: PoolClient,
  due: DuePartition,
  stop: AbortSignal,
  { sliceSize, transactionsTimeoutMs: timeoutMs }: typeof defaults,
): Promise<Dropped | string | null> {
  for (let round = 0; round < maxRounds && !stop.aborted; round += 1) {
    const began = performance.now();
    // Nobody waits for most of what has changed: only the last of it is summed under the locks.
    const isCurrent = await catchUp(session, due, sliceSize);
    if (!(await sumAll(session, due, stop, sliceSize))) return null;
    // A transaction that sees the past must not find sums missing. Backups lock the ledger for it; not all others do.
    if (!(await haveEnded(() => findTransactions(session), { stop, timeoutMs, pollMs })))
      return 'a transaction has been running for long';
    const dropped = isCurrent ? await replace(session, due, sliceSize) : null;
    if (dropped !== null) return dropped;
    await throttle(session, performance.now() - began, stop);
    await sleep(pollMs);
  }
  return stop.aborted ? null : 'subscriptions and users change all the time';
}

/** Why another transaction has kept it from a lock. */
function obstacleOf(error: unknown): string {
  const why = unavailabilityOf(error);
  if (why === 'locked' || why === 'conflict') return 'another transaction holds the ledger or subscriptions';
  throw error;
}

/** Begins to sum a partition. Seals are made at the same time each minute: it waits for them for some seconds. */
async function beginSoon(session: PoolClient, due: DuePartition, stop: AbortSignal): Promise<boolean> {
  for (let round = 0; round < maxRounds && !stop.aborted; round += 1) {
    if (await beginSums(session, due)) return true;
    await sleep(pollMs);
  }
  return false;
}

/** @returns whether all of the partition is summed: of all users, the rest of each */
async function sumAll(
  session: PoolClient,
  due: DuePartition,
  stop: AbortSignal,
  sliceSize: number,
): Promise<boolean> {
  while (!stop.aborted) {
    const began = performance.now();
    const slice = await transaction(session, async () => {
      const progress = await lockProgress(session, due);
      if (progress === null) return 'done elsewhere';
      if ((await sumRest(session, due, sliceSize)) > 0) return 'one of several';
      if (progress.isSummed) return 'last';
      const last = await sumNext(session, due, { after: progress.summedKey, count: sliceSize });
      await saveProgress(session, due, last);
      return last === null ? 'last' : 'one of several';
    });
    if (slice !== 'one of several') return slice === 'last';
    await throttle(session, performance.now() - began, stop);
  }
  return false;
}
