import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';
import { type Account, cleanEnvironment, run } from './account.ts';
import type { Binaries } from './binaries.ts';
import { lockFiles } from './files-lock.ts';
import { settingsFor } from './settings-rules.ts';

/** The files of an embedded server, and how to run it. */
export interface Cluster {
  /** The directory that holds the files below; absolute, and without symbolic links. */
  home: string;
  account: Account;
  binaries: Binaries;
  /** The server's max_connections. */
  connections: number;
  /** Receives what an operator should know, one line at a time. */
  notify: (line: string) => void;
}

export const superuser = 'postgres';

/** Recovery after a crash can take minutes. */
const startTimeoutMs = 120_000;

const filesOf = ({ home }: Cluster) => join(home, 'cluster');
const passwordFileOf = ({ home }: Cluster) => join(home, 'password');
const pidFileOf = (cluster: Cluster) => join(filesOf(cluster), 'postmaster.pid');
const logFileOf = ({ home }: Cluster) => join(home, 'postgresql.log');

/** Creates the files of a new server, unless they exist. Atomic, by a rename. */
export async function createCluster(cluster: Cluster): Promise<void> {
  if (await exists(filesOf(cluster))) return;
  const lock = await lockFiles(cluster.home, cluster.notify);
  try {
    if (!(await exists(filesOf(cluster)))) await createFiles(cluster);
  } finally {
    await lock.close();
  }
}

async function createFiles(cluster: Cluster): Promise<void> {
  const draft = join(cluster.home, 'cluster.new');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await giveTo(cluster.account, draft);
  await writeFile(passwordFileOf(cluster), randomBytes(24).toString('base64url'), { mode: 0o600 });
  await giveTo(cluster.account, passwordFileOf(cluster));

  // Sort by code points, with Unicode's letter case, on every machine.
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const access = [`--username=${superuser}`, `--pwfile=${passwordFileOf(cluster)}`, '--auth=scram-sha-256'];
  const settings = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    unix_socket_directories: '',
    jit: 'off',
    // The server logs starts, stops and crashes. The application logs failed statements.
    log_min_messages: 'log',
    log_checkpoints: 'off',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // initdb passes the path to a shell. The directory's name alone has no special characters.
  const created = await run(
    cluster.binaries.initdb,
    ['-D', basename(draft), ...locale, ...access, ...flags],
    cluster.account,
    cluster.home,
  );
  if (created.code !== 0)
    throw new StartupError(
      `The embedded PostgreSQL could not be set up: ${created.output || created.failure}`,
    );
  await rename(draft, filesOf(cluster));
}

export function readPassword(cluster: Cluster): Promise<string> {
  return readFile(passwordFileOf(cluster), 'utf8');
}

/** The port of the server that runs on these files, also if another process started it; null if none runs. */
export async function runningPort(cluster: Cluster): Promise<number | null> {
  const text = await readFile(pidFileOf(cluster), 'utf8').catch(() => '');
  const [pid, directory, , port] = text.split('\n');
  if (!pid || !directory || !port) return null;
  return (await isServer(Number(pid), directory)) ? Number(port) : null;
}

/** After a crash another program may have the process id in postmaster.pid: compare the command line. */
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

/** Starts the server on 127.0.0.1, on `wanted` or any free port. Returns the port. */
export async function startServer(cluster: Cluster, wanted?: number): Promise<number> {
  await refuseForeignFiles(cluster);
  const lock = await lockFiles(cluster.home, cluster.notify);
  try {
    await rm(pidFileOf(cluster), { force: true });
    return await startLocked(cluster, lock, wanted);
  } finally {
    await lock.close();
  }
}

async function startLocked(cluster: Cluster, lock: FileHandle, wanted?: number): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = wanted ?? (await freePort());
    const failure = await tryToStart(cluster, lock, port);
    if (failure === null) return port;
    // Another program may have taken the port, and the children of a killed server end a moment later.
    if (attempt === 10 || !/could not bind|pre-existing shared memory/.test(failure))
      throw new StartupError(`The embedded PostgreSQL did not start (${logFileOf(cluster)}):\n${failure}`);
    await sleep(200);
  }
}

/** PostgreSQL works only on files of the account that it runs as. */
async function refuseForeignFiles(cluster: Cluster): Promise<void> {
  if (process.getuid === undefined) return;
  const { uid } = await stat(filesOf(cluster));
  if (uid !== (cluster.account?.uid ?? process.getuid()))
    throw new StartupError(
      `The files in ${filesOf(cluster)} belong to another account than ${cluster.home}: give both to one account ` +
        '(chown -R), or set DATA_DIR.',
    );
}

/** The memory of the machine, or what a container may use of it. */
const usableMemoryBytes = () => Math.min(totalmem(), process.constrainedMemory() || totalmem());

/** Returns null if the server has started; otherwise its last log lines. */
async function tryToStart(cluster: Cluster, lock: FileHandle, port: number): Promise<string | null> {
  const logged = (await stat(logFileOf(cluster)).catch(() => null))?.size ?? 0;
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    max_connections: cluster.connections,
    ...settingsFor(usableMemoryBytes()),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const failure =
    process.platform === 'win32'
      ? await startByPgCtl(cluster, flags)
      : await startDirectly(cluster, lock, flags);
  if (failure === null) return null;
  const written = (await readFile(logFileOf(cluster)).catch(() => Buffer.alloc(0)))
    .subarray(logged)
    .toString();
  return (written || failure).trim().split('\n').slice(-8).join('\n');
}

/**
 * Starts the server without pg_ctl, which passes paths to a shell. The server inherits the lock as an open file, and
 * holds it until it ends.
 */
async function startDirectly(cluster: Cluster, lock: FileHandle, flags: string[]): Promise<string | null> {
  const log = await open(logFileOf(cluster), 'a', 0o600);
  await giveTo(cluster.account, logFileOf(cluster));
  const child = spawn(cluster.binaries.postgres, ['-D', filesOf(cluster), ...flags], {
    ...(cluster.account ?? {}),
    cwd: '/',
    env: cleanEnvironment(),
    detached: true, // It does not get the signals of our terminal.
    stdio: ['ignore', log.fd, log.fd, lock.fd],
  });
  let failure: string | null = null;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code) => {
    failure ??= `It ended with exit code ${code}.`;
  });
  child.unref();
  await log.close();
  const deadline = Date.now() + startTimeoutMs;
  while (failure === null && !(await isReady(cluster))) {
    if (Date.now() > deadline) return `It is not ready after ${startTimeoutMs / 1_000} s.`;
    await sleep(20);
  }
  return failure;
}

/** The last line of postmaster.pid is the server's status. */
async function isReady(cluster: Cluster): Promise<boolean> {
  const lines = (await readFile(pidFileOf(cluster), 'utf8').catch(() => '')).split('\n');
  return lines[7]?.trim() === 'ready';
}

/** On Windows only pg_ctl drops the administrator's rights, with which the server refuses to run. */
async function startByPgCtl(cluster: Cluster, flags: string[]): Promise<string | null> {
  const where = ['-D', filesOf(cluster), '-l', logFileOf(cluster), '-o', flags.join(' ')];
  const { code, output } = await run(cluster.binaries.pgCtl, ['start', '-w', '-t', '120', ...where]);
  return code === 0 ? null : output;
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

/** Gives a path that root created to the account that the server runs as. */
export async function giveTo(account: Account, path: string): Promise<void> {
  if (account !== null) await chown(path, account.uid, account.gid);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
