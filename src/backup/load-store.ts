import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Client, escapeIdentifier } from 'pg';
import { from } from 'pg-copy-streams';
import { deltaSql } from '../database/amount-sql.ts';
import type { Lookups } from '../database/client.ts';
import { unavailabilityOf } from '../database/errors.ts';
import { migrate, migrationLock, readMigrations } from '../database/migrations.ts';
import { findWriteObstacle, refuse } from '../database/requirements.ts';
import { openSession, publicAddress } from '../database/session.ts';
import { applySettings, lookupPlans } from '../database/settings.ts';
import { StartupError } from '../errors.ts';
import {
  type Facts,
  jobsName,
  type Migration,
  migrationProblem,
  type Proof,
  tableProblem,
} from './facts-rules.ts';
import type { Snapshot } from './snapshot-store.ts';
import { copyNameOf, findMigrations, findTables, listOf } from './tables-store.ts';

export interface LoadOptions {
  prove: (db: Lookups) => Promise<Proof>;
  /** Told after each table. */
  onTable?: (name: string, rows: number) => void;
  /** Told what begins, and takes long. */
  onStep?: (what: string) => void;
}

/** What a migration writes; every other row is somebody's. */
const migrationsWrite = 'usage_rollup';

/**
 * Fills an empty database: migrates it to the version of the snapshot, and loads everything in one transaction, which
 * is committed only if `verify` says the same as of the source. Whatever breaks it off leaves no rows. Rows of an
 * earlier version are migrated afterwards.
 *
 * @throws StartupError if the database is not empty or does not fit
 */
export async function load(url: string, snapshot: Snapshot, options: LoadOptions): Promise<Proof> {
  const known = await readMigrations();
  const { migrations } = snapshot.facts;
  const problem = migrationProblem(migrations, known);
  if (problem !== null) throw new StartupError(`What is to be loaded ${problem}.`);
  await refuseUsed(url, migrations);
  await migrate(url, new Set(migrations.map(({ name }) => name)));
  const isOlder = migrations.length < known.length;
  let isCommitting = false;
  const proof = await inSession(url, async (session) => {
    // No server starts meanwhile: it would wait, and then find everything.
    await session.query('select pg_advisory_lock($1)', [migrationLock]);
    await session.query('begin');
    await fill(session, url, snapshot, options);
    const expected = await snapshot.proof();
    if (!isOlder) await compare(session, url, expected, options);
    isCommitting = true;
    await session.query('commit');
    return expected;
  }).catch((error) => {
    throw explained(error, url, isCommitting);
  });
  if (!isOlder) return proof;
  options.onStep?.('migrating to this version');
  await migrate(url);
  // A later version may say the same in other words: what it says is returned, not compared.
  return inSession(url, (session) => prove(session, options));
}

/** Says what became of the target, where the disk is full or a connection broke. Other errors say enough. */
function explained(error: unknown, url: string, isCommitting: boolean): unknown {
  const why = unavailabilityOf(error);
  if (error instanceof StartupError || why === null) return error;
  const { message } = error as Error;
  const reason =
    why === 'unreachable' ? `a connection broke (${message}); PostgreSQL's log may say why` : message;
  if (isCommitting && why === 'unreachable')
    return new StartupError(
      `It is not known whether the database at ${publicAddress(url)} was filled: ${reason}. ` +
        'Run this again: it loads everything, or says that the database is in use, and then it was.',
    );
  return new StartupError(
    `Nothing was loaded into the database at ${publicAddress(url)}: ${reason}. It can be run again.`,
  );
}

/** Runs `work` on one connection. Closing it ends a transaction that is open. */
async function inSession<Result>(url: string, work: (session: Client) => Promise<Result>): Promise<Result> {
  const session = await openSession(url);
  try {
    await applySettings(session, { ...lookupPlans, idle_in_transaction_session_timeout: '0' });
    return await work(session);
  } finally {
    await session.end().catch(() => undefined);
  }
}

function prove(session: Client, options: LoadOptions): Promise<Proof> {
  options.onStep?.('verifying');
  return options.prove(session as unknown as Lookups);
}

async function compare(session: Client, url: string, expected: Proof, options: LoadOptions): Promise<void> {
  const found = await prove(session, options);
  if (found.sha256 !== expected.sha256)
    throw new StartupError(
      `verify says something else of the database at ${publicAddress(url)} than of the source: ${found.users} users ` +
        `and ${found.differences} differences there, ${expected.users} users and ${expected.differences} differences ` +
        'at the source. Nothing was loaded.',
    );
}

/** @throws StartupError if anybody has written to the database */
async function refuseUsed(url: string, migrations: readonly Migration[]): Promise<void> {
  const session = await openSession(url);
  try {
    refuse(publicAddress(url), await findWriteObstacle(session));
    const tables = await findTables(session);
    const { rows } = await session.query("select to_regclass('_prisma_migrations') is not null as there");
    const applied = rows[0].there ? await findMigrations(session) : [];
    const given = new Set(migrations.map(({ name }) => name));
    const other = applied.find(({ name }) => !given.has(name));
    if (other !== undefined)
      throw new StartupError(
        `The database at ${publicAddress(url)} is of another version: it has the migration ${other.name}. ` +
          'Name a new, empty database.',
      );
    if (applied.length === 0 && tables.length > 0)
      throw new StartupError(
        `The database at ${publicAddress(url)} has tables of something else. Name a new, empty database.`,
      );
    await refuseRows(session, url, tables);
  } finally {
    await session.end();
  }
}

