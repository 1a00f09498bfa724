import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Gate, overloadedMessage, type Room } from './gate.ts';
import type { RequestContext } from './request-context.ts';
import { type Answer, refusal, writeJson } from './response.ts';
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
  requestContext: RequestContext,
) => unknown;

const tooLarge = refusal('PAYLOAD_TOO_LARGE', 'The body of a request may hold at most 1 MiB.');
const overloaded = refusal('OVERLOADED', overloadedMessage);

/**
 * Reads the body before the handler runs. A body of more than 1 MiB is refused as soon as its length, or else
 * its bytes, tell; a request that breaks off is dropped.
 *
 * Until a body is there the gate cannot count its request, and thousands may be on their way: what the bodies hold is
 * bounded for all of them together, until they are answered. One that comes in one piece, as small ones do, needs no
 * room: nobody waits for the rest of it, and of those that are worked on the gate bounds the number.
 */
export function withBody({ bodies }: Gate, handle: BodyHandler): Handler {
  return async (request, response, requestContext) => {
    const isTooLong = Number(request.headers['content-length'] ?? 0) > maxBodyBytes;
    const read = isTooLong ? tooLarge : await readBody(request, bodies);
    if ('status' in read) return refuse(request, response, read);
    try {
      return await handle(request, response, read.body, requestContext);
    } finally {
      bodies.giveBack(read.taken);
    }
  };
}

/** The whole body, and the room that it has taken; or why not. Stays unanswered if the request breaks off. */
function readBody(request: IncomingMessage, room: Room): Promise<{ body: Buffer; taken: number } | Answer> {
  const length = Number(request.headers['content-length']);
  const chunks: Buffer[] = [];
  let size = 0;
  let taken = 0;
  return new Promise((resolve) => {
    function stop(answer: Answer) {
      request.off('data', take).off('close', giveBack);
      giveBack();
      resolve(answer);
    }
    function giveBack() {
      room.giveBack(taken);
      taken = 0;
    }
    function makeRoom(bytes: number): boolean {
      if (!room.take(bytes)) return false;
      if (taken === 0) request.once('close', giveBack);
      taken += bytes;
      return true;
    }
    function take(chunk: Buffer) {
      size += chunk.length;
      if (size > maxBodyBytes) stop(tooLarge);
      else if (chunk.length === length || makeRoom(chunk.length)) chunks.push(chunk);
      else stop(overloaded);
    }
    request.on('data', take);
    request.once('end', () => {
      request.off('close', giveBack);
      const [first] = chunks;
      resolve({ body: first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks), taken });
    });
  });
}

/**
 * Answers, then closes the connection. Closing at once would reset it under a client that is still sending
 * and has not read the answer: the rest of the body is taken in and dropped first, for a moment.
 */
function refuse(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  writeJson(response, { ...answer, headers: { ...answer.headers, Connection: 'close' } });
  const close = () => response.end();
  const timer = setTimeout(close, farewell);
  request.once('end', close).resume();
  response.once('close', () => clearTimeout(timer));
}
