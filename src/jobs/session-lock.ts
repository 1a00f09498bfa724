import type { Pool, PoolClient } from 'pg';

/**
 * Runs `work` unless another connection is running it under the same name. The lock lasts as long as the connection: if
 * the process is killed, another one can take it at once.
 *
 * @param name names the lock
 * @returns whether `work` was run
 */
export async function exclusively(
  pool: Pool,
  name: string,
  work: (session: PoolClient) => Promise<void>,
): Promise<boolean> {
  const session = await pool.connect();
  try {
    const { rows } = await session.query<{ locked: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
      [name],
    );
    const isLocked = rows[0]?.locked ?? false;
    if (isLocked) {
      await work(session);
      await session.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
    }
    session.release();
    return isLocked;
  } catch (error) {
    // Closing the connection releases the lock.
    session.release(true);
    throw error;
  }
}
