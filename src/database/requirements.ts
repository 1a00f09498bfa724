import type { Client } from 'pg';
import { StartupError } from '../errors.ts';
import { PrimaryClient } from './primary-client.ts';

/*
 * What Open Kana requires of a database. A start on any other database fails, with one line that says what to do.
 * Without this check, some answers would be wrong and some calls would fail later.
 */

const oldestVersion = 14;

interface FactsRow {
  version: string;
  encoding: string;
  standby: boolean;
  read_only: boolean;
  pid: number;
}

const factsSql = `
  select current_setting('server_version') as version, current_setting('server_encoding') as encoding,
    pg_is_in_recovery() as standby, current_setting('transaction_read_only')::bool as read_only,
    pg_backend_pid() as pid`;

/** Returns why Open Kana cannot use this database, as the end of a sentence about it, or null. */
export async function findObstacle(session: Client, url: string): Promise<string | null> {
  const { rows } = await session.query<FactsRow>(factsSql);
  const [facts] = rows;
  if (facts === undefined) return 'answers nothing';
  if (Number.parseInt(facts.version, 10) < oldestVersion)
    return `is PostgreSQL ${facts.version}; ${oldestVersion} or newer is needed`;
  if (facts.encoding !== 'UTF8')
    return (
      `has the encoding ${facts.encoding}, which cannot hold every text; UTF8 is needed: ` +
      'createdb --encoding=UTF8 --template=template0'
    );
  if (await isPooledByTransaction(session, url, facts.pid))
    return (
      'is behind a pooler that gives each transaction another session; a session for each connection is needed ' +
      '(PgBouncer: pool_mode = session)'
    );
  return null;
}

/** Returns why this database cannot be written to, in the same form, or null. */
export async function findWriteObstacle(session: Client): Promise<string | null> {
  const { rows } = await session.query<FactsRow>(factsSql);
  if (rows[0]?.standby) return 'is a standby, which takes no writes; name the primary in DATABASE_URL';
  if (rows[0]?.read_only)
    return 'takes no writes: default_transaction_read_only is on for the database or the role';
  return null;
}

/** Returns which right the role lacks to create tables and the schema of the job queue, or null. */
export async function findMissingRight(session: Client): Promise<string | null> {
  const { rows } = await session.query<{
    role: string;
    database: string;
    may_create_tables: boolean | null;
    may_create_schemas: boolean;
  }>(`
    select quote_ident(current_user) as role, quote_ident(current_database()) as database,
      has_schema_privilege(to_regnamespace('public'), 'create')
        and has_schema_privilege(to_regnamespace('public'), 'usage') as may_create_tables,
      has_database_privilege(current_database(), 'create') or to_regnamespace('graphile_worker') is not null
        as may_create_schemas`);
  const [rights] = rows;
  if (rights === undefined) return null;
  const { role, database } = rights;
  if (rights.may_create_tables === null)
    return `has no schema public; create it: CREATE SCHEMA public AUTHORIZATION ${role}`;
  if (!rights.may_create_tables)
    return `lets ${role} create no tables in the schema public; GRANT USAGE, CREATE ON SCHEMA public TO ${role}`;
  if (!rights.may_create_schemas)
    return `lets ${role} create no schemas, and the job queue has one; GRANT CREATE ON DATABASE ${database} TO ${role}`;
  return null;
}

/** A pooler may have several idle sessions, and may use any of them for the next transaction. */
const probes = 3;
const probeTimeoutMs = 2_000;

/**
 * Whether a pooler may use another PostgreSQL session for each transaction of this connection. A pooler reports a
 * process id that differs from the session's. In that case other transactions are opened: with transaction pooling,
 * one of them gets the session of this connection.
 */
async function isPooledByTransaction(session: Client, url: string, pid: number): Promise<boolean> {
  const { processID } = session as Client & { processID?: number };
  if (processID === pid) return false;
  const others: Client[] = [];
  try {
    for (let probe = 0; probe < probes; probe += 1) {
      const other = new PrimaryClient({
        connectionString: url,
        connectionTimeoutMillis: probeTimeoutMs,
        query_timeout: probeTimeoutMs,
      });
      other.on('error', () => undefined);
      others.push(other);
      await other.connect();
      await other.query('begin');
      if ((await pidOf(other)) === pid || (await pidOf(session)) !== pid) return true;
    }
    return false;
  } catch (error) {
    // Statement pooling refuses transactions. With session pooling, a probe may wait for a full pool.
    if (/transaction.*not allowed/i.test(String(error))) return true;
    return false;
  } finally {
    for (const other of others) await other.end().catch(() => undefined);
  }
}

async function pidOf(session: Client): Promise<number | undefined> {
  const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid;
}

/** Throws a StartupError if there is an obstacle. `address` names the database, without the password. */
export function refuse(address: string, obstacle: string | null): void {
  if (obstacle !== null) throw new StartupError(`The database at ${address} ${obstacle}.`);
}
