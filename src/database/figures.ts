import type { Pool } from 'pg';
import type { Family, Reading, Registry } from '../telemetry/registry.ts';

/** How many connections each pool has open, in use, and wanted. */
export function tellPools({ gauge }: Registry, pools: Record<string, Pool>): void {
  const read = (of: (pool: Pool) => number) => () =>
    Object.entries(pools).map(([name, pool]): Reading => [{ pool: name }, of(pool)]);
  gauge(
    'kana_pool_connections',
    'Open connections to the database.',
    read((pool) => pool.totalCount),
  );
  gauge(
    'kana_pool_busy',
    'Connections in use.',
    read((pool) => pool.totalCount - pool.idleCount),
  );
  gauge(
    'kana_pool_limit',
    'Connections that may be open.',
    read((pool) => pool.options.max),
  );
  gauge(
    'kana_pool_waiting',
    'Who waits for a connection.',
    read((pool) => pool.waitingCount),
  );
}

interface JobRow {
  task: string;
  waiting: number;
  lag: number;
  given_up: number;
}

/* The table holds what is still to be done, which is little: done jobs leave it. */
const jobsSql = `
  select task_identifier as task,
    (count(*) filter (where due))::float as waiting,
    coalesce(extract(epoch from now() - min(run_at) filter (where due)), 0)::float as lag,
    (count(*) filter (where attempts >= max_attempts))::float as given_up
  from (
    select *, run_at <= now() and locked_at is null and attempts < max_attempts as due from graphile_worker.jobs
  ) job
  group by task_identifier order by task_identifier`;

/** What waits to be done in the background, for how long, and what was given up. */
export async function readJobFigures(pool: Pool): Promise<Family[]> {
  const { rows } = await pool.query<JobRow>({ name: 'job figures', text: jobsSql });
  const family = (name: string, help: string, of: (row: JobRow) => number): Family => ({
    ...{ name, help, type: 'gauge', merge: 'max' },
    samples: rows.map((row) => ({ suffix: '', labels: { task: row.task }, value: of(row) })),
  });
  return [
    family('kana_jobs_waiting', 'Jobs that are due and that nobody works on.', ({ waiting }) => waiting),
    family('kana_job_lag_seconds', 'For how long the oldest of them has been due.', ({ lag }) => lag),
    family('kana_jobs_given_up', 'Jobs that failed too often.', ({ given_up }) => given_up),
  ];
}
