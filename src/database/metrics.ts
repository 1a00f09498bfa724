import type { Pool } from 'pg';
import { Counter, Gauge, type Registry } from 'prom-client';
import { endedWorkersSql } from '../jobs/recovery.ts';
import { type Replica, readOutcomes } from './replica.ts';

/** Registers the connections of each pool: open, in use, and waited for. */
export function registerPoolMetrics(registry: Registry, pools: Record<string, Pool>): void {
  const gauge = (name: string, help: string, read: (pool: Pool) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers: [registry],
      collect() {
        for (const [name, pool] of Object.entries(pools)) this.set({ pool: name }, read(pool));
      },
    });
  gauge('kana_pool_connections', 'Open connections to the database.', (pool) => pool.totalCount);
  gauge('kana_pool_busy', 'Connections in use.', (pool) => pool.totalCount - pool.idleCount);
  gauge('kana_pool_limit', 'The maximum number of connections.', (pool) => pool.options.max);
  gauge('kana_pool_waiting', 'Calls that wait for a connection.', (pool) => pool.waitingCount);
}

/** Registers whether the replica is read, how old what it shows may be, and what became of reads that may use it. */
export function registerReplicaMetrics(registry: Registry, replica: Replica): void {
  const registers = [registry];
  new Gauge({
    name: 'kana_replica_read',
    help: '1 while the replica is read, else 0. Of several processes the least.',
    registers,
    aggregator: 'min',
    collect() {
      this.set(replica.obstacle() === null ? 1 : 0);
    },
  });
  new Gauge({
    name: 'kana_replica_age_seconds',
    help: 'How old may be what the replica shows. Absent while it is not read. Of several processes the most.',
    registers,
    aggregator: 'max',
    collect() {
      const ageMs = replica.ageMs();
      if (ageMs === null) this.reset();
      else this.set(ageMs / 1_000);
    },
  });
  new Counter({
    name: 'kana_replica_reads_total',
    help: 'Reads that may use the replica: read from it, or from the primary because it was behind, unusable or failed.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const outcome of readOutcomes) this.inc({ outcome }, replica.outcomes[outcome]);
    },
  });
}

interface JobRow {
  task: string;
  waiting: number;
  lag: number;
  given_up: number;
  left: number;
}

/* The table is small: it contains only unfinished jobs. */
const jobsSql = `
  with gone as materialized (${endedWorkersSql})
  select task_identifier as task,
    (count(*) filter (where due))::float as waiting,
    coalesce(extract(epoch from now() - min(run_at) filter (where due)), 0)::float as lag,
    (count(*) filter (where attempts >= max_attempts and locked_at is null))::float as given_up,
    (count(*) filter (where locked_by in (select locked_by from gone)))::float as "left"
  from (
    select *, run_at <= now() and locked_at is null and attempts < max_attempts as due from graphile_worker.jobs
  ) job
  group by task_identifier order by task_identifier`;

/** Registers the jobs that wait, for how long, and those that failed too often. */
export async function registerJobMetrics(registry: Registry, pool: Pool): Promise<void> {
  const { rows } = await pool.query<JobRow>({ name: 'job metrics', text: jobsSql });
  const gauge = (name: string, help: string, read: (row: JobRow) => number) => {
    const metric = new Gauge({ name, help, labelNames: ['task'], registers: [registry] });
    for (const row of rows) metric.set({ task: row.task }, read(row));
  };
  gauge('kana_jobs_waiting', 'Jobs that are due and not running.', ({ waiting }) => waiting);
  gauge('kana_job_lag_seconds', 'How long the oldest of them has been due.', ({ lag }) => lag);
  gauge('kana_jobs_given_up', 'Jobs that failed too often.', ({ given_up }) => given_up);
  gauge('kana_jobs_left', 'Unfinished jobs of processes that have ended.', ({ left }) => left);
}
