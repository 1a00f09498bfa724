import type { Pool, PoolClient } from 'pg';
import type { Db } from './client.ts';
import { isWriteConflict } from './errors.ts';
import type { PrismaClient } from './generated/client.ts';

const maxAttempts = 10;

/** Runs `work` in a transaction on this connection. An error rolls it back. */
export async function transaction<Result>(client: PoolClient, work: () => Promise<Result>): Promise<Result> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    // If the connection has failed, PostgreSQL rolls back by itself.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/**
 * Runs `work` in a transaction on one connection of the pool. Retries if PostgreSQL aborted it because of another one.
 */
export const inTransaction = <Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> => onConnection(pool, (client) => transaction(client, () => work(client)));

/** What a transaction of few round trips does. */
export interface ShortWork<Opened, Result> {
  /**
   * Sends the first statements, at once. They travel with `begin`, whose failure none of them may turn into a change: they
   * only lock and read.
   */
  open(client: PoolClient): Promise<Opened>;
  /** Does the rest. `last` is the answer to the last statement, which is sent already: `commit` travels with it. */
  work(client: PoolClient, opened: Opened): Promise<{ result: Result; last?: Promise<unknown> }>;
}

/**
 * The same as inTransaction, in fewer round trips: on a busy server each one costs a turn of the event loop, in which long
 * work of others goes on. The connections of the pool send statements without waiting for the ones before (see `pipeline`
 * in pool.ts).
 *
 * After a failed statement PostgreSQL refuses all others, and answers `commit` with a rollback: so nothing is committed
 * unless all of them succeed.
 */
export const inShortTransaction = <Opened, Result>(
  pool: Pool,
  { open, work }: ShortWork<Opened, Result>,
): Promise<Result> =>
  onConnection(pool, async (client) => {
    try {
      const [, opened] = await Promise.all([client.query('begin'), open(client)]);
      const { result, last } = await work(client, opened);
      await Promise.all([last, client.query('commit')]);
      return result;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  });

/** Retries if PostgreSQL aborted the transaction because of another one. */
async function onConnection<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await pool.connect();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // Close the connection: it may be the cause of the failure.
      client.release(true);
      if (!isWriteConflict(error) || attempt === maxAttempts) throw error;
    }
  }
}

/** Long enough for a user with a long history, or for a whole catalogue. */
const defaultTimeoutMs = 60_000;

/** Runs `work` in a transaction with longer timeouts than other requests have. */
export function longTransaction<Result>(
  prisma: PrismaClient,
  work: (tx: Db) => Promise<Result>,
  timeoutMs = defaultTimeoutMs,
): Promise<Result> {
  return prisma.$transaction(
    async (tx) => {
      await tx.$executeRaw`SELECT set_config('statement_timeout', ${`${timeoutMs}ms`}, true)`;
      return work(tx);
    },
    { maxWait: 10_000, timeout: timeoutMs },
  );
}
