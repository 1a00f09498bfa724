import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { loopTurn } from '../slices.ts';
import { unreadTimeoutMs } from './limits.ts';

/*
 * Writing a long answer at once would hold the event loop for some hundred milliseconds, and all of its text in memory
 * beside it. So it is written in pieces, each when the client has taken the one before.
 */

/** Values and characters that are written at once. */
const maxNodes = 1_000;
const pieceLength = 64 * 1024;

/** Whether a value of JSON is so large that it is to be written in pieces. */
export function isLong(value: unknown): boolean {
  return roomAfter(value, { nodes: maxNodes, length: pieceLength }) === null;
}

interface Room {
  nodes: number;
  length: number;
}

/** What is left of this room after the value; null if it does not fit. */
function roomAfter(value: unknown, room: Room): Room | null {
  room.nodes -= 1;
  if (typeof value === 'string') room.length -= value.length;
  if (room.nodes < 0 || room.length < 0) return null;
  if (!isContainer(value)) return room;
  // Not Object.values: a list of a million items would be copied.
  for (const key in value) if (roomAfter(value[key], room) === null) return null;
  return room;
}

/** Objects that say themselves what their JSON is, such as dates, are values. */
const isContainer = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !('toJSON' in value);

/** Yields the same text as JSON.stringify, in pieces. */
export function* jsonPieces(value: unknown): Generator<string> {
  if (typeof value === 'string' && value.length > pieceLength) yield* textPieces(value);
  else if (!isContainer(value) || !isLong(value)) yield JSON.stringify(value) ?? 'null';
  else if (Array.isArray(value)) yield* listPieces(value);
  else yield* objectPieces(value);
}

function* textPieces(text: string): Generator<string> {
  yield '"';
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + pieceLength, text.length);
    // The two halves of a character stay together.
    if (to < text.length && /[\uD800-\uDBFF]/.test(text.charAt(to - 1))) to -= 1;
    yield JSON.stringify(text.slice(from, to)).slice(1, -1);
    from = to;
  }
  yield '"';
}

function* listPieces(list: readonly unknown[]): Generator<string> {
  yield '[';
  for (const [index, item] of list.entries()) {
    if (index > 0) yield ',';
    yield* jsonPieces(item);
  }
  yield ']';
}

function* objectPieces(object: Record<string, unknown>): Generator<string> {
  yield '{';
  let separator = '';
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue;
    yield `${separator}${JSON.stringify(key)}:`;
    yield* jsonPieces(value);
    separator = ',';
  }
  yield '}';
}

/**
 * Writes a value as JSON in pieces, and ends the response. The head is written already. Ends early if the client leaves.
 *
 * @param owner see loopTurn
 */
export async function writeLongJson(response: ServerResponse, value: unknown, owner?: string): Promise<void> {
  let piece = '';
  for (const part of jsonPieces(value)) {
    piece += part;
    if (piece.length < pieceLength) continue;
    if (!response.write(piece)) await drained(response);
    if (response.destroyed) return;
    await loopTurn(owner);
    piece = '';
  }
  response.end(piece);
}

/** Resolves when the client has taken what was written, or has left. Closes the connection if it does neither. */
async function drained(response: ServerResponse): Promise<void> {
  const timer = setTimeout(() => response.destroy(), unreadTimeoutMs);
  const done = new AbortController();
  const { signal } = done;
  const events = ['drain', 'close'].map((event) => once(response, event, { signal }));
  await Promise.race(events).catch(() => undefined);
  clearTimeout(timer);
  done.abort();
}
