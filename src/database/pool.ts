import { Socket } from 'node:net';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { PrimaryClient } from './primary-client.ts';
import { applySettings, type SessionSettings, sessionSettings } from './settings.ts';
import { tracePool } from './statement-tracing.ts';

export interface CuttablePool {
  pool: Pool;
  /** Closes every connection, and each new one. Waiting calls fail at once. */
  cutOff(): void;
  /** Allows new connections again. */
  reconnect(): void;
}

/**
 * Makes a connection run one statement at a time: each one is sent after the previous one has ended. Prisma sends the
 * statements of a nested read at once, which the next version of the driver refuses.
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
  /** Sends each statement at once, without waiting for those before. For work that shares round trips. */
  pipeline?: boolean;
  /** Applied to each connection before its first statement. */
  settings?: SessionSettings;
}

const usualSettings = sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 });

/** Opens a pool that can be cut off from a database that does not answer. */
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
    Client: PrimaryClient,
    stream: createSocket,
    onConnect: (client) => applySettings(client, settings),
  });
  // A broken connection must not end the process. An idle one is replaced with the next statement; on one in use, the
  // statement fails.
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
