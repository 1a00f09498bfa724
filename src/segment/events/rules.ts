import { createHash } from 'node:crypto';
import { DateTime } from 'luxon';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { Id, parse } from '../../input.ts';

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
}

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

/** What every event says, whatever its type. */
const Envelope = z.object({
  type: z.string('must be a type such as "identify" or "track"').min(1, 'must not be empty'),
  userId: z.string('must be a string: events of anonymous users are refused').pipe(Id),
  messageId: z.unknown().optional(),
  timestamp: z.unknown().optional(),
  event: z.unknown().optional(),
});

/**
 * Reads an event as Segment sends it. An event is refused that is not an object, has no type, no user, is a track
 * without a name, or too large or too deep to be kept. One without a message id gets one of ours.
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
  const { type, userId, ...said } = parse(Envelope, raw, 'event');
  const messageId = readMessageId(said.messageId) ?? newId();
  if (type !== 'identify' && type !== 'track') return { type: 'IGNORED', messageId };
  if (isDeeper(raw, maxDepth)) throw invalidInput('event', `must be at most ${maxDepth} levels deep`);
  const payload = storableJson(raw);
  if (Buffer.byteLength(payload) > maxBytes)
    throw invalidInput('event', `must be at most ${maxBytes / 1024} KiB`);
  return {
    environmentId,
    messageId,
    type: type === 'identify' ? 'IDENTIFY' : 'TRACK',
    userId,
    eventName: type === 'track' ? parse(TrackedName, said.event, 'event.event') : null,
    payload,
    occurredAt: occurrence(said.timestamp, now),
    receivedAt: now,
  };
}

/**
 * What tells whether an event came before. An id that cannot be kept as it is, being too long or with control
 * characters, is known by its hash: it is the same whenever the event comes. Null if there is none.
 */
function readMessageId(given: unknown): string | null {
  const id = typeof given === 'number' ? String(given) : given;
  if (typeof id !== 'string' || id.trim() === '') return null;
  return Id.safeParse(id).success ? id : `sha256-${createHash('sha256').update(id).digest('hex')}`;
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

/** An event happened at its own timestamp, or when it arrived if it has none, or one that lies ahead. */
function occurrence(timestamp: unknown, now: Date): Date {
  const instant = typeof timestamp === 'string' ? DateTime.fromISO(timestamp, { zone: 'utc' }) : null;
  if (!instant?.isValid || instant.year < 1) return now;
  return instant.toJSDate() < now ? instant.toJSDate() : now;
}
