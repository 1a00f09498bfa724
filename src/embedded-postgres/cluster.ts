import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';
import { type Account, run } from './account.ts';
import type { Binaries } from './binaries.ts';

/** One embedded server's files, and what it takes to run it. */
export interface Cluster {
  /** The directory that holds the files below; absolute, and without symbolic links. */
  home: string;
  account: Account;
  binaries: Binaries;
  /** How many connections it is started for. */
  connections: number;
}

export const superuser = 'postgres';

const filesOf = ({ home }: Cluster) => join(home, 'cluster');
const passwordFileOf = ({ home }: Cluster) => join(home, 'password');
const logFileOf = ({ home }: Cluster) => join(home, 'postgresql.log');

/** Makes the files of a new server, unless they exist. They appear at once or not at all. */
export async function createCluster(cluster: Cluster): Promise<void> {
  if (await exists(filesOf(cluster))) return;
  const draft = join(cluster.home, 'cluster.new');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await giveTo(cluster.account, draft);
  await writeFile(passwordFileOf(cluster), randomBytes(24).toString('base64url'), { mode: 0o600 });
  await giveTo(cluster.account, passwordFileOf(cluster));

  // Sorting and letter case follow Unicode's code points, whatever languages the machine knows.
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const access = [`--username=${superuser}`, `--pwfile=${passwordFileOf(cluster)}`, '--auth=scram-sha-256'];
  const settings = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    unix_socket_directories: '',
    jit: 'off',
    // The server's log tells of starts, stops and crashes; failed statements are the application's to log.
    log_min_messages: 'log',
    log_checkpoints: 'off',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const made = await run(
    cluster.binaries.initdb,
    ['-D', draft, ...locale, ...access, ...flags],
    cluster.account,
  );
  if (made.code !== 0)
    throw new StartupError(`The embedded PostgreSQL could not be set up: ${made.output || made.failure}`);
  await rename(draft, filesOf(cluster));
}

export function readPassword(cluster: Cluster): Promise<string> {
  return readFile(passwordFileOf(cluster), 'utf8');
}

/** The port of the server that runs on these files, whoever started it; null when none does. */
export async function runningPort(cluster: Cluster): Promise<number | null> {
  const text = await readFile(join(filesOf(cluster), 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, directory, , port] = text.split('\n');
  if (!pid || !directory || !port) return null;
  return (await isServer(Number(pid), directory)) ? Number(port) : null;
}

/** After a crash the number in postmaster.pid may be another program's: what it runs tells them apart. */
async function isServer(pid: number, directory: string): Promise<boolean> {
  if (process.platform === 'linux')
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(`\0${directory}\0`);
  if (process.platform !== 'win32')
    return (await run('ps', ['-p', String(pid), '-o', 'command='])).output.includes(directory);
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Starts a server that does not run, for this machine alone, on `wanted` or any free port. Returns the port. */
export async function startServer(cluster: Cluster, wanted?: number): Promise<number> {
  await rm(join(filesOf(cluster), 'postmaster.pid'), { force: true });
  for (let attempt = 1; ; attempt += 1) {
    const port = wanted ?? (await freePort());
    const failure = await tryToStart(cluster, port);
    if (failure === null) return port;
    // The port may have been taken in between, and the children of a killed server take a moment to go.
    if (attempt === 10 || !/could not bind|pre-existing shared memory/.test(failure))
      throw new StartupError(`The embedded PostgreSQL did not start (${logFileOf(cluster)}):\n${failure}`);
    await sleep(200);
  }
}

/** Null when the server is up; otherwise the last that it said. */
async function tryToStart(cluster: Cluster, port: number): Promise<string | null> {
  const log = logFileOf(cluster);
  const logged = (await stat(log).catch(() => null))?.size ?? 0;
  const settings = { port, listen_addresses: '127.0.0.1', max_connections: cluster.connections };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const where = ['-D', filesOf(cluster), '-l', log, '-o', flags.join(' ')];
  const { code, output } = await run(
    cluster.binaries.pgCtl,
    ['start', '-w', '-t', '120', ...where],
    cluster.account,
  );
  if (code === 0) return null;
  const said = (await readFile(log).catch(() => Buffer.alloc(0))).subarray(logged).toString();
  return (said || output).trim().split('\n').slice(-8).join('\n');
}

/** Stops a running server: what is committed is kept, open transactions are rolled back. */
export async function stopServer(cluster: Cluster): Promise<void> {
  const stopped = await run(
    cluster.binaries.pgCtl,
    ['stop', '-w', '-m', 'fast', '-D', filesOf(cluster)],
    cluster.account,
  );
  if (stopped.code !== 0 && (await runningPort(cluster)) !== null)
    throw new StartupError(`The embedded PostgreSQL did not stop: ${stopped.output || stopped.failure}`);
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Makes root's files those of the account that the server runs as. */
export async function giveTo(account: Account, path: string): Promise<void> {
  if (account !== null) await chown(path, account.uid, account.gid);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
