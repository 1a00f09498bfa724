import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { StartupError } from '../errors.ts';
import type { Database } from './client.ts';
import { PrimaryClient } from './primary-client.ts';
import { openSession, publicAddress } from './session.ts';

export interface Watch {
  stop(): Promise<void>;
}

/**
 * Whether a commit of ours waits for a synchronous standby, which may be gone for ever. No timeout of PostgreSQL ends
 * that wait. The sessions of other processes of ours count too.
 */
const stuckCommitSql = `
  select exists (
    select from pg_catalog.pg_stat_activity
    where wait_event = 'SyncRep' and application_name like 'open-kana%' and datname = pg_catalog.current_database()
      and query_start < pg_catalog.clock_timestamp() - interval '5 s'
  ) as stuck`;

/** How often a start looks whether its commits wait. */
const startIntervalMs = 1_000;

/**
 * Runs the part of a start that writes. Fails as soon as one of its commits waits for a standby: the start would hang,
 * and nobody would know why.
 *
 * @throws StartupError
 */
export async function untilCommitsWait<Result>(url: string, work: () => Promise<Result>): Promise<Result> {
  const session = await openSession(url);
  const done = new AbortController();
  async function look(): Promise<never> {
    for (;;) {
      await sleep(startIntervalMs, undefined, { signal: done.signal });
      const { rows } = await session.query<{ stuck: boolean }>(stuckCommitSql);
      if (rows[0]?.stuck)
        throw new StartupError(
          `The database at ${publicAddress(url)} completes no commit: its synchronous standby does not answer ` +
            '(see synchronous_standby_names).',
        );
    }
  }
  try {
    return await Promise.race([work(), look()]);
  } finally {
    done.abort();
    await session.end().catch(() => undefined);
  }
}

/** How often the database is asked, and how many questions in a row may stay without an answer. */
const usual = { intervalMs: 500, unansweredLimit: 8 };

/**
 * Cuts the database off while it does not answer, or does not complete commits, and reconnects as soon as it does.
 * A database that is killed refuses connections by itself. One that hangs, or whose network is gone, would keep
 * all callers waiting.
 *
 * Counts checks, not time: a process that was itself suspended does not blame the database.
 */
export function watchDatabase(
  url: string,
  database: Pick<Database, 'cutOff' | 'reconnect'>,
  { intervalMs, unansweredLimit } = usual,
): Watch {
  const controller = new AbortController();
  let session: Client | null = null;
  let isAsking = false;
  let unanswered = 0;
  let isCutOff = false;

  function drop() {
    session?.connection.stream.destroy();
    session = null;
  }
  function allow(isUsable: boolean) {
    if (isUsable === isCutOff) database[isUsable ? 'reconnect' : 'cutOff']();
    isCutOff = !isUsable;
  }
  async function ask() {
    isAsking = true;
    try {
      session ??= await open(url, unansweredLimit * intervalMs);
      const { rows } = await session.query<{ stuck: boolean }>(stuckCommitSql);
      allow(rows[0]?.stuck === false);
      unanswered = 0;
    } catch {
      drop();
    }
    isAsking = false;
    if (controller.signal.aborted) drop();
  }
  async function watch() {
    while (!controller.signal.aborted) {
      if (!isAsking) void ask();
      await sleep(intervalMs, undefined, { signal: controller.signal }).catch(() => undefined);
      unanswered += 1;
      if (unanswered === unansweredLimit) allow(false);
      // The connection may be broken: ask over a new one.
      if (unanswered % unansweredLimit === 0) drop();
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
  const session = new PrimaryClient({
    connectionString: url,
    application_name: 'open-kana watch',
    connectionTimeoutMillis: timeoutMs,
  });
  session.on('error', () => undefined);
  await session.connect();
  return session;
}
