import { lookup as resolveHost } from 'node:dns';
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '../webhooks/address-rules.ts';
import type { Post } from '../webhooks/deliver.ts';
import { hostOf } from '../webhooks/rules.ts';
import type { Answer } from '../webhooks/schedule-rules.ts';

/** How long a request may take in total, and how much of the answer is read and kept. */
const usual = { timeoutMs: 10_000, maxReadBytes: 64 * 1_024, maxKeptChars: 1_000 };

const refusal = 'The address is in a private network.';

/** Refuses to connect where the address is private. It is checked as it is used, so no other one can take its place. */
const checkedLookup: LookupFunction = (hostname, options, callback) => {
  resolveHost(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    const [first] = addresses;
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
      return callback(new Error(refusal), '', 0);
    if (options.all) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};

/**
 * Creates what posts messages to addresses that customers chose. Redirects are not followed. Every request has a
 * deadline, and answers are read up to a limit.
 *
 * @param allowPrivate whether addresses of private networks are allowed
 */
export function createPost(allowPrivate: boolean, { timeoutMs, maxReadBytes, maxKeptChars } = usual): Post {
  const connections = { keepAlive: true, keepAliveMsecs: 1_000, maxFreeSockets: 256, timeout: timeoutMs };
  const agents = { http: new HttpAgent(connections), https: new HttpsAgent(connections) };
  return (text, { headers, body }, stop) => {
    const url = new URL(text);
    const host = hostOf(url);
    if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host))
      return Promise.resolve({ problem: refusal });
    const options = {
      method: 'POST',
      headers: {
        'user-agent': 'Open-Kana-Webhooks',
        ...headers,
        'content-length': Buffer.byteLength(body),
      },
      ...(allowPrivate ? {} : { lookup: checkedLookup }),
    };
    return new Promise<Answer>((resolve) => {
      const request: ClientRequest =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: agents.https })
          : httpRequest(url, { ...options, agent: agents.http });
      let isLate = false;
      // Signals of Node would do the same at several times the cost.
      // The answer does not wait for an error of the request: not every request that is broken off has one.
      const breakOff = () => {
        request.destroy();
        fail(new Error('broken off'));
      };
      const deadline = setTimeout(() => {
        isLate = true;
        breakOff();
      }, timeoutMs);
      const end = (answer: Answer) => {
        clearTimeout(deadline);
        stop.removeEventListener('abort', breakOff);
        resolve(answer);
      };
      const fail = (error: Error) =>
        end({ problem: isLate ? `No answer within ${timeoutMs / 1_000} seconds.` : problemOf(error) });
      stop.addEventListener('abort', breakOff);
      if (stop.aborted) breakOff();
      request.on('error', fail);
      // Without this, Node closes the connection and tells nobody.
      request.on('upgrade', ({ statusCode = 0 }, socket) => {
        socket.destroy();
        end({ status: statusCode, body: '' });
      });
      request.on('response', (response) => {
        response.on('error', fail);
        readAnswer(response, { maxReadBytes, maxKeptChars }).then(end, fail);
      });
      request.end(body);
    });
  };
}

async function readAnswer(
  response: IncomingMessage,
  { maxReadBytes, maxKeptChars }: { maxReadBytes: number; maxKeptChars: number },
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
  return { status: response.statusCode ?? 0, body };
}

/** Messages of Node name addresses of our network, so only known ones are passed on. */
function problemOf(error: Error): string {
  if (error.message === refusal) return refusal;
  const { code = '' } = error as { code?: string };
  return problems[code] ?? (code === '' ? 'The connection failed.' : `The connection failed: ${code}.`);
}

const problems: Record<string, string> = {
  ENOTFOUND: 'The host is not known.',
  EAI_AGAIN: 'The host could not be resolved.',
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was closed.',
};
