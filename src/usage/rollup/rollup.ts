import type { PoolClient } from 'pg';
import { haveEnded } from '../../database/ended.ts';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { throttle } from '../../jobs/throttle.ts';
import { findWriters, prepareRollups, readLastId, rollUpNext } from './store.ts';

/**
 * Runs at start and every minute. Recording and queries never wait for it: a query adds the part of the ledger that is
 * not rolled up yet. Merging or deleting users waits at most for one batch of the same environment.
 */
export const rollUpJob = 'usage-rollup';
export const rollUpJobs: Record<string, Job> = {
  [rollUpJob]: (_payload, context) => rollUp(context),
};

/** The timeout and the poll interval of waiting for transactions that write to the ledger. */
const writersTimeoutMs = 20_000;
const pollMs = 10;

/**
 * Rolls up the ledger of all environments, up to the current last id. It may be killed at any point, and several
 * processes may run it: each batch is one transaction, under the lock of its environment. The next run repeats a
 * failed batch.
 *
 * @param batchSize the number of events in one batch
 */
export async function rollUp(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  batchSize = 10_000,
): Promise<void> {
  const session = await pool.connect();
  try {
    const upTo = await settledId(session, stop);
    // Environments take turns, one batch each: a large backlog does not delay the others.
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
    // Discards the connection: it may be the cause of the failure.
    session.release(true);
    throw error;
  }
}

/**
 * Returns an id up to which the ledger is complete. Transactions draw ids and commit in different orders, so this waits
 * until all transactions that were writing have ended. It blocks nobody.
 *
 * Writers are found by their locks, not by transaction ids: a transaction draws an id of the ledger before it has a
 * transaction id, and the oldest running transaction may belong to another database of the server.
 *
 * @returns null if a writer does not end within the timeout
 */
export async function settledId(session: PoolClient, stop: AbortSignal): Promise<bigint | null> {
  const last = await readLastId(session);
  const writersEnded = await haveEnded(() => findWriters(session), {
    stop,
    timeoutMs: writersTimeoutMs,
    pollMs,
  });
  return writersEnded ? last : null;
}
