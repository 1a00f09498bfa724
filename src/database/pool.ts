import { Socket } from 'node:net';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { applySettings, type SessionSettings, sessionSettings } from './settings.ts';
import { tracePool } from './statement-tracing.ts';

export interface CuttablePool {
  pool: Pool;
  /** Breaks every connection, and each that is opened from now on: whoever waits for the database fails at once. */
  cutOff(): void;
  /** Lets connections be opened again. */
  reconnect(): void;
}

/**
 * Lets a connection have one statement at a time: the next is given to it when the one before has ended. Prisma
 * gives it those of a nested read at once, which the driver will no longer take.
 */
export function takeTurns(client: PoolClient): void {
  const own = Object.getOwnPropertyDescriptor(client, 'query')?.value;
  const query = (...given: unknown[]) =>
    Reflect.apply(own ?? Object.getPrototypeOf(client).query, client, given);
  let last: Promise<unknown> | null = null;
  function inTurn(...given: unknown[]): unknown {
    if (typeof given.at(-1) === 'function') return query(...given);
    const turn = (
      last === null ? Promise.resolve(query(...given)) : last.then(() => query(...given))
    ) as Promise<unknown>;
    const ended = turn.then(
      () => undefined,
      () => undefined,
    );
    last = ended;
    ended.then(() => {
      if (last === ended) last = null;
    });
    return turn;
  }
  client.query = inTurn as typeof client.query;
}

/** How long a statement may wait for a connection of its pool. */
const connectionTimeoutMs = 10_000;

interface Config extends PoolConfig {
  /** What every connection is set to before its first statement. */
  settings?: SessionSettings;
}

const usualSettings = sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 });

/** A pool that can be cut off from a database that does not answer. */
export function openPool(
  { settings = usualSettings, ...config }: Config,
  tracing: Tracing | null = null,
): CuttablePool {
  const sockets = new Set<Socket>();
  let isCut = false;

  function createSocket(): Socket {
    const socket = new Socket();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (isCut) setImmediate(() => socket.destroy());
    return socket;
  }
  const pool = new Pool({
    connectionTimeoutMillis: connectionTimeoutMs,
    ...config,
    stream: createSocket,
    onConnect: (client) => applySettings(client, settings),
  });
  // A connection that breaks must not end the process: an idle one is replaced by the next statement, and the
  // statement of one that is in use fails by itself.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  if (tracing !== null) tracePool(pool, tracing);
  return {
    pool,
    cutOff() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    reconnect() {
      isCut = false;
    },
  };
}
