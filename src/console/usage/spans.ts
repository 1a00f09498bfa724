import type { UsageBucket } from '../generated/operations.ts';

/** The time ranges with their buckets; each is the API's default range. */
export const spans = [
  { bucket: 'HOUR', label: '24 hours', each: 'hour' },
  { bucket: 'DAY', label: '30 days', each: 'day' },
  { bucket: 'MONTH', label: '12 months', each: 'month' },
] as const;

export const isBucket = (value: string): value is UsageBucket => spans.some(({ bucket }) => bucket === value);

export const spanOf = (bucket: UsageBucket) => spans.find((span) => span.bucket === bucket) ?? spans[1];

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
export const formatShort = (bucket: UsageBucket, start: string) => short[bucket].format(new Date(start));

/** The name of a bucket in a sentence. */
export const formatLong = (bucket: UsageBucket, start: string) => long[bucket].format(new Date(start));

/** A note about the time zone shown. */
export const zoneNote = (bucket: UsageBucket): string =>
  bucket === 'HOUR'
    ? 'Hours are shown in your time zone.'
    : `${bucket === 'DAY' ? 'Days' : 'Months'} begin and end in UTC.`;
