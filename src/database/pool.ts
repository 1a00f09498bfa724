import { Socket } from 'node:net';
import { Pool, type PoolConfig } from 'pg';

export interface CuttablePool {
  pool: Pool;
  /** Breaks every connection, and each that is opened from now on: whoever waits for the database fails at once. */
  cutOff(): void;
  /** Lets connections be opened again. */
  reconnect(): void;
}

/** A pool that can be cut off from a database that does not answer. */
export function openPool(config: PoolConfig): CuttablePool {
  const sockets = new Set<Socket>();
  let isCut = false;

  function createSocket(): Socket {
    const socket = new Socket();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (isCut) setImmediate(() => socket.destroy());
    return socket;
  }
  const pool = new Pool({ ...config, stream: createSocket });
  // A connection that breaks must not end the process: an idle one is replaced by the next statement, and the
  // statement of one that is in use fails by itself.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
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
