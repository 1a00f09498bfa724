import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { isTemporary } from '../database/session.ts';
import { StartupError } from '../errors.ts';
import { type Cluster, runningPort, startServer, stopServer, superuser } from './cluster.ts';

/** Our presence on a running server: one connection, kept for as long as we use it. */
interface Presence {
  port: number;
  session: Client;
}

const database = 'open_kana';
/** Every process that uses the server holds this lock, shared, on its presence. */
const lock = 2_033_941_017;
/** Recovery after a crash can take minutes. */
const startTimeoutMs = 120_000;

/**
 * Enters the server, which is started if it does not run, and waited for while it starts or ends. `port` is
 * the one to start it on; without it, any free one.
 */
export async function enter(cluster: Cluster, password: string, port?: number): Promise<Presence> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    const actualPort = (await runningPort(cluster)) ?? (await startServer(cluster, port));
    const session = new Client({
      connectionString: urlOf(actualPort, password, 'postgres'),
      application_name: 'open-kana presence',
      connectionTimeoutMillis: 5_000,
    });
    session.on('error', () => undefined);
    try {
      await session.connect();
      if (await isTooSmall(cluster, session)) {
        await stopServer(cluster);
        continue;
      }
      await session.query('select pg_advisory_lock_shared($1)', [lock]);
      await createDatabase(session);
      return { port: actualPort, session };
    } catch (error) {
      await session.end().catch(() => undefined);
      if (!isTemporary(error) || performance.now() > deadline)
        throw new StartupError(`The embedded PostgreSQL does not answer: ${String(error)}`);
      await sleep(100);
    }
  }
}

/** Whether the server has fewer connections than we need, and no other process uses it. */
async function isTooSmall({ connections }: Cluster, session: Client): Promise<boolean> {
  const { rows } = await session.query(`select current_setting('max_connections')::int as connections`);
  if (rows[0].connections >= connections) return false;
  const { rows: locked } = await session.query('select pg_try_advisory_lock($1) as alone', [lock]);
  return locked[0].alone;
}

async function createDatabase(session: Client): Promise<void> {
  const found = await session.query('select 1 from pg_database where datname = $1', [database]);
  if (found.rowCount === 0) await session.query(`create database ${database}`);
}

/** Leaves the server. The last process stops it: the lock is free if no other process holds it. */
export async function leave(cluster: Cluster, { session }: Presence): Promise<void> {
  try {
    if (await isLast(session)) await stopServer(cluster);
  } finally {
    await session.end().catch(() => undefined);
  }
}

async function isLast(session: Client): Promise<boolean> {
  try {
    await session.query('select pg_advisory_unlock_shared($1)', [lock]);
    const { rows } = await session.query('select pg_try_advisory_lock($1) as free', [lock]);
    return rows[0].free;
  } catch {
    // The server has already ended.
    return false;
  }
}

/** Where the application's database is. */
export function databaseUrl({ port }: Presence, password: string): string {
  return urlOf(port, password, database);
}

function urlOf(port: number, password: string, name: string): string {
  return `postgresql://${superuser}:${password}@127.0.0.1:${port}/${name}`;
}
