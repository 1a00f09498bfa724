import { createHash } from 'node:crypto';
import { DateTime } from 'luxon';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { Id, NewId, parse } from '../../input.ts';

/** An event that is stored. Everything else is read from its payload when it is processed. */
export interface SegmentEvent {
  environmentId: string;
  messageId: string;
  type: 'IDENTIFY' | 'TRACK';
  userId: string;
  /** The name of a track event; null for identify. */
  eventName: string | null;
  /** The whole event as JSON text that PostgreSQL can store. */
  payload: string;
  /** Its timestamp; null if none can be read. When it is stored, it happened at its arrival at the latest. */
  occurredAt: Date | null;
  warnings: SegmentWarning[];
}

/** A part of an event that cannot be used. The event itself counts. */
export type SegmentWarning = 'UNREADABLE_TIMESTAMP';

/** An event of another type, such as page. */
export interface IgnoredEvent {
  type: 'IGNORED';
  messageId: string;
}

/** PostgreSQL and JSON.stringify recurse as deep as the event; their stacks are limited. */
const maxDepth = 500;
/** Twice Segment's own limit. It bounds the memory of a batch. Counts the JSON text in UTF-8. */
const maxBytes = 64 * 1024;
const maxNameLength = 255;

/** Replaces characters that PostgreSQL cannot store. */
const storable = (text: string) => text.replace(/\0|\p{Surrogate}/gu, '\ufffd');

const AnyName = z.string('must be the name of what happened').min(1, 'must be the name of what happened');

/** The name of an event in a rule. */
export const EventName = AnyName.max(maxNameLength, `must be at most ${maxNameLength} characters`).transform(
  storable,
);

/** The name of an event, cut to the longest name that a rule can have. */
const TrackedName = AnyName.transform((name) => storable(name.slice(0, maxNameLength)));

/** Texts that libraries send when there is no user. */
const placeholders = ['undefined', 'null', 'NaN', '[object Object]'];

const AnyUserId = z
  .string('must be a string: events of anonymous users are refused')
  .refine((id) => !placeholders.includes(id.trim()), {
    error: ({ input }) => `must name a user: "${String(input).trim()}" is what a library sends for none`,
  })
  .pipe(Id);

/** The user's id: text, or an integer that JSON holds exactly. */
const UserId = z
  .unknown()
  .refine((id) => typeof id !== 'number' || Number.isSafeInteger(id), {
    error: 'must be a string: JSON does not hold this number exactly',
    abort: true,
  })
  .transform((id) => (typeof id === 'number' ? String(id) : id))
  .pipe(AnyUserId);

/** The fields that events of every type have. */
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
 * Reads an event in Segment's format.
 *
 * @throws ValidationError if it is no object, has no type or user, is a track event without a name, or is too large or
 *   too deep
 */
export function readEvent(
  raw: unknown,
  { environmentId, newId }: { environmentId: string; newId: () => string },
): SegmentEvent | IgnoredEvent {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw invalidInput('event', 'must be a JSON object');
  const { userId, ...envelope } = parse(Envelope, raw, 'event');
  const type = envelope.type.toLowerCase();
  const messageId = readMessageId(envelope.messageId);
  if (type !== 'identify' && type !== 'track') return { type: 'IGNORED', messageId: messageId ?? newId() };
  // Identifying may create a user, whose id is chosen here.
  if (type === 'identify') parse(NewId, userId, 'event.userId');
  if (isDeeper(raw, maxDepth)) throw invalidInput('event', `must be at most ${maxDepth} levels deep`);
  const payload = storableJson(raw);
  if (Buffer.byteLength(payload) > maxBytes)
    throw invalidInput('event', `must be at most ${maxBytes / 1024} KiB`);
  const timestamp = readTimestamp(envelope.timestamp);
  return {
    environmentId,
    messageId: messageId ?? (timestamp === null ? newId() : `event-sha256-${sha256(canonicalJson(raw))}`),
    type: typesKept[type],
    userId,
    eventName: type === 'track' ? parse(TrackedName, envelope.event, 'event.event') : null,
    payload,
    occurredAt: timestamp instanceof Date ? timestamp : null,
    warnings: warningsOf(raw),
  };
}

/** @param payload a whole event, as it was sent or as it is stored */
export function warningsOf(payload: unknown): SegmentWarning[] {
  const timestamp = Timestamped.safeParse(payload).data?.timestamp;
  return readTimestamp(timestamp) === 'UNREADABLE' ? ['UNREADABLE_TIMESTAMP'] : [];
}

/**
 * The message id. If it is too long or has control characters, its hash, which is the same each time the event is sent.
 * Null if there is none, or a number that JSON does not hold exactly.
 */
function readMessageId(given: unknown): string | null {
  const id = typeof given === 'number' && Number.isSafeInteger(given) ? String(given) : given;
  if (typeof id !== 'string' || id.trim() === '') return null;
  return Id.safeParse(id).success ? id : `sha256-${sha256(id)}`;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** JSON with sorted keys: equal values give equal text. */
function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join()}}`;
}

/** Whether objects and arrays nest deeper than this many levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/** JSON in which every text is `storable`. In JSON, null characters and lone surrogates are escape sequences. */
function storableJson(value: unknown): string {
  return JSON.stringify(value).replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped, what: string) =>
    what.length > 1 ? '\ufffd' : escaped,
  );
}

/* Date and time as ISO 8601, databases and Ruby write them: with T or a space, and perhaps a space before the offset. */
const dateTime =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?) ?(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/i;
/* Other forms of ISO 8601 that name a day. A time or a month alone is no instant. */
const isoDay = /^\d{4}-?(?:\d{2}-?\d{2}|\d{3}|W\d{2}-?\d)(?:T.*)?$/i;
/* From 2001 to 2286, seconds have ten digits and milliseconds thirteen: they cannot be confused. */
const epoch = /^(?:(\d{10})|(\d{13}))(?:\.\d+)?$/;

/**
 * Reads a timestamp: ISO 8601 and its variants in databases, in UTC if there is no offset; and seconds or milliseconds
 * since 1970, as a number or text. Anything else is unreadable and not guessed.
 *
 * @returns null if there is none
 */
function readTimestamp(timestamp: unknown): Date | 'UNREADABLE' | null {
  const text = typeof timestamp === 'number' ? String(timestamp) : (timestamp ?? '');
  if (typeof text !== 'string') return 'UNREADABLE';
  if (text.trim() === '') return null;
  return readText(text.trim()) ?? 'UNREADABLE';
}

function readText(text: string): Date | null {
  const [matchesEpoch, seconds] = epoch.exec(text) ?? [];
  if (matchesEpoch !== undefined)
    return new Date(Math.trunc(seconds === undefined ? Number(text) : Number(text) * 1_000));
  const iso = isoOf(text);
  const instant = iso === null ? null : DateTime.fromISO(iso, { zone: 'utc' });
  return instant?.isValid && instant.year >= 1 ? instant.toJSDate() : null;
}

function isoOf(text: string): string | null {
  const [matched, day, time, offset = ''] = dateTime.exec(text) ?? [];
  if (matched !== undefined) return `${day}T${time}${/^[ug]/i.test(offset) ? 'Z' : offset.toUpperCase()}`;
  return isoDay.test(text) ? text : null;
}
