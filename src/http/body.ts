import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseExactJson } from '../exact-json.ts';
import type { Room } from './gate.ts';
import { drainTimeoutMs, maxBodyBytes, maxStrangerBodyBytes, strangerBodyTimeoutMs } from './limits.ts';
import { type Answer, overloaded, refusal, writeJson } from './response.ts';

/*
 * A body that comes byte by byte costs as much for each byte as for a whole one. So where pieces are small, the connection
 * is left unread for a moment after each, while the operating system collects what arrives.
 */
const freePieces = 16;
const smallPieceBytes = 1024;
const pieceRestMs = 50;

const tooLarge = refusal('PAYLOAD_TOO_LARGE', 'The body of a request may hold at most 1 MiB.');
const tooLargeForStranger = refusal(
  'PAYLOAD_TOO_LARGE',
  'Without valid credentials the body of a request may hold at most 16 KiB.',
);
const tooSlow = refusal('REQUEST_TIMEOUT', 'The body of the request came too slowly.');

/** A complete body, and how to release its memory. */
export interface Body {
  bytes: Buffer;
  release(): void;
}

/**
 * Reads the body of an authenticated caller, or returns a refusal. A body of more than 1 MiB is refused as soon as its
 * Content-Length or its bytes exceed the limit. Never resolves if the client disconnects.
 *
 * Thousands of bodies may arrive at once, so their memory is bounded until the requests are answered. A body that
 * arrives in one chunk, as small ones do, does not count: it never waits for more data, and the share bounds the number
 * of running requests.
 */
export function readBody(request: IncomingMessage, room: Room): Promise<Body | Answer> {
  return collect(request, { room, maxBytes: maxBodyBytes, tooLarge });
}

/**
 * Reads a body without valid credentials, which must be small and arrive soon. Slots bound how many there are at once.
 *
 * @param tooLong the answer to a larger body
 * @param maxBytes more than usual only for routes that few call
 */
export function readStrangerBody(
  request: IncomingMessage,
  tooLong: Answer = tooLargeForStranger,
  maxBytes = maxStrangerBodyBytes,
): Promise<Body | Answer> {
  return collect(request, {
    room: unbounded,
    maxBytes,
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
  // Chunks are copied into one buffer, which doubles when it is full: a million chunks of one byte, kept as they
  // come, would take a hundred times the memory that is counted.
  let bytes: Buffer = Buffer.alloc(0);
  let size = 0;
  let taken = 0;
  // Nearly every body comes as one piece, which needs no rests.
  let rests: ReturnType<typeof restBetweenPieces> | null = null;
  return new Promise((resolve) => {
    const timer = timeoutMs === undefined ? undefined : setTimeout(stop, timeoutMs, tooSlow);
    function stop(answer: Answer) {
      request.off('data', take).off('end', finish).off('close', release);
      release();
      resolve(answer);
    }
    function release() {
      clearTimeout(timer);
      rests?.end();
      room.giveBack(taken);
      taken = 0;
    }
    function take(chunk: Buffer) {
      size += chunk.length;
      if (size !== length) {
        rests ??= restBetweenPieces(request.socket);
        rests.count(size);
      }
      if (size > maxBytes) stop(limits.tooLarge);
      else if (chunk.length === length) bytes = chunk;
      else if (room.take(chunk.length)) {
        taken += chunk.length;
        append(chunk);
      } else stop(overloaded);
    }
    function append(chunk: Buffer) {
      const start = size - chunk.length;
      if (size > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.min(2 * size, maxBytes));
        bytes.copy(larger, 0, 0, start);
        bytes = larger;
      }
      chunk.copy(bytes, start);
    }
    function finish() {
      clearTimeout(timer);
      rests?.end();
      request.off('close', release);
      resolve({ bytes: bytes.subarray(0, size), release });
    }
    request.on('data', take).once('end', finish).once('close', release);
  });
}

/** Leaves a connection unread after each piece of a body, once there are many and they are small. */
function restBetweenPieces(socket: Socket) {
  let pieces = 0;
  let start: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  const pause = () => {
    socket.pause();
    timer = setTimeout(end, pieceRestMs);
  };
  function end() {
    clearImmediate(start);
    start = undefined;
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    socket.resume();
  }
  return {
    /** @param size the bytes of the body so far */
    count(size: number) {
      pieces += 1;
      if (start !== undefined || pieces <= freePieces || size > pieces * smallPieceBytes) return;
      // Not at once: who has got a piece asks for the next one directly after that, which ends a pause.
      start = setImmediate(pause);
    },
    /** The connection is read as usual from now on. */
    end,
  };
}

const inflate = promisify(gunzip);

/** Reads a Content-Encoding. Null if it is not supported. */
export function readEncoding(header: string | undefined): 'identity' | 'gzip' | null {
  const encoding = (header ?? '').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return 'identity';
  return encoding === 'gzip' || encoding === 'x-gzip' ? 'gzip' : null;
}

/** Decompresses a body, or returns a refusal. The decompressed size counts. */
async function decompress(bytes: Buffer, room: Room): Promise<Body | Answer> {
  try {
    const inflated = await inflate(bytes, { maxOutputLength: maxBodyBytes });
    if (!room.take(inflated.length)) return overloaded;
    return { bytes: inflated, release: () => room.giveBack(inflated.length) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge;
    return refusal('BAD_REQUEST', 'The body is not in the gzip format that its Content-Encoding names.');
  }
}

/** The body, decompressed as its headers say, or a refusal. */
export async function decodeBody(
  { 'content-encoding': encoding }: IncomingHttpHeaders,
  bytes: Buffer,
  room: Room,
): Promise<Body | Answer> {
  const read = readEncoding(encoding);
  if (read === 'identity') return { bytes, release: () => undefined };
  return read === 'gzip' ? decompress(bytes, room) : unknownEncoding;
}

const unknownEncoding: Answer = {
  ...refusal('UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, or with Content-Encoding: gzip.'),
  headers: { 'Accept-Encoding': 'gzip, identity' },
};

/**
 * Answers without reading the whole body, and closes the connection, but not at once: a client that is still sending
 * would see a reset instead of the answer. First, the rest of the body is read and discarded for a short time.
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

/** The text of a body. Undefined if it is not UTF-8. */
export function readText(body: Buffer): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    return undefined;
  }
}

/** Parses a body. Throws if it is not JSON in UTF-8. */
export function parseJson(body: Buffer): unknown {
  return parseExactJson(utf8.decode(body));
}

/** Parses a body. Undefined if it is not JSON in UTF-8. */
export function readJson(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}
