import type { Pool, PoolClient } from 'pg';

const maxAttempts = 10;
/** PostgreSQL's codes for a transaction that was given up so that another could go on. */
const givenUp = new Set(['40P01', '40001']);

/**
 * Runs `work` in a transaction on one connection, and again from the beginning if PostgreSQL gave it up for
 * another one. Whatever `work` throws undoes everything.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      client.release();
      return result;
    } catch (error) {
      // A connection whose transaction failed is not used again: it may be the connection that failed.
      client.release(true);
      if (!givenUp.has(codeOf(error)) || attempt === maxAttempts) throw error;
    }
  }
}

const codeOf = (error: unknown) => String((error as { code?: unknown } | null)?.code);
