import type { ClientBase } from 'pg';

/** Parameters of a PostgreSQL session, as SET takes them. */
export type SessionSettings = Readonly<Record<string, string>>;

/** For how long one statement may wait for somebody else's lock, and run in all. */
interface Deadlines {
  lockTimeoutMs: number;
  statementTimeoutMs: number;
}

/** A session that holds locks in a transaction without working, because its process stands still, is ended. */
const idleInTransactionTimeoutMs = 60_000;

/**
 * What every session relies on. It is set when a connection opens, so that no setting of the database, of the
 * role or of the process environment decides. Statements do it, because poolers refuse startup parameters.
 */
export const everySession: SessionSettings = {
  idle_in_transaction_session_timeout: `${idleInTransactionTimeoutMs}ms`,
  // Prisma's adapter reads and writes timestamps as UTC, whatever the offset that PostgreSQL tells.
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  client_encoding: 'UTF8',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  // Prisma names the schema in its statements; ours must find the same tables.
  search_path: 'public',
  // Transactions lock what they depend on. Stricter levels would make them fail instead.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  array_nulls: 'on',
  transform_null_equals: 'off',
};

/** The settings of a session, in addition to those of every session. */
export function sessionSettings(
  { lockTimeoutMs, statementTimeoutMs }: Deadlines,
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
 * For sessions whose few statements look rows up by key, whatever the values. Planning a statement anew for each
 * batch costs several times what running a small one costs. A generic plan that is made while the tables are small
 * would read them whole, and go on doing so when they have grown.
 */
export const lookupPlans: SessionSettings = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
};

/** An answer promises that a commit is on disk. Any level but `off` keeps that, and is the operator's choice. */
const durableCommits = `
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`;

/** Applies settings to a session, in one round trip. Names and values are ours, never a caller's. */
export async function applySettings(
  session: Pick<ClientBase, 'query'>,
  settings: SessionSettings,
): Promise<void> {
  const statements = Object.entries(settings).map(([name, value]) => `set ${name} = '${value}'`);
  await session.query([...statements, durableCommits].join('; '));
}
