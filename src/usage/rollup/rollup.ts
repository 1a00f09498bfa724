import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { throttle } from '../../jobs/throttle.ts';
import { findWriters, prepareRollups, readLastId, rollUpNext } from './store.ts';

/**
 * Runs at start and every minute. A query adds what is not rolled up yet, so neither recording nor a query waits for
 * it. Merging or deleting users waits at most while one batch of their own environment is saved.
 */
export const rollUpJob = 'usage-rollup';
export const rollUpJobs: Record<string, Job> = {
  [rollUpJob]: (_payload, context) => rollUp(context),
};

/** How long to wait for transactions that write to the ledger, and how often to look. */
const writersTimeoutMs = 20_000;
const pollMs = 10;

/**
 * Rolls up the ledger, up to what is recorded now, one environment beside the other. It can be killed anywhere, and
 * several processes can do it at once: each batch is one transaction, under the lock of its environment. A batch that
 * fails is begun again by the next run.
 *
 * @param batchSize how many events of the ledger one batch reads
 */
export async function rollUp(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  batchSize = 10_000,
): Promise<void> {
  const session = await pool.connect();
  try {
    const upTo = await settledId(session, stop);
    // One batch each in turn: an environment with much to roll up does not keep the others waiting.
    let behind = upTo === null ? [] : await prepareRollups(session);
    while (upTo !== null && behind.length > 0 && !stop.aborted) {
      const left: string[] = [];
      for (const environmentId of behind) {
        const began = performance.now();
        if (!(await rollUpNext(session, { environmentId, upTo, count: batchSize }))) continue;
        left.push(environmentId);
        await throttle(session, performance.now() - began, stop);
      }
      behind = left;
    }
    session.release();
  } catch (error) {
    // A connection whose transaction failed is not used again: it may be the connection that failed.
    session.release(true);
    throw error;
  }
}

/**
 * An id up to which the ledger is complete: transactions draw ids and commit in different orders, so every transaction
 * that was writing when the id was the last one must have ended. It blocks nobody.
 *
 * Locks tell who writes, not transaction ids: a transaction draws an id of the ledger before it has one of its own, and
 * the oldest running transaction may belong to another database of the same server.
 *
 * @returns null if one of them goes on writing for too long
 */
async function settledId(session: PoolClient, stop: AbortSignal): Promise<bigint | null> {
  const last = await readLastId(session);
  const writers = await findWriters(session);
  const deadline = performance.now() + writersTimeoutMs;
  while (!stop.aborted) {
    const still = await findWriters(session);
    if (![...writers].some((writer) => still.has(writer))) return last;
    if (performance.now() > deadline) return null;
    await sleep(pollMs);
  }
  return null;
}
