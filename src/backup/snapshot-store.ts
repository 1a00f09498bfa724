import type { Readable } from 'node:stream';
import type { Client } from 'pg';
import { to } from 'pg-copy-streams';
import type { Lookups } from '../database/client.ts';
import { migrationLock, readMigrations } from '../database/migrations.ts';
import { openSession, publicAddress } from '../database/session.ts';
import { applySettings, lookupPlans } from '../database/settings.ts';
import { StartupError } from '../errors.ts';
import { version } from '../installation.ts';
import { type Facts, jobsName, migrationProblem, type Proof } from './facts-rules.ts';
import { copySourceOf, findTables, listOf, readFacts } from './tables-store.ts';

/** One state of a database, or of a backup of it. It is read once, from the first table to the last. */
export interface Snapshot {
  facts: Facts;
  /** The rows of each table of `facts`, and then the jobs, in PostgreSQL's text form for COPY. */
  tables(): AsyncIterable<{ name: string; rows: AsyncIterable<Uint8Array> }>;
  /** What `verify` says of it. To be asked after the tables. */
  proof(): Promise<Proof>;
  close(): Promise<void>;
}

/** Long enough for a change that runs; not for one that hangs. */
const lockTimeoutMs = 10_000;

/** What is not locked waits, not failed. A job that runs is added again: every job tolerates that. */
const waitingJobs = `
  select task.identifier, job.payload::text, queue.queue_name, job.run_at, job.max_attempts, job.key, job.priority
  from graphile_worker._private_jobs job
  join graphile_worker._private_tasks task on task.id = job.task_id
  left join graphile_worker._private_job_queues queue on queue.id = job.job_queue_id
  where job.key is not null and (job.attempts < job.max_attempts or job.locked_at is not null)`;

interface Options {
  /** Whether nobody may write until it is closed. Refused while a server runs. */
  isLast: boolean;
  prove: (db: Lookups) => Promise<Proof>;
}

/**
 * Opens one state of a live database: one transaction, which sees nothing of what is committed later. It blocks nobody
 * but migrations, unless it is the last.
 */
export async function openSnapshot(url: string, { isLast, prove }: Options): Promise<Snapshot> {
  const session = await openSession(url);
  try {
    const { rows } = await session.query("select to_regclass('api_key') is not null as used");
    if (!rows[0].used) throw new StartupError(`The database at ${publicAddress(url)} has no tables yet.`);
    await applySettings(session, {
      ...lookupPlans,
      // Waits for the other end, which may build indexes.
      idle_in_transaction_session_timeout: '0',
      lock_timeout: `${lockTimeoutMs}ms`,
    });
    if (isLast) await refuseServers(session, url);
    await session.query('begin isolation level repeatable read read only');
    // Before the first SELECT, which fixes what the transaction sees.
    const mode = isLast ? 'share' : 'access share';
    await session.query(`lock table ${listOf(await tablesBefore(url))} in ${mode} mode`);
    const facts = { version, takenAt: new Date().toISOString(), ...(await readFacts(session)) };
    await refuseOtherVersion(facts, url);
    let proof: Promise<Proof> | undefined;
    return {
      facts,
      async *tables() {
        for (const table of facts.tables)
          yield { name: table.name, rows: copyOut(session, `copy ${copySourceOf(table)} to stdout`) };
        yield { name: jobsName, rows: copyOut(session, `copy (${waitingJobs}) to stdout`) };
      },
      proof() {
        proof ??= prove(session as unknown as Lookups);
        return proof;
      },
      close: () => session.end(),
    };
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
}

const copyOut = (session: Client, sql: string): Readable => session.query(to(sql)) as unknown as Readable;

/** The tables, as another session sees them: reading them here would fix the snapshot before the locks. */
async function tablesBefore(url: string): Promise<Facts['tables']> {
  const session = await openSession(url);
  return findTables(session).finally(() => session.end());
}

/** While this session lives, no server starts; one that runs already would write what is not taken along. */
async function refuseServers(session: Client, url: string): Promise<void> {
  await session.query('select pg_advisory_lock($1)', [migrationLock]);
  const { rows } = await session.query<{ connections: number }>(
    `select count(*)::int as connections from pg_stat_activity
     where datname = current_database() and application_name in ('open-kana', 'open-kana deliveries', 'open-kana jobs')
       and pid <> pg_backend_pid()`,
  );
  if (rows[0]?.connections !== 0)
    throw new StartupError(
      `A server runs on the database at ${publicAddress(url)}: stop it first. What it records during the move ` +
        'would be missing afterwards.',
    );
}

async function refuseOtherVersion(facts: Facts, url: string): Promise<void> {
  const known = await readMigrations();
  const problem = migrationProblem(facts.migrations, known);
  if (problem !== null) throw new StartupError(`The database at ${publicAddress(url)} ${problem}.`);
  if (facts.migrations.length < known.length)
    throw new StartupError(
      `The database at ${publicAddress(url)} is of an earlier version: start the server of this version on it once, ` +
        'or use the version that it has.',
    );
}
