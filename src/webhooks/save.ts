import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { unavailabilityOf } from '../database/errors.ts';
import { inTransaction } from '../database/transaction.ts';

const pauseMs = 250;

/**
 * Saves what was sent, in a transaction. What is not saved is sent again, so it is tried while the database cannot do it,
 * as long as the lease lasts: until then nobody else sends the same.
 *
 * @param until the end of the lease, as performance.now() tells it
 */
export async function saveSent<Result>(
  pool: Pool,
  { until, stop }: { until: number; stop: AbortSignal },
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await inTransaction(pool, work);
    } catch (error) {
      const mayRetry = !stop.aborted && performance.now() + pauseMs < until;
      if (!mayRetry || unavailabilityOf(error) === null) throw error;
    }
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => undefined);
  }
}
