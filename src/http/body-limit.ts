import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusal, writeJson } from './answer.ts';
import type { Exchange } from './exchange.ts';
import type { Handler } from './router.ts';

/** The most that a request body may hold, in bytes. */
const maxBodyBytes = 1024 * 1024;

/** For how long the rest of a refused body is taken in and dropped, in milliseconds. */
const farewell = 500;

/** Answers a request whose body has been read whole. */
export type BodyHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  exchange: Exchange,
) => unknown;

/**
 * Reads the body before the handler runs. A body of more than 1 MiB is refused as soon as its length, or else
 * its bytes, tell; a request that breaks off is dropped.
 */
export function withBody(handle: BodyHandler): Handler {
  return async (request, response, exchange) => {
    const tooLong = Number(request.headers['content-length'] ?? 0) > maxBodyBytes;
    const body = tooLong ? null : await read(request);
    if (body === null) refuse(request, response);
    else await handle(request, response, body, exchange);
  };
}

/** The whole body, or null if it is too long. Stays unanswered if the request breaks off. */
function read(request: IncomingMessage): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    function take(chunk: Buffer) {
      size += chunk.length;
      if (size <= maxBodyBytes) {
        chunks.push(chunk);
        return;
      }
      request.off('data', take);
      resolve(null);
    }
    request.on('data', take);
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks)));
  });
}

/**
 * Answers 413, then closes the connection. Closing at once would reset it under a client that is still sending
 * and has not read the answer: the rest of the body is taken in and dropped first, for a moment.
 */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  const answer = refusal('PAYLOAD_TOO_LARGE', 'The body of a request may hold at most 1 MiB.');
  writeJson(response, { ...answer, headers: { Connection: 'close' } });
  const close = () => response.end();
  const timer = setTimeout(close, farewell);
  request.once('end', close).resume();
  response.once('close', () => clearTimeout(timer));
}
