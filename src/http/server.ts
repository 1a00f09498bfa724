import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type IncomingMessage,
  type RequestListener,
  Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';
import { type ClientTimeouts, clientTimeouts, maxHeaderBytes } from './limits.ts';

export interface HttpServer {
  /** The address on this machine, such as `http://127.0.0.1:4000`. */
  address: string;
  /** Starts answering requests, including those that arrived before. */
  open(listener: RequestListener): void;
  /** Stops accepting requests, and finishes accepted ones. */
  close(): Promise<void>;
}

/** How long accepted requests may take when the server closes. */
const closeTimeoutMs = 10_000;
/** How long to wait for another instance to release the port. */
const portTimeoutMs = 1_000;

/** Files and sockets for everything but clients: 59 connections to the database, webhooks, files of the console. */
const reservedFiles = 256;

/** A server that takes fewer clients is of no use. */
const fewestConnections = 64;

/**
 * How many clients may be connected. Each one uses a file descriptor. If none were left, a connection to the database
 * could not be opened again, and everybody could cause that, without a key. Only Linux tells the limit.
 *
 * @throws StartupError if there are too few
 */
function mostConnections(): number {
  const limit = mostFiles();
  const needed = reservedFiles + fewestConnections;
  if (limit < needed)
    throw new StartupError(
      `This process may open ${limit} files at once, and needs at least ${needed}: raise the limit (ulimit -n).`,
    );
  return limit - reservedFiles;
}

function mostFiles(): number {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? Number.MAX_SAFE_INTEGER : Number(limit);
  } catch {
    return Number.MAX_SAFE_INTEGER;
  }
}

interface Connection {
  /** How many requests are still being received or answered. */
  pending: number;
  /** How many bytes had arrived when the last of them ended. What is more belongs to the next one. */
  bytesRead: number;
  /** Called when an answer has been sent, or its client has left. */
  readonly answered: (this: ServerResponse) => void;
}

/**
 * Closes idle connections only when their last answer has left this process. Node.js counts a connection as idle as soon
 * as its answer is complete, even if most of it waits for a slow client; that answer would be cut off.
 */
class ClientServer extends Server {
  readonly #connections = new Map<Socket, Connection>();

  constructor(options: ServerOptions) {
    super(options);
    this.on('request', (request, response) => this.#track(request, response));
  }

  #track({ socket }: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(socket) ?? this.#add(socket);
    connection.pending += 1;
    response.once('close', connection.answered);
  }

  #add(socket: Socket): Connection {
    const finish = () => {
      connection.pending -= 1;
      connection.bytesRead = socket.bytesRead;
    };
    const connection: Connection = {
      pending: 0,
      bytesRead: 0,
      answered() {
        if (this.req.complete) finish();
        else this.req.once('end', finish);
      },
    };
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    return connection;
  }

  /** Node.js calls this too, when the server closes. */
  override closeIdleConnections(): void {
    for (const [socket, { pending, bytesRead }] of this.#connections)
      if (pending === 0 && socket.bytesRead === bytesRead) socket.destroy();
  }
}

/**
 * Binds the port. Requests wait until the server is opened. Port 0 binds any free port. Throws a StartupError if the
 * port is not available. Slow clients get 408, too large headers 431.
 */
export async function listen(
  host: string,
  port: number,
  timeouts: ClientTimeouts = clientTimeouts,
  maxConnections = mostConnections(),
): Promise<HttpServer> {
  let open: (listener: RequestListener) => void = () => undefined;
  const opened = new Promise<RequestListener>((resolve) => {
    open = resolve;
  });
  const server = new ClientServer({ ...timeouts, maxHeaderSize: maxHeaderBytes });
  const wait: RequestListener = (request, response) => {
    opened.then((listener) => listener(request, response));
  };
  server.on('request', wait);
  server.maxConnections = maxConnections;
  // Idle connections are anybody's, and cost their owner nothing. Who connects next finds room.
  server.on('drop', () => server.closeIdleConnections());
  await bind(server, host, port, performance.now() + portTimeoutMs);
  return {
    address: addressOf(host, server, port),
    open(listener) {
      server.off('request', wait).on('request', listener);
      open(listener);
    },
    close: () => close(server),
  };
}

async function bind(server: Server, host: string, port: number, deadline: number): Promise<void> {
  server.listen(port, host);
  const failure: NodeJS.ErrnoException | null = await once(server, 'listening').then(
    () => null,
    (error) => error,
  );
  if (failure === null) return;
  if (failure.code !== 'EADDRINUSE')
    throw new StartupError(`Cannot listen on ${host}, port ${port}: ${failure.message}.`);
  if (performance.now() > deadline)
    throw new StartupError(`Port ${port} on ${host} is in use: set PORT to another one.`);
  await sleep(100);
  await bind(server, host, port, deadline);
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((done) => server.close(done));
  // Close keep-alive connections as soon as they are idle.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const end = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(end);
}

function addressOf(host: string, server: Server, wanted: number): string {
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : wanted;
  const everywhere = host === '0.0.0.0' || host === '::';
  return `http://${everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`;
}
