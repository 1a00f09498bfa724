import { DateTime } from 'luxon';

/* A date, and a time as ISO 8601, databases and Ruby write it: a space for the T, or before the offset. */
const dateTime =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?) ?(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/i;
/* The other forms of ISO 8601 that name a day. A time alone, or a month alone, does not say when. */
const isoDay = /^\d{4}-?(?:\d{2}-?\d{2}|\d{3}|W\d{2}-?\d)(?:T.*)?$/i;
/* Seconds have ten digits from 2001 to 2286, and milliseconds thirteen: neither is taken for the other. */
const epoch = /^(?:(\d{10})|(\d{13}))(?:\.\d+)?$/;

/**
 * Reads the timestamp of an event: ISO 8601 and what databases make of it, in UTC without an offset, and seconds or
 * milliseconds since 1970 as a number or as text. Anything else is unreadable; it is never guessed.
 *
 * @returns null when there is none
 */
export function readTimestamp(timestamp: unknown): Date | 'UNREADABLE' | null {
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
