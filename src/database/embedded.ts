import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { StartupError } from '../errors.ts';
import { isRoot } from './embedded-account.ts';
import { findBinaries } from './embedded-binaries.ts';
import {
  type Cluster,
  createCluster,
  readPassword,
  runningPort,
  startServer,
  stopServer,
  superuser,
} from './embedded-cluster.ts';
import { findHome, sharedDirectory } from './embedded-home.ts';
import { withProcessLock } from './process-lock.ts';
import { isPassing } from './session.ts';

export interface EmbeddedServer {
  /** Where to connect; the password is inside. */
  url: string;
  /** Stops the server, unless another process of ours still uses it. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  dataDir: string;
  /** Told in one line what an operator should know, such as where the files went. */
  log?: (line: string) => void;
  /** Server settings over our own, such as `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
}

const database = 'open_kana';
/** Recovery after a crash can take its time. */
const patience = 120_000;
/** Every process that uses the server holds this lock, shared, for as long as it does. */
const presence = 2_033_941_017;

/**
 * Runs PostgreSQL on the files in `dataDir`, made at the first use, or joins the server that already runs
 * on them. It listens on 127.0.0.1 alone, asks for a password, and survives us if we are killed: the next
 * start finds it.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const dataDir = resolve(options.dataDir);
  const log = options.log ?? (() => undefined);
  return withProcessLock(dataDir, async () => {
    const { directory, account } = await findHome(dataDir, log);
    const refuge = isRoot() ? sharedDirectory : () => mkdir(dataDir, { recursive: true }).then(() => dataDir);
    const binaries = await findBinaries(account, refuge, log);
    const cluster = { home: directory, account, binaries, settings: options.settings ?? {} };
    await createCluster(cluster);
    const password = await readPassword(cluster);
    const { port, session } = await enter(cluster, password);
    return {
      url: urlOf(port, password, database),
      stop: () => withProcessLock(dataDir, () => leave(cluster, session)),
    };
  });
}

/** Opens our session on the server, which is started if need be, or waited for while it starts or ends. */
async function enter(cluster: Cluster, password: string): Promise<{ port: number; session: Client }> {
  const deadline = Date.now() + patience;
  for (;;) {
    const port = (await runningPort(cluster)) ?? (await startServer(cluster));
    const session = new Client({ connectionString: urlOf(port, password, 'postgres'), ...sessionOptions });
    session.on('error', () => undefined);
    try {
      await session.connect();
      await session.query('select pg_advisory_lock_shared($1)', [presence]);
      await createDatabase(session);
      return { port, session };
    } catch (error) {
      await session.end();
      if (!isPassing(error) || Date.now() > deadline)
        throw new StartupError(`The embedded PostgreSQL does not answer: ${String(error)}`);
      await sleep(100);
    }
  }
}

const sessionOptions = { application_name: 'open-kana presence', connectionTimeoutMillis: 5_000 };

async function createDatabase(session: Client): Promise<void> {
  const found = await session.query('select 1 from pg_database where datname = $1', [database]);
  if (found.rowCount === 0) await session.query(`create database ${database}`);
}

/** The last one out stops the server: the lock is free when nobody else is present. */
async function leave(cluster: Cluster, session: Client): Promise<void> {
  try {
    await session.query('select pg_advisory_unlock_shared($1)', [presence]);
    const { rows } = await session.query('select pg_try_advisory_lock($1) as last', [presence]);
    if (rows[0].last) await stopServer(cluster);
  } catch {
    // The server has gone before us.
  } finally {
    await session.end().catch(() => undefined);
  }
}

function urlOf(port: number, password: string, name: string): string {
  return `postgresql://${superuser}:${password}@127.0.0.1:${port}/${name}`;
}
