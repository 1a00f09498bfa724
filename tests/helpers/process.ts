import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { withProcessLock } from '../../src/embedded-postgres/process-lock.ts';

export interface ServerProcess {
  /** Where it answers. */
  url: string;
  child: ChildProcess;
  /** All that it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. Answers the exit code, null if the signal itself ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Processes run what is built: builds it when it is out of date, once for all test files. */
export async function ensureBuilt(): Promise<void> {
  await withProcessLock(resolve('dist'), async () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/ensure-built.mjs'], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  });
}

/** A directory for an embedded server, and what ends all that was started in it. */
export async function createDataDir(): Promise<{ dataDir: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'open-kana-start-'));
  await chmod(directory, 0o755);
  return {
    dataDir: directory,
    async remove() {
      endAll();
      await run('dist/bundle/keys.js', ['list'], { DATA_DIR: directory }); // The last one out stops PostgreSQL.
      const files = await realpath(join(directory, 'postgres')).catch(() => directory);
      for (const path of [files, directory]) await rm(path, { recursive: true, force: true });
    },
  };
}

const children = new Set<ChildProcess>();

/** Kills what a broken test has left running. */
export function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Whether PostgreSQL runs on the directory's files. */
export function postgresRuns(dataDir: string): Promise<boolean> {
  return stat(join(dataDir, 'postgres/cluster/postmaster.pid')).then(
    () => true,
    () => false,
  );
}

/** Starts the server on a free port, and waits until it says that it answers. */
export async function startServer(env: Record<string, string>): Promise<ServerProcess> {
  return launchServer(env).answering;
}

/** Starts the server, and does not wait. */
export function launchServer(env: Record<string, string>): {
  child: ChildProcess;
  answering: Promise<ServerProcess>;
} {
  const child = spawnNode('dist/bundle/main.js', [], { PORT: '0', ...env });
  return { child, answering: answering(child) };
}

/** Starts the server as people do. */
export async function npmStart(env: Record<string, string>): Promise<ServerProcess> {
  return answering(spawn('npm', ['start', '--silent'], { env: environment({ PORT: '0', ...env }) }));
}

/** Starts the installed package, as people do in an empty directory. */
export async function npxStart(directory: string, env: Record<string, string>): Promise<ServerProcess> {
  const options = { env: environment(env), cwd: directory };
  return answering(spawn('npx', ['open-kana', '--port', '0'], options));
}

/** Runs a program of ours to its end. */
export async function run(file: string, args: string[], env: Record<string, string>): Promise<Ended> {
  const child = spawnNode(file, args, env);
  const { stdout, stderr } = collect(child);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout: stdout(), stderr: stderr() };
}

async function answering(child: ChildProcess): Promise<ServerProcess> {
  const { stdout, stderr } = collect(child);
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  const url = await new Promise<string>((found, failed) => {
    child.stdout?.on('data', () => {
      const address = /answers at (\S+)\n/.exec(stdout())?.[1];
      if (address !== undefined) found(address);
    });
    child.once('close', () => failed(new Error(`The server did not start: ${stdout()}${stderr()}`)));
  });
  return {
    url,
    child,
    stdout,
    stderr,
    end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

/** In a directory without .env, and without the variables that the tests are about. */
function spawnNode(file: string, args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [resolve(file), ...args], { env: environment(env), cwd: tmpdir() });
}

const ours = /^(PORT|HOST|DATABASE_URL|DATA_DIR|LOG_LEVEL|KANA_.*|npm_.*|NODE_OPTIONS)$/;

/** A server on a database of one's own needs a secret key; a test without one says so: KANA_SECRET_KEY: ''. */
const secretKey = 'the secret key of the processes of tests';

function environment(env: Record<string, string>): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !ours.test(name));
  const needed = env.DATABASE_URL === undefined ? {} : { KANA_SECRET_KEY: secretKey };
  return { ...Object.fromEntries(others), ...needed, ...env };
}

function collect(child: ChildProcess) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  const { stdout, stderr } = child;
  const written = { stdout: '', stderr: '' };
  stdout?.on('data', (chunk) => {
    written.stdout += chunk;
  });
  stderr?.on('data', (chunk) => {
    written.stderr += chunk;
  });
  return { stdout: () => written.stdout, stderr: () => written.stderr };
}