async function refuseRows(session: Client, url: string, tables: Facts['tables']): Promise<void> {
  for (const { name } of tables.filter((table) => table.name !== migrationsWrite)) {
    const { rows } = await session.query(
      `select exists (select from public.${escapeIdentifier(name)}) as used`,
    );
    if (rows[0].used)
      throw new StartupError(
        `The database at ${publicAddress(url)} is in use: the table ${name} has rows. Name a new, empty database.`,
      );
  }
}

async function fill(
  session: Client,
  url: string,
  snapshot: Snapshot,
  { onTable, onStep }: LoadOptions,
): Promise<void> {
  const { facts } = snapshot;
  const tables = await findTables(session);
  const problem = tableProblem(facts.tables, tables);
  if (problem !== null)
    throw new StartupError(
      `What is to be loaded does not fit the database at ${publicAddress(url)}: ${problem}.`,
    );
  await session.query(`lock table ${listOf(tables)} in access exclusive mode`);
  await refuseRows(session, url, tables);
  await session.query(`delete from ${migrationsWrite}`);
  const constraints = await dropConstraints(session, facts);
  await addPartitions(session, facts);
  await createJobTable(session);
  const columnsOf = new Map(facts.tables.map((table) => [table.name, copyNameOf(table)]));
  for await (const { name, rows } of snapshot.tables()) {
    const target = name === jobsName ? 'loaded_job' : columnsOf.get(name);
    if (target === undefined)
      throw new StartupError(`What is to be loaded has rows of an unknown table, ${name}.`);
    const into = session.query(from(`copy ${target} from stdin`));
    await pipeline(rows, into as unknown as Writable);
    onTable?.(name, into.rowCount);
  }
  await addKeys(session, tables);
  onStep?.('checking constraints');
  for (const statement of constraints) await session.query(statement);
  for (const { name, lastValue, isCalled } of facts.sequences)
    await session.query(`select setval($1::regclass, $2, $3)`, [
      `public.${escapeIdentifier(name)}`,
      lastValue,
      isCalled,
    ]);
  await addJobs(session);
  await session.query(`analyze ${listOf(tables)}`);
}

/**
 * Drops the foreign keys, so that tables can be loaded in any order, and what rows of an earlier version break.
 *
 * @returns the statements that add them again, and check all rows at once
 */
async function dropConstraints(session: Client, { unvalidated }: Facts): Promise<string[]> {
  const broken = new Set(unvalidated.map(({ table, constraint }) => `${table} ${constraint}`));
  const { rows } = await session.query<{ table: string; name: string; definition: string; kind: string }>(
    `select relname as "table", conname as name, pg_get_constraintdef(pg_constraint.oid) as definition, contype as kind
     from pg_constraint join pg_class on pg_class.oid = conrelid
     where connamespace = 'public'::regnamespace and contype in ('c', 'f') and conparentid = 0 and conislocal`,
  );
  const added: string[] = [];
  for (const { table, name, definition, kind } of rows) {
    const isBroken = broken.has(`${table} ${name}`);
    if (kind !== 'f' && !isBroken) continue;
    const alter = `alter table public.${escapeIdentifier(table)}`;
    await session.query(`${alter} drop constraint ${escapeIdentifier(name)}`);
    const suffix = isBroken && !definition.endsWith('NOT VALID') ? ' not valid' : '';
    added.push(`${alter} add constraint ${escapeIdentifier(name)} ${definition}${suffix}`);
  }
  return added;
}

/** The partitions of the ledger that its ids need: those of another database may begin elsewhere. */
async function addPartitions(session: Client, { sequences }: Facts): Promise<void> {
  const ids = sequences.find(({ name }) => name === 'usage_event_id_seq');
  const { rows } = await session.query(`select to_regproc('add_usage_partitions') is not null as there`);
  if (ids !== undefined && rows[0].there)
    await session.query('select add_usage_partitions($1)', [ids.lastValue]);
}

/** Keys of earlier versions, which are found in the first partition, may be in another partition here. */
async function addKeys(session: Client, tables: Facts['tables']): Promise<void> {
  if (!tables.some(({ name }) => name === 'usage_key')) return;
  await session.query(
    `insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
     select user_key, idempotency_key, id, environment_id, feature_id, action, ${deltaSql('e')} from usage_event e
     where idempotency_key is not null and tableoid <> 'usage_event_first'::regclass on conflict do nothing`,
  );
}

async function createJobTable(session: Client): Promise<void> {
  await session.query(
    `create temporary table loaded_job (identifier text, payload json, queue_name text, run_at timestamptz,
       max_attempts int, key text, priority int) on commit drop`,
  );
}

async function addJobs(session: Client): Promise<void> {
  await session.query(
    `select graphile_worker.add_job(identifier, payload => payload, queue_name => queue_name, run_at => run_at,
       max_attempts => max_attempts, job_key => key, priority => priority)
     from loaded_job order by priority, run_at`,
  );
}
