import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../database/transaction.ts';

/*
 * The queue knows a job as somebody's until that worker is done with it, or for four hours: it cannot tell a long
 * job from one whose process was killed. So each worker holds a lock for as long as its connection lasts, which
 * shares it with itself while it connects anew; whoever can have the lock alone knows that the worker is gone.
 *
 * A worker that has lost its connection for a moment can be taken for one that is gone, and its jobs are then done
 * twice at once, which every job must stand anyway.
 */
const lifeOf = (worker: string) => `hashtextextended('jobs of ' || ${worker}, 0)`;

/** Shows that this worker is there, until the connection ends. */
export async function showLife(connection: PoolClient, worker: string): Promise<void> {
  await connection.query(`select pg_advisory_lock_shared(${lifeOf('$1')})`, [worker]);
}

/** The workers that are gone and have left jobs, as a query. Nobody is one of them twice. */
export const goneSql = `
  select locked_by from (
    select distinct locked_by from graphile_worker.jobs where locked_by is not null offset 0
  ) worker
  where pg_try_advisory_xact_lock(${lifeOf('locked_by')})`;

const leftSql = `
  with gone as materialized (${goneSql})
  select id, locked_by as worker, key is null as replaced
  from graphile_worker.jobs where locked_by <> $1 and locked_by in (select locked_by from gone)`;

/**
 * Lets the jobs be done that workers have left which are gone. One that was added again under its name while it was
 * done is left to the newer one.
 *
 * @param self the worker that asks: it is there
 */
export async function recoverJobs(pool: Pool, self: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ id: string; worker: string; replaced: boolean }>(leftSql, [self]);
    if (rows.length === 0) return;
    const workers = [...new Set(rows.map(({ worker }) => worker))];
    await client.query('select graphile_worker.force_unlock_workers($1::text[])', [workers]);
    const replaced = rows.filter((row) => row.replaced).map(({ id }) => id);
    await client.query('select graphile_worker.complete_jobs($1::bigint[])', [replaced]);
  });
}
