import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';

export interface HttpServer {
  /** Where it can be called from this machine, such as `http://127.0.0.1:4000`. */
  address: string;
  /** Answers requests, also those that came before. */
  open(listener: RequestListener): void;
  /** Accepts nothing new, and finishes what was accepted. */
  close(): Promise<void>;
}

/** How long requests that were accepted may take to finish when the server closes, in milliseconds. */
const grace = 10_000;
/** How long an instance that is being replaced may take to give up the port, in milliseconds. */
const patience = 1_000;

/** How patient the server is with those who send slowly, in milliseconds. */
interface Patience {
  /** Until all headers are there. */
  headersTimeout: number;
  /** Until the whole request is there, its body too. */
  requestTimeout: number;
  /** Until the next request on a connection: longer than proxies keep theirs, so that it is they who close. */
  keepAliveTimeout: number;
  /** Between two looks at who is late. */
  connectionsCheckingInterval: number;
}

const usualPatience: Patience = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
};

/** The most that the headers of a request may hold, in bytes. */
const maxHeaderSize = 16 * 1024;

/**
 * Takes the port; requests wait until the server is opened. Port 0 takes any free one. Throws a StartupError
 * if the port cannot be had. Who sends too slowly is answered 408, whose headers are too long 431.
 */
export async function listen(host: string, port: number, slow = usualPatience): Promise<HttpServer> {
  let open: (listener: RequestListener) => void = () => undefined;
  const opened = new Promise<RequestListener>((resolve) => {
    open = resolve;
  });
  const server = createServer({ ...slow, maxHeaderSize }, (request, response) => {
    opened.then((listener) => listener(request, response));
  });
  await bind(server, host, port, performance.now() + patience);
  return {
    address: addressOf(host, server, port),
    open(listener) {
      server.removeAllListeners('request').on('request', listener);
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
  // A connection that a client keeps open for later counts as closed once it is idle.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const end = setTimeout(() => server.closeAllConnections(), grace);
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
