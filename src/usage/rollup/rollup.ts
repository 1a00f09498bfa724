import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { transaction } from '../../database/transaction.ts';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { giveWay } from '../../jobs/throttle.ts';
import { findWriters, readLastId, rollUpNext } from './store.ts';

/**
 * Run at start and every minute. What it has not come to is added to every answer, so neither recording nor a query
 * waits for it. Whoever merges or deletes users waits for the batch that it is in: they correct the same hours.
 */
export const rollUpJob = 'usage-rollup';
export const rollUpJobs: Record<string, Job> = {
  [rollUpJob]: (_payload, context) => rollUp(context),
};

/** How long transactions that write to the ledger are waited for, and how often they are looked at; milliseconds. */
const patience = 20_000;
const pause = 10;

/**
 * Rolls up the ledger, up to what is recorded now. It can be killed anywhere, and several can do it at once: each
 * batch is one transaction, under a lock. A batch that fails is begun again by the next run.
 *
 * @param batchSize how many events one batch holds: few, for whoever merges or deletes users waits for it
 */
export async function rollUp(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  batchSize = 10_000,
): Promise<void> {
  const session = await pool.connect();
  try {
    const upTo = await settledId(session, stop);
    let more = upTo !== null;
    while (upTo !== null && more && !stop.aborted) {
      const began = performance.now();
      more = await transaction(session, () => rollUpNext(session, upTo, batchSize));
      if (more) await giveWay(session, performance.now() - began, stop);
    }
    session.release();
  } catch (error) {
    // A connection whose transaction failed is not used again: it may be the connection that failed.
    session.release(true);
    throw error;
  }
}

/**
 * An id up to which the ledger is complete: transactions draw ids and commit in different orders, so everyone who
 * was writing when the id was the last one must have ended. Nobody is held up by it.
 *
 * @returns null if somebody goes on writing for too long
 */
async function settledId(session: PoolClient, stop: AbortSignal): Promise<bigint | null> {
  const last = await readLastId(session);
  const writers = await findWriters(session);
  const deadline = performance.now() + patience;
  while (!stop.aborted) {
    const still = await findWriters(session);
    if (![...writers].some((writer) => still.has(writer))) return last;
    if (performance.now() > deadline) return null;
    await sleep(pause);
  }
  return null;
}
