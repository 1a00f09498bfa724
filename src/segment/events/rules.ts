import { createHash } from 'node:crypto';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { Id, parse } from '../../input.ts';
import { readTimestamp } from './timestamp-rules.ts';

/** An event that is kept. What it says beyond this is read from its payload when it is processed. */
export interface SegmentEvent {
  environmentId: string;
  messageId: string;
  type: 'IDENTIFY' | 'TRACK';
  userId: string;
  /** What a track event calls what happened; null for identify. */
  eventName: string | null;
  /** The whole event as JSON text that PostgreSQL can store. */
  payload: string;
  /** When it happened; never later than it arrived. */
  occurredAt: Date;
  receivedAt: Date;
  warnings: SegmentWarning[];
}

/** What of an event cannot be used, although the event is kept and counts. */
export type SegmentWarning = 'UNREADABLE_TIMESTAMP';

/** An event of a type that means nothing here, such as a page view. */
export interface IgnoredEvent {
  type: 'IGNORED';
  messageId: string;
}

/** PostgreSQL and JSON's own functions go as deep as an event does, on a stack that ends. */
const maxDepth = 500;
/** Twice what Segment itself takes; how much so many events are together is known then. Of the JSON text, in UTF-8. */
const maxBytes = 64 * 1024;
const maxNameLength = 255;

/** Events are kept whatever they say: a character that PostgreSQL cannot store is replaced. */
const storable = (text: string) => text.replace(/\0|\p{Surrogate}/gu, '\ufffd');

const AnyName = z.string('must be the name of what happened').min(1, 'must be the name of what happened');

/** The name of what happened, as rules name it. */
export const EventName = AnyName.max(maxNameLength, `must be at most ${maxNameLength} characters`).transform(
  storable,
);

/** The name of what happened, as the sender wrote it. A longer one counts by its beginning. */
const TrackedName = AnyName.transform((name) => storable(name.slice(0, maxNameLength)));

/** What libraries send for a user who is not there. */
const placeholders = ['undefined', 'null', 'NaN', '[object Object]'];

const AnyUserId = z
  .string('must be a string: events of anonymous users are refused')
  .refine((id) => !placeholders.includes(id.trim()), {
    error: ({ input }) => `must name a user: "${String(input).trim()}" is what a library sends for none`,
  })
  .pipe(Id);

/** The id of the user, also as a number, as long as JSON holds that exactly. */
const UserId = z
  .unknown()
  .refine((id) => typeof id !== 'number' || Number.isSafeInteger(id), {
    error: 'must be a string: JSON does not hold this number exactly',
    abort: true,
  })
  .transform((id) => (typeof id === 'number' ? String(id) : id))
  .pipe(AnyUserId);

/** What every event says, whatever its type. */
const Envelope = z.object({
  type: z.string('must be a type such as "identify" or "track"').min(1, 'must not be empty'),
  userId: UserId,
  messageId: z.unknown().optional(),
  timestamp: z.unknown().optional(),
  event: z.unknown().optional(),
});

const Timestamped = z.object({ timestamp: z.unknown().optional() });

const typesKept = { identify: 'IDENTIFY', track: 'TRACK' } as const;

/**
 * Reads an event as Segment sends it. An event is refused that is not an object, has no type, no user, is a track
 * without a name, or too large or too deep to be kept.
 *
 * @param now when it arrived
 * @throws ValidationError for an event that is refused
 */
export function readEvent(
  raw: unknown,
  { environmentId, now, newId }: { environmentId: string; now: Date; newId: () => string },
): SegmentEvent | IgnoredEvent {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw invalidInput('event', 'must be a JSON object');
  const { userId, ...said } = parse(Envelope, raw, 'event');
  const type = said.type.toLowerCase();
  const messageId = readMessageId(said.messageId);
  if (type !== 'identify' && type !== 'track') return { type: 'IGNORED', messageId: messageId ?? newId() };
  if (isDeeper(raw, maxDepth)) throw invalidInput('event', `must be at most ${maxDepth} levels deep`);
  const payload = storableJson(raw);
  if (Buffer.byteLength(payload) > maxBytes)
    throw invalidInput('event', `must be at most ${maxBytes / 1024} KiB`);
  const timestamp = readTimestamp(said.timestamp);
  return {
    environmentId,
    messageId: messageId ?? (timestamp === null ? newId() : `event-sha256-${sha256(canonicalJson(raw))}`),
    type: typesKept[type],
    userId,
    eventName: type === 'track' ? parse(TrackedName, said.event, 'event.event') : null,
    payload,
    // An event cannot happen after it arrived.
    occurredAt: timestamp instanceof Date && timestamp < now ? timestamp : now,
    receivedAt: now,
    warnings: warningsOf(raw),
  };
}

/** @param payload a whole event, as it came or as it is stored */
export function warningsOf(payload: unknown): SegmentWarning[] {
  const timestamp = Timestamped.safeParse(payload).data?.timestamp;
  return readTimestamp(timestamp) === 'UNREADABLE' ? ['UNREADABLE_TIMESTAMP'] : [];
}

/**
 * What the sender calls the event. An id that is too long, or has control characters, is known by its hash: it is the
 * same whenever the event comes. Null if there is none, or a number that JSON does not hold exactly.
 */
function readMessageId(given: unknown): string | null {
  const id = typeof given === 'number' && Number.isSafeInteger(given) ? String(given) : given;
  if (typeof id !== 'string' || id.trim() === '') return null;
  return Id.safeParse(id).success ? id : `sha256-${sha256(id)}`;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The same text for the same value, in whatever order its keys stand. */
function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join()}}`;
}

/** Whether there are objects within objects for more than this many levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/** JSON in which `storable` holds for every text; null characters and halves of pairs are escapes in it. */
function storableJson(value: unknown): string {
  return JSON.stringify(value).replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped, what: string) =>
    what.length > 1 ? '\ufffd' : escaped,
  );
}
