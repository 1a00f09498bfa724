import type { UsageBucket } from '../generated/operations.ts';
import { keepTogether } from '../parts/instants.ts';

/** A time that usage is shown of, in buckets. Without `from` it is what the API takes by default. */
export interface Span {
  /** What it is called, such as `30 days`, or `own`. */
  name: string;
  bucket: UsageBucket;
  /** The first day and the day after the last one, in UTC. */
  from: string | null;
  to: string | null;
}

const dayMs = 86_400_000;

/** The start of the day in UTC that is so many days before an instant. */
const dayBefore = (now: number, days: number) =>
  new Date(Math.floor(now / dayMs) * dayMs - days * dayMs).toISOString();

const days = (count: number, now: number): Span => ({
  name: `${count} days`,
  bucket: 'DAY',
  from: dayBefore(now, count - 1),
  to: null,
});

/** The times that can be chosen by their names. */
export const spansAt = (now: number): readonly Span[] => [
  { name: '24 hours', bucket: 'HOUR', from: null, to: null },
  days(7, now),
  { name: '30 days', bucket: 'DAY', from: null, to: null },
  days(90, now),
  { name: '12 months', bucket: 'MONTH', from: null, to: null },
];

export const usualSpan: Span = { name: '30 days', bucket: 'DAY', from: null, to: null };

/** Up to so many days are shown by days, longer times by months: the API has at most 1,000 buckets. */
const mostDays = 120;

/**
 * The time from a day to another one, both included, as date fields tell them; null if that is no time. One or two days
 * are shown by hours.
 */
export function ownSpan(first: string, last: string): Span | null {
  const [from, lastDay] = [Date.parse(first), Date.parse(last)];
  if (Number.isNaN(from) || Number.isNaN(lastDay) || from > lastDay) return null;
  const count = (lastDay - from) / dayMs + 1;
  const bucket = count <= 2 ? 'HOUR' : count <= mostDays ? 'DAY' : 'MONTH';
  return {
    name: 'own',
    bucket,
    from: new Date(from).toISOString(),
    to: new Date(lastDay + dayMs).toISOString(),
  };
}

/** How a time is called in a sentence: `the last 30 days`. */
export const spanInWords = ({ name }: Span): string => (name === 'own' ? 'this time' : `the last ${name}`);

const usualMs = { HOUR: dayMs, DAY: 30 * dayMs, MONTH: 365 * dayMs } as const;

/** The time for questions in whole hours. What ends now is rounded, so that it is asked for once an hour. */
export function hoursOf({ bucket, from, to }: Span) {
  if (from !== null) return { from, to };
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  return { from: new Date(hour - usualMs[bucket]).toISOString(), to: null };
}

/** What a bucket is called. */
export const bucketNames = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;

const local = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, options);
// Days and months start in UTC. In the viewer's zone, the name of the day could be off by one.
const utc = (options: Intl.DateTimeFormatOptions) => local({ ...options, timeZone: 'UTC' });

const short = {
  HOUR: local({ hour: 'numeric', minute: '2-digit' }),
  DAY: utc({ day: 'numeric', month: 'short' }),
  MONTH: utc({ month: 'short', year: '2-digit' }),
};
const long = {
  HOUR: local({ weekday: 'short', day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' }),
  DAY: utc({ weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' }),
  MONTH: utc({ month: 'long', year: 'numeric' }),
};

/** The label of a bucket on an axis. */
export const formatShort = (bucket: UsageBucket, start: string) =>
  keepTogether(short[bucket].format(new Date(start)));

/** The name of a bucket in a sentence. */
export const formatLong = (bucket: UsageBucket, start: string) =>
  keepTogether(long[bucket].format(new Date(start)));

/** A note about the time zone shown. */
export const zoneNote = (bucket: UsageBucket): string =>
  bucket === 'HOUR'
    ? 'Hours are shown in your time zone.'
    : `${bucket === 'DAY' ? 'Days' : 'Months'} begin and end in UTC.`;
