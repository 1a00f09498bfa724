import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';
import { goneSql } from '../jobs/recovery.ts';

/** How many connections each pool has open, in use, and wanted. */
export function registerPoolMetrics(registry: Registry, pools: Record<string, Pool>): void {
  const tell = (name: string, help: string, of: (pool: Pool) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers: [registry],
      collect() {
        for (const [pool, metrics] of Object.entries(pools)) this.set({ pool }, of(metrics));
      },
    });
  tell('kana_pool_connections', 'Open connections to the database.', (pool) => pool.totalCount);
  tell('kana_pool_busy', 'Connections in use.', (pool) => pool.totalCount - pool.idleCount);
  tell('kana_pool_limit', 'Connections that may be open.', (pool) => pool.options.max);
  tell('kana_pool_waiting', 'Who waits for a connection.', (pool) => pool.waitingCount);
}

interface JobRow {
  task: string;
  waiting: number;
  lag: number;
  given_up: number;
  left: number;
}

/* The table holds what is still to be done, which is little: done jobs leave it. */
const jobsSql = `
  with gone as materialized (${goneSql})
  select task_identifier as task,
    (count(*) filter (where due))::float as waiting,
    coalesce(extract(epoch from now() - min(run_at) filter (where due)), 0)::float as lag,
    (count(*) filter (where attempts >= max_attempts and locked_at is null))::float as given_up,
    (count(*) filter (where locked_by in (select locked_by from gone)))::float as "left"
  from (
    select *, run_at <= now() and locked_at is null and attempts < max_attempts as due from graphile_worker.jobs
  ) job
  group by task_identifier order by task_identifier`;

/** Tells what waits to be done in the background, for how long, and what was given up. */
export async function registerJobMetrics(registry: Registry, pool: Pool): Promise<void> {
  const { rows } = await pool.query<JobRow>({ name: 'job metrics', text: jobsSql });
  const tell = (name: string, help: string, of: (row: JobRow) => number) => {
    const gauge = new Gauge({ name, help, labelNames: ['task'], registers: [registry] });
    for (const row of rows) gauge.set({ task: row.task }, of(row));
  };
  tell('kana_jobs_waiting', 'Jobs that are due and that nobody works on.', ({ waiting }) => waiting);
  tell('kana_job_lag_seconds', 'For how long the oldest of them has been due.', ({ lag }) => lag);
  tell('kana_jobs_given_up', 'Jobs that failed too often.', ({ given_up }) => given_up);
  tell('kana_jobs_left', 'Jobs of processes that ended on the way.', ({ left }) => left);
}
