import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../database/transaction.ts';

/*
 * The queue keeps a job locked until its worker finishes, or for four hours: it cannot distinguish a long job from one
 * whose process was killed. So each worker holds a shared advisory lock while it is connected. It is shared, so that a
 * worker can reconnect before its old connection has ended. If the exclusive lock is available, the worker has ended.
 *
 * A worker that loses its connection for a moment may look ended. Then its jobs run twice at once, which every job must
 * tolerate.
 */
const lifeLockKey = (worker: string) => `hashtextextended('jobs of ' || ${worker}, 0)`;

/** Shows that this worker is alive, until the connection ends. */
export async function holdLifeLock(connection: PoolClient, worker: string): Promise<void> {
  await connection.query(`select pg_advisory_lock_shared(${lifeLockKey('$1')})`, [worker]);
}

/** A query for the ended workers that still have jobs, each once. */
export const endedWorkersSql = `
  select locked_by from (
    select distinct locked_by from graphile_worker.jobs where locked_by is not null offset 0
  ) worker
  where pg_try_advisory_xact_lock(${lifeLockKey('locked_by')})`;

const abandonedJobsSql = `
  with gone as materialized (${endedWorkersSql})
  select id, locked_by as worker, key is null as replaced
  from graphile_worker.jobs where locked_by <> $1 and locked_by in (select locked_by from gone)`;

/**
 * Releases the jobs of ended workers. A job that was added again while it ran is marked as done: the newer one replaces
 * it.
 *
 * @param self this worker, which is alive
 */
export async function recoverJobs(pool: Pool, self: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ id: string; worker: string; replaced: boolean }>(abandonedJobsSql, [
      self,
    ]);
    if (rows.length === 0) return;
    const workers = [...new Set(rows.map(({ worker }) => worker))];
    await client.query('select graphile_worker.force_unlock_workers($1::text[])', [workers]);
    const replaced = rows.filter((row) => row.replaced).map(({ id }) => id);
    await client.query('select graphile_worker.complete_jobs($1::bigint[])', [replaced]);
  });
}
