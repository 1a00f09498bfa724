import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { unavailabilityOf } from '../database/errors.ts';
import { inTransaction } from '../database/transaction.ts';
import { LOCKED } from './store.ts';

const pauseMs = 250;
/** A process that ends waits about 5 seconds for a lock, as statements do. */
const maxTriesAfterStop = 20;

/** How something is saved. */
export interface Saving {
  /** The end of the lease, as performance.now() tells it: until then it is tried. */
  until: number;
  /** The end of the process: after it, only locks are waited for. */
  stop: AbortSignal;
  inTurn: OwnTurn;
}

/** Runs work in a turn of the environment: it may use a connection until it ends. */
export type OwnTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * Saves what was sent, in a transaction. What is not saved is sent again, so it is tried while the database cannot do it,
 * as long as the lease lasts: until then nobody else sends the same.
 */
export const saveSent = <Result>(
  pool: Pool,
  saving: Saving,
  work: (client: PoolClient) => Promise<Result | typeof LOCKED>,
): Promise<Result> => untilSaved(saving, () => inTransaction(pool, work));

/**
 * Tries until the database can do it. Nothing waits for a lock on a connection: few connections serve all webhooks, and
 * somebody may change many webhooks for long.
 */
export async function untilSaved<Result>(
  { until, stop, inTurn }: Saving,
  save: () => Promise<Result | typeof LOCKED>,
): Promise<Result> {
  const mayRetry = () => performance.now() + pauseMs < until;
  for (let triesAfterStop = 0; ; ) {
    try {
      const result = await inTurn(save);
      if (result !== LOCKED) return result;
    } catch (error) {
      if (stop.aborted || !mayRetry() || unavailabilityOf(error) === null) throw error;
    }
    if (stop.aborted) triesAfterStop += 1;
    if (!mayRetry() || triesAfterStop > maxTriesAfterStop)
      throw new Error('somebody else had locked the webhook for too long');
    await sleep(pauseMs);
  }
}
