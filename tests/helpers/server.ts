import { randomUUID } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { chmod, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { migrate } from '../../src/database/migrations.ts';
import { startEmbedded } from '../../src/embedded-postgres/server.ts';

/** The server of one test run. */
export interface TestServer {
  stop(): Promise<void>;
}

/**
 * Starts the server of a test run, or takes the one that TEST_DATABASE_URL names, and migrates the database
 * that the test databases are copied from. Tells the workers about it in TEST_DATABASE_TEMPLATE.
 */
export async function startTestServer(): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL;
  const server = given === undefined ? await startEphemeral() : { url: given, stop: async () => undefined };
  const run = `open_kana_test_${randomUUID().slice(0, 8)}`;
  await onServer(server.url, `create database ${run}`);
  const template = withDatabase(server.url, run);
  await migrate(template);
  process.env.TEST_DATABASE_TEMPLATE = template;
  return {
    async stop() {
      await dropDatabases(server.url, run);
      await server.stop();
    },
  };
}

const prefix = 'open-kana-test-';

/** A server in a directory of its own, which goes with it. */
async function startEphemeral(): Promise<{ url: string; stop(): Promise<void> }> {
  await removeAbandoned();
  const dataDir = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  await chmod(dataDir, 0o755);
  const server = await startEmbedded({ dataDir });
  await keepNothing(server.url);
  const kill = () => killServer(dataDir);
  process.on('exit', kill);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  return {
    url: server.url,
    async stop() {
      await server.stop();
      process.off('exit', kill);
      await removeFiles(dataDir);
    },
  };
}

/** The files go with the run, so nothing waits for the disk. Tests of durability have servers of their own. */
async function keepNothing(url: string): Promise<void> {
  for (const setting of ["fsync = 'off'", "full_page_writes = 'off'", "max_wal_size = '1GB'"])
    await onServer(url, `alter system set ${setting}`);
  await onServer(url, 'select pg_reload_conf()');
}

/** What earlier runs left that were broken off. */
async function removeAbandoned(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  for (const name of names.filter((each) => !isAlive(Number.parseInt(each.slice(prefix.length), 10)))) {
    await discard(join(tmpdir(), name)).catch(() => undefined); // Another run, or account, may be at it.
  }
}

async function discard(dataDir: string): Promise<void> {
  const server = await startEmbedded({ dataDir });
  await server.stop();
  await removeFiles(dataDir);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function removeFiles(dataDir: string): Promise<void> {
  const files = await realpath(join(dataDir, 'postgres'));
  for (const path of [files, dataDir]) await rm(path, { recursive: true, force: true });
}

/** The last resort when the run is broken off: there is no time for more than a signal. */
function killServer(dataDir: string): void {
  try {
    const pidFile = join(realpathSync(join(dataDir, 'postgres')), 'cluster/postmaster.pid');
    process.kill(Number.parseInt(readFileSync(pidFile, 'utf8'), 10), 'SIGINT');
  } catch {
    // It has ended already.
  }
}

async function dropDatabases(url: string, prefix: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
    prefix,
  ]);
  for (const { datname } of rows) await client.query(`drop database if exists "${datname}" with (force)`);
  await client.end();
}

/** Runs one statement in the server's own database. */
export async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}
