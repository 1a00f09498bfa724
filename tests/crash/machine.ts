import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createDataDir, endAll, launchServer } from '../helpers/process.ts';
import { findPostgres, type Postgres, send } from './postgres.ts';

/**
 * A machine on which Open Kana runs with its embedded PostgreSQL. Its service manager starts the server again
 * whenever it ends, and does nothing else: PostgreSQL is for the server to look after.
 */
export interface Machine {
  url: string;
  dataDir: string;
  postgres: Postgres;
  /** What starts of the server have said that ended before it answered, without our killing it. */
  failedStarts(): string[];
  signalServer(signal: NodeJS.Signals): void;
  /** Resolves when the server that runs now, or the next one, has said that it answers. */
  serverAnswers(): Promise<void>;
  /** Resolves when the server that runs now has ended. */
  serverEnds(): Promise<void>;
  /** Sets the server's clock so many milliseconds ahead of the true one, or behind it. */
  shiftClock(ms: number): Promise<void>;
  /** What the server's process holds: memory in MiB, and open files, connections among them. */
  holdings(): Promise<{ memory: number; files: number }>;
  shutDown(): Promise<void>;
}

export async function startMachine(env: Record<string, string>): Promise<Machine> {
  const { dataDir, remove } = await createDataDir();
  const port = await freePort();
  const shiftFile = join(dataDir, 'clock-shift');
  const clock = {
    NODE_OPTIONS: `--import=${pathToFileURL('tests/crash/shifted-clock.mjs')}`,
    SHIFT_FILE: shiftFile,
  };
  let current = launch();
  let isDown = false;
  const failedStarts: string[] = [];

  function launch() {
    const { child, answering } = launchServer({ ...env, ...clock, PORT: `${port}`, DATA_DIR: dataDir });
    const run = { child, ended: once(child, 'exit'), answers: answering.catch(() => null), isWanted: true };
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.once('exit', async () => {
      if (!isDown) current = launch();
      if (run.isWanted && (await run.answers) === null) failedStarts.push(said.trim());
    });
    return run;
  }
  async function serverAnswers(): Promise<void> {
    const run = current;
    if ((await run.answers) === null || run !== current) await serverAnswers();
  }
  return {
    url: `http://127.0.0.1:${port}`,
    dataDir,
    postgres: findPostgres(dataDir),
    failedStarts: () => failedStarts,
    signalServer(signal) {
      if (signal === 'SIGKILL' || signal === 'SIGTERM') current.isWanted = false;
      send(current.child.pid ?? 0, signal);
    },
    serverAnswers,
    async serverEnds() {
      await current.ended;
    },
    async shiftClock(ms) {
      await writeFile(shiftFile, `${ms}`);
      await sleep(200); // The server has read it then.
    },
    async holdings() {
      const { pid } = current.child;
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const memory = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
      return { memory: Math.round(memory), files: (await readdir(`/proc/${pid}/fd`)).length };
    },
    async shutDown() {
      isDown = true;
      endAll();
      await current.ended;
      await remove();
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
