import { z } from 'zod';

/** The calls of Segment's HTTP API that send one event, and its type. Libraries for browsers use the first letter. */
export const typesOfCalls: Readonly<Record<string, string>> = {
  track: 'track',
  t: 'track',
  identify: 'identify',
  i: 'identify',
  page: 'page',
  p: 'page',
  screen: 'screen',
  s: 'screen',
  group: 'group',
  g: 'group',
  alias: 'alias',
  a: 'alias',
};

/** The calls that send a batch. */
export const batchCalls = ['batch', 'b', 'import'] as const;

const WithKey = z.object({ writeKey: z.string() });

/** Returns the `writeKey` of a body. Null if there is none. */
export const readBodyKey = (sent: unknown): string | null => WithKey.safeParse(sent).data?.writeKey ?? null;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Returns the events of a call. A call for one event names its type. The key is no part of an event, so it is not stored.
 * Null if the body is not what the call takes.
 *
 * @param type the type of the one event; null for a batch
 */
export function eventsOfCall(sent: unknown, type: string | null): readonly unknown[] | null {
  if (!isObject(sent)) return null;
  if (type !== null) return [withoutKey({ ...sent, type })];
  return Array.isArray(sent.batch)
    ? sent.batch.map((event) => (isObject(event) ? withoutKey(event) : event))
    : null;
}

function withoutKey({ writeKey: _key, ...event }: Record<string, unknown>): object {
  return event;
}
