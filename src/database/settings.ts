import type { ClientBase } from 'pg';

/** Parameters of a PostgreSQL session, as SET takes them. */
export type SessionSettings = Readonly<Record<string, string>>;

/** How long one statement may wait for a lock, and how long it may run in total. */
interface Timeouts {
  lockTimeoutMs: number;
  statementTimeoutMs: number;
}

/** Ends a session whose process stopped within a transaction, so that its locks are released. */
const idleInTransactionTimeoutMs = 60_000;

/**
 * The settings that our statements rely on. They are set when a connection opens, so that settings of the database, the
 * role or the process environment do not matter. SET statements are used because poolers refuse startup parameters.
 */
export const everySession: SessionSettings = {
  idle_in_transaction_session_timeout: `${idleInTransactionTimeoutMs}ms`,
  // Pools close idle connections themselves. One that PostgreSQL ends fails the statement that is on its way to it.
  idle_session_timeout: '0',
  // Prisma's adapter reads and writes timestamps as UTC, and ignores PostgreSQL's offset.
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  client_encoding: 'UTF8',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  // Prisma's statements name the schema. Ours must find the same tables.
  search_path: 'public',
  // Transactions lock what they depend on. Stricter levels would make them fail instead.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // Compiling a plan takes longer than running most of our statements.
  jit: 'off',
  // One statement uses one core. Helpers of a long one would take the others from everybody else.
  max_parallel_workers_per_gather: '0',
  array_nulls: 'on',
  transform_null_equals: 'off',
  // Else a search finds only some of its rows, chosen at random.
  gin_fuzzy_search_limit: '0',
  // A unique violation is an answer, and must not end the session.
  exit_on_error: 'off',
};

/** Returns the settings of a session: those of every session, timeouts, and more. */
export function sessionSettings(
  { lockTimeoutMs, statementTimeoutMs }: Timeouts,
  more: SessionSettings = {},
): SessionSettings {
  return {
    ...everySession,
    lock_timeout: `${lockTimeoutMs}ms`,
    statement_timeout: `${statementTimeoutMs}ms`,
    ...more,
  };
}

/**
 * For sessions with few statements that look up rows by key. Planning each batch costs several times more than running
 * a small one, so plans are generic. A generic plan made for small tables would use sequential scans, and keep them
 * when the tables have grown.
 */
export const lookupPlans: SessionSettings = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
};

/**
 * For sessions whose statements read the first rows of an order. In a small table, a bitmap of another index and a sort
 * seem as cheap as the index that has the order; when the table has grown, such a plan reads all that waits.
 */
export const queuePlans: SessionSettings = { ...lookupPlans, enable_bitmapscan: 'off' };

/** An answer guarantees that the commit is on disk. Only `off` breaks that; other levels are the operator's choice. */
const durableCommits = `
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`;

/**
 * Ends the statement of a client that has gone within a second. PostgreSQL on Windows has no such check, and refuses the
 * setting.
 */
const connectionChecks = `
  select set_config('client_connection_check_interval', '1s', false) where version() !~* 'windows|mingw|visual c'`;

/**
 * As `replica`, no trigger runs, and foreign keys are not checked. Only a superuser may change it back; for another role
 * the connection fails, before it can write anything wrong.
 */
const triggersRun = `
  select set_config('session_replication_role', 'origin', false)
  where current_setting('session_replication_role') = 'replica'`;

/** PostgreSQL 17 and newer. Statements have deadlines; a transaction of many, as in a backup, may take longer. */
const transactionTimeout = `
  select set_config('transaction_timeout', '0', false) where current_setting('server_version_num')::int >= 170000`;

/** Applies settings to a session, in one round trip. Names and values must never come from callers. */
export async function applySettings(
  session: Pick<ClientBase, 'query'>,
  settings: SessionSettings,
): Promise<void> {
  const statements = Object.entries(settings).map(([name, value]) => `set ${name} = '${value}'`);
  await session.query(
    [...statements, durableCommits, connectionChecks, triggersRun, transactionTimeout].join('; '),
  );
}
