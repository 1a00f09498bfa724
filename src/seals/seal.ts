import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { transaction } from '../database/transaction.ts';
import type { Job, JobContext } from '../jobs/queue.ts';
import { throttle } from '../jobs/throttle.ts';
import { type Log, logs } from './rules.ts';
import { findRunning, findStillRunning, readLastId, sealNext } from './store.ts';

/** Runs at start and every minute. Recording and other changes do no work for it. */
export const sealJob = 'seals';
export const sealJobs: Record<string, Job> = {
  [sealJob]: (_payload, context) => sealLogs(context),
};

/** The wait for transactions that may still write rows below the id, and the polling interval. */
const writersTimeoutMs = 20_000;
const pollMs = 10;

/** The rows of one seal, and the seals of each log in one run. The next run continues. */
const bounds = { batchSize: 10_000, batches: 50 };

/**
 * Seals what was added to the logs. It can be killed anywhere, and several processes can do it at once: each seal is
 * one transaction, under a lock.
 */
export async function sealLogs(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  { batchSize, batches } = bounds,
): Promise<void> {
  const session = await pool.connect();
  try {
    for (const log of logs) {
      const upTo = await settledId(session, log, stop);
      for (let batch = 0; upTo !== null && batch < batches && !stop.aborted; batch += 1) {
        const began = performance.now();
        const sealed = await transaction(session, () => sealNext(session, { log, upTo, count: batchSize }));
        if (sealed === null || sealed.rowCount < batchSize) break;
        await throttle(session, performance.now() - began, stop);
      }
    }
    session.release();
  } catch (error) {
    // A connection whose transaction failed is not used again: it may be the connection that failed.
    session.release(true);
    throw error;
  }
}

/**
 * An id up to which a log is complete. Transactions draw ids and commit in different orders, so every transaction that
 * was running after the id was read must have ended. It blocks nobody.
 *
 * @returns null if one of them takes too long; the next run tries again
 */
async function settledId(session: PoolClient, log: Log, stop: AbortSignal): Promise<bigint | null> {
  const last = await readLastId(session, log);
  let running = await findRunning(session);
  const deadline = performance.now() + writersTimeoutMs;
  while (running.length > 0 && !stop.aborted) {
    if (performance.now() > deadline) return null;
    await sleep(pollMs);
    running = await findStillRunning(session, running);
  }
  return stop.aborted ? null : last;
}
