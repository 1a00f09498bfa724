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
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await pool.connect();
    try {
      const result = await transaction(client, () => work(client));
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
