import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseExactJson } from '../exact-json.ts';
import type { Room } from './gate.ts';
import { type Answer, overloaded, refusal, writeJson } from './response.ts';

/** The most that a request body may hold, in bytes. */
const maxBodyBytes = 1024 * 1024;

/** The most that the body of a request without valid credentials may hold, in bytes. */
const maxStrangerBodyBytes = 16 * 1024;

/** How long a request without valid credentials may take to send its body. */
const strangerBodyTimeoutMs = 5_000;

/** For how long the rest of a refused body is taken in and dropped. */
const drainTimeoutMs = 500;

const tooLarge = refusal('PAYLOAD_TOO_LARGE', 'The body of a request may hold at most 1 MiB.');
const tooLargeForStranger = refusal(
  'PAYLOAD_TOO_LARGE',
  'Without valid credentials the body of a request may hold at most 16 KiB.',
);
const tooSlow = refusal('REQUEST_TIMEOUT', 'The body of the request came too slowly.');

/** A body that has been read whole, and how to give back the memory that it has taken. */
export interface Body {
  bytes: Buffer;
  release(): void;
}

/**
 * Reads the body of a known caller, or answers why not. A body of more than 1 MiB is refused as soon as its length, or
 * else its bytes, tell. Never resolves if the client disconnects.
 *
 * Thousands of bodies may be on their way at once, so the memory that they hold is bounded until they are answered.
 * A body that comes in one piece, as small ones do, needs no room: nobody waits for the rest of it, and the share
 * bounds the number of requests that are worked on.
 */
export function readBody(request: IncomingMessage, room: Room): Promise<Body | Answer> {
  return collect(request, { room, maxBytes: maxBodyBytes, tooLarge });
}

/**
 * Reads a body of somebody unknown, which must be small and come soon. How many there are at once is bounded by Places.
 *
 * @param tooLong answers who sends more
 */
export function readStrangerBody(
  request: IncomingMessage,
  tooLong: Answer = tooLargeForStranger,
): Promise<Body | Answer> {
  return collect(request, {
    room: unbounded,
    maxBytes: maxStrangerBodyBytes,
    tooLarge: tooLong,
    timeoutMs: strangerBodyTimeoutMs,
  });
}

const unbounded: Pick<Room, 'take' | 'giveBack'> = { take: () => true, giveBack: () => undefined };

interface Limits {
  room: Pick<Room, 'take' | 'giveBack'>;
  maxBytes: number;
  tooLarge: Answer;
  timeoutMs?: number;
}

async function collect(request: IncomingMessage, limits: Limits): Promise<Body | Answer> {
  const length = Number(request.headers['content-length'] ?? 0);
  return length > limits.maxBytes ? limits.tooLarge : collectBytes(request, limits, length);
}

function collectBytes(request: IncomingMessage, limits: Limits, length: number): Promise<Body | Answer> {
  const { room, maxBytes, timeoutMs } = limits;
  const chunks: Buffer[] = [];
  let size = 0;
  let taken = 0;
  return new Promise((resolve) => {
    const timer = timeoutMs === undefined ? undefined : setTimeout(stop, timeoutMs, tooSlow);
    function stop(answer: Answer) {
      request.off('data', take).off('end', finish).off('close', release);
      release();
      resolve(answer);
    }
    function release() {
      clearTimeout(timer);
      room.giveBack(taken);
      taken = 0;
    }
    function take(chunk: Buffer) {
      size += chunk.length;
      if (size > maxBytes) stop(limits.tooLarge);
      else if (chunk.length === length) chunks.push(chunk);
      else if (room.take(chunk.length)) {
        taken += chunk.length;
        chunks.push(chunk);
      } else stop(overloaded);
    }
    function finish() {
      clearTimeout(timer);
      request.off('close', release);
      const [first] = chunks;
      resolve({
        bytes: first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks),
        release,
      });
    }
    request.on('data', take).once('end', finish).once('close', release);
  });
}

const inflate = promisify(gunzip);

/** What the header says of the body: not compressed, compressed as we can read it, or in a way that we cannot. */
export function readEncoding(header: string | undefined): 'identity' | 'gzip' | null {
  const encoding = (header ?? '').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return 'identity';
  return encoding === 'gzip' || encoding === 'x-gzip' ? 'gzip' : null;
}

/** Decompresses a body, of which as much counts as is in it; or answers why not. */
export async function decompress(bytes: Buffer, room: Room): Promise<Body | Answer> {
  try {
    const inflated = await inflate(bytes, { maxOutputLength: maxBodyBytes });
    if (!room.take(inflated.length)) return overloaded;
    return { bytes: inflated, release: () => room.giveBack(inflated.length) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge;
    return refusal('BAD_REQUEST', 'The body is not in the gzip format that its Content-Encoding names.');
  }
}

/**
 * Answers without the body. The connection is kept only if what is left of the body is small; otherwise it is closed,
 * but not at once: that would reset it under a client that is still sending and has not read the answer. The rest of
 * the body is taken in and dropped first, for a moment.
 */
export function refuseBody(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (request.complete) {
    writeJson(response, answer);
    response.end();
    return;
  }
  writeJson(response, { ...answer, headers: { ...answer.headers, Connection: 'close' } });
  const close = () => response.end();
  const timer = setTimeout(close, drainTimeoutMs);
  request.once('end', close).resume();
  response.once('close', () => clearTimeout(timer));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What a body holds; throws what is wrong with it if that is not JSON in UTF-8. */
export function parseJson(body: Buffer): unknown {
  return parseExactJson(utf8.decode(body));
}

/** What a body holds; undefined, which no JSON says, if that is not JSON in UTF-8. */
export function readJson(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}
