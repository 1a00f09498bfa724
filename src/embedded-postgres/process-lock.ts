import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, connect as dial, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';

const lockTimeoutMs = 120_000;

/**
 * Runs `work` while no other process of this machine does so under the same name. The lock is a listening
 * socket, so the operating system releases it when its holder ends, in whatever way.
 */
export async function withProcessLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const address = lockAddress(createHash('sha256').update(name).digest('hex').slice(0, 32));
  const lock = await acquire(address, performance.now() + lockTimeoutMs);
  try {
    return await work();
  } finally {
    await new Promise((closed) => lock.close(closed));
  }
}

function lockAddress(id: string): string {
  // Neither an abstract socket nor a named pipe leaves a file behind.
  if (process.platform === 'linux') return `\0open-kana-${id}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\open-kana-${id}`;
  return join(tmpdir(), `open-kana-${id}`);
}

async function acquire(address: string, deadline: number): Promise<Server> {
  for (;;) {
    const lock = await listen(address);
    if (lock !== null) return lock;
    if (performance.now() > deadline)
      throw new StartupError('Another instance has been starting for too long.');
    if (await isAbandoned(address)) await rm(address, { force: true });
    await sleep(50);
  }
}

function listen(address: string): Promise<Server | null> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? done(null) : fail(error),
    );
    server.listen(address, () => done(server));
  });
}

/** A socket file outlives its holder; nobody answers behind it then. */
function isAbandoned(address: string): Promise<boolean> {
  if (process.platform === 'linux' || process.platform === 'win32') return Promise.resolve(false);
  return new Promise((done) => {
    const socket = dial(address, () => {
      socket.destroy();
      done(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code === 'ECONNREFUSED'));
  });
}
