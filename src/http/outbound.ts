import {
  type AgentOptions,
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { isPublicAddress, isPublicName } from '../webhooks/address-rules.ts';
import type { Post } from '../webhooks/deliver.ts';
import { hostOf } from '../webhooks/rules.ts';
import { type Answer, retryAfterMs } from '../webhooks/schedule-rules.ts';
import { resolveHost } from './resolve-host.ts';

/** How long a request may take in total, and how much of the answer is read and kept. */
interface Limits {
  timeoutMs: number;
  maxReadBytes: number;
  maxKeptChars: number;
  /** How long a connection is used for more requests: a name that leads elsewhere is followed after this. */
  keptMs?: number;
}

const usual: Limits = { timeoutMs: 10_000, maxReadBytes: 64 * 1_024, maxKeptChars: 1_000 };
const usualKeptMs = 60_000;
/** A receiver may say so often that its answer is still to come. */
const maxInterim = 100;
/** Of several addresses of a host, each but the last one is given up after this. */
const addressTimeoutMs = 1_000;

const refusal = 'The address is in a private network.';

/** Refuses to connect where the address is private. It is checked as it is used, so no other one can take its place. */
const createLookup =
  (allowPrivate: boolean, servers: readonly string[] | undefined): LookupFunction =>
  (hostname, options, callback) => {
    resolveHost(hostname, { allowLocal: allowPrivate, servers })
      .then((addresses) => {
        const isRefused = !allowPrivate && !addresses.every(({ address }) => isPublicAddress(address));
        const [first] = addresses;
        if (isRefused || first === undefined) throw new Error(refusal);
        return { addresses, first };
      })
      .then(
        ({ addresses, first }) =>
          options.all ? callback(null, addresses) : callback(null, first.address, first.family),
        (error: Error) => callback(error, '', 0),
      );
  };

/** Whether a connection that has served a request may serve another one. */
function createRenewal(keptMs: number): (connection: Duplex) => boolean {
  const firstUsed = new WeakMap<Duplex, number>();
  return (connection) => {
    const now = performance.now();
    const since = firstUsed.get(connection) ?? now;
    firstUsed.set(connection, since);
    return now - since < keptMs;
  };
}

function createAgents({ timeoutMs, keptMs = usualKeptMs }: Limits) {
  const isKept = createRenewal(keptMs);
  class RenewingHttpAgent extends HttpAgent {
    override keepSocketAlive(connection: Duplex) {
      return isKept(connection) && super.keepSocketAlive(connection);
    }
  }
  class RenewingHttpsAgent extends HttpsAgent {
    override keepSocketAlive(connection: Duplex) {
      return isKept(connection) && super.keepSocketAlive(connection);
    }
  }
  const options: AgentOptions = {
    keepAlive: true,
    keepAliveMsecs: 1_000,
    maxFreeSockets: 256,
    timeout: timeoutMs,
  };
  return { http: new RenewingHttpAgent(options), https: new RenewingHttpsAgent(options) };
}

/**
 * Creates what posts messages to addresses that customers chose. Redirects are not followed. Every request has a
 * deadline, and answers are read up to a limit.
 *
 * @param allowPrivate whether addresses of private networks are allowed
 * @param nameServers who is asked for names, as `address:port`; those of the system unless given
 */
export function createPost(
  allowPrivate: boolean,
  limits: Limits = usual,
  nameServers?: readonly string[],
): Post {
  const agents = createAgents(limits);
  const lookup = createLookup(allowPrivate, nameServers);
  const isRefused = (host: string) => !(isIP(host) === 0 ? isPublicName(host) : isPublicAddress(host));
  return (text, { headers, body }, stop) => {
    const url = new URL(text);
    if (!allowPrivate && isRefused(hostOf(url))) return Promise.resolve({ problem: refusal });
    const options = {
      method: 'POST',
      headers: {
        'user-agent': 'Open-Kana-Webhooks',
        ...headers,
        'content-length': Buffer.byteLength(body),
      },
      autoSelectFamilyAttemptTimeout: addressTimeoutMs,
      lookup,
    };
    return exchange(
      (isAnew) => {
        const request =
          url.protocol === 'https:'
            ? httpsRequest(url, { ...options, agent: !isAnew && agents.https })
            : httpRequest(url, { ...options, agent: !isAnew && agents.http });
        return request.end(body);
      },
      limits,
      stop,
    );
  };
}

/**
 * Waits for the answer to a request, up to the deadline.
 *
 * @param begin begins the request, on a connection of its own if it is begun anew
 */
function exchange(
  begin: (isAnew: boolean) => ClientRequest,
  limits: Limits,
  stop: AbortSignal,
): Promise<Answer> {
  const { timeoutMs } = limits;
  return new Promise<Answer>((resolve) => {
    let request: ClientRequest;
    let isLate = false;
    let isOver = false;
    // Signals of Node would do the same at several times the cost.
    // The answer does not wait for an error of the request: not every request that is broken off has one.
    const breakOff = () => {
      fail(new Error('broken off'));
      request.destroy();
    };
    const deadline = setTimeout(() => {
      isLate = true;
      breakOff();
    }, timeoutMs);
    const end = (answer: Answer) => {
      isOver = true;
      clearTimeout(deadline);
      stop.removeEventListener('abort', breakOff);
      resolve(answer);
    };
    const fail = (error: Error) =>
      end({ problem: isLate ? `No answer within ${timeoutMs / 1_000} seconds.` : problemOf(error) });
    const start = (isAnew: boolean) => {
      const current = begin(isAnew);
      request = current;
      let interim = 0;
      let isAnswered = false;
      current.on('error', (error) => {
        // The receiver closed a connection that it had kept, before it saw the request.
        const isStale = current.reusedSocket && !isAnswered && wasClosed(error);
        if (isStale && !isAnew && !isOver) start(true);
        else fail(error);
      });
      current.on('information', () => {
        interim += 1;
        if (interim > maxInterim) breakOff();
      });
      // Without this, Node closes the connection and tells nobody.
      current.on('upgrade', ({ statusCode = 0 }, socket) => {
        socket.destroy();
        end({ status: statusCode, body: '' });
      });
      current.on('response', (response) => {
        isAnswered = true;
        response.on('error', fail);
        readAnswer(response, limits).then(end, fail);
      });
    };
    start(false);
    stop.addEventListener('abort', breakOff);
    if (stop.aborted) breakOff();
  });
}

const wasClosed = (error: Error) => ['ECONNRESET', 'EPIPE'].includes((error as { code?: string }).code ?? '');

async function readAnswer(
  response: IncomingMessage,
  { maxReadBytes, maxKeptChars }: Limits,
): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > maxReadBytes) break;
  }
  // PostgreSQL stores no null characters.
  const body = Buffer.concat(chunks).toString('utf8').replaceAll('\u0000', '').slice(0, maxKeptChars);
  const status = response.statusCode ?? 0;
  const asked = retryAfterMs(status, response.headers['retry-after'], new Date());
  return { status, body, ...(asked === null ? {} : { retryAfterMs: asked }) };
}

/** Messages of Node name addresses of our network, so only known ones are passed on. */
function problemOf(error: Error): string {
  if (error.message === refusal) return refusal;
  const { code = '' } = error as { code?: string };
  if (/CERT|UNABLE_TO_VERIFY/.test(code)) return `The certificate is not valid: ${code}.`;
  return problems[code] ?? (code === '' ? 'The connection failed.' : `The connection failed: ${code}.`);
}

const problems: Record<string, string> = {
  ENOTFOUND: 'The host is not known.',
  EAI_AGAIN: 'The host could not be resolved.',
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was closed.',
  EPROTO: 'The receiver did not answer with TLS.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'The receiver did not answer with TLS.',
};
