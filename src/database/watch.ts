import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Database } from './client.ts';

export interface Watch {
  stop(): Promise<void>;
}

/** How often the database is asked whether it answers, in milliseconds, and how many times it may fail to. */
const usual = { interval: 500, patience: 8 };

/**
 * Cuts the database off while it does not answer, and reconnects as soon as it does. A database that is killed
 * refuses by itself; one that hangs, or whose network is gone, would keep everybody waiting.
 *
 * Time is counted in questions, not by the clock: a process that was stopped itself does not blame the database.
 */
export function watchDatabase(
  url: string,
  database: Pick<Database, 'cutOff' | 'reconnect'>,
  { interval, patience } = usual,
): Watch {
  const controller = new AbortController();
  let session: Client | null = null;
  let asking = false;
  let unanswered = 0;

  function drop() {
    session?.connection.stream.destroy();
    session = null;
  }
  async function ask() {
    asking = true;
    try {
      session ??= await open(url, patience * interval);
      await session.query('select 1');
      if (unanswered >= patience) database.reconnect();
      unanswered = 0;
    } catch {
      drop();
    }
    asking = false;
    if (controller.signal.aborted) drop();
  }
  async function watch() {
    while (!controller.signal.aborted) {
      if (!asking) void ask();
      await sleep(interval, undefined, { signal: controller.signal }).catch(() => undefined);
      unanswered += 1;
      if (unanswered === patience) database.cutOff();
      // It may be the connection that is broken: ask over another one.
      if (unanswered % patience === 0) drop();
    }
    drop();
  }
  const watching = watch();
  return {
    stop() {
      controller.abort();
      return watching;
    },
  };
}

async function open(url: string, timeoutMs: number): Promise<Client> {
  const session = new Client({
    connectionString: url,
    application_name: 'open-kana watch',
    connectionTimeoutMillis: timeoutMs,
  });
  session.on('error', () => undefined);
  await session.connect();
  return session;
}
