import { DateTime } from 'luxon';
import { z } from 'zod';
import type { Amount } from '../../amount.ts';
import { invalidInput } from '../../errors.ts';

/** Bucket sizes of usage over time, in UTC. */
export type Bucket = 'HOUR' | 'DAY' | 'MONTH';

/** Consecutive whole buckets. */
export interface Span {
  bucket: Bucket;
  /** The start of each bucket, oldest first; at least one. */
  starts: Date[];
  /** The end of the last bucket, exclusive. */
  end: Date;
}

/** The arguments; null means the default. */
interface SpanRequest {
  from: Date | null;
  to: Date | null;
  bucket: Bucket;
}

const units = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;
/** The number of buckets without `from`. */
const defaultCounts = { HOUR: 24, DAY: 30, MONTH: 12 };
const maxBuckets = 1_000;
const earliest = new Date(0);
const latestYear = 9_000;

/**
 * Returns the buckets from `from` (inclusive) to `to` (exclusive). Without `to`, they end with the current bucket;
 * without `from`, there are 24 hours, 30 days or 12 months. At most 1,000.
 */
export function readSpan({ from, to, bucket }: SpanRequest, now: Date): Span {
  const end = endOf(to ?? now, bucket, to !== null);
  const begin = from === null ? end.minus({ [units[bucket]]: defaultCounts[bucket] }) : startOf(from, bucket);
  if (end.year > latestYear) throw invalidInput('to', `must not be after ${latestYear}`);
  if (begin.toJSDate() < earliest) throw invalidInput('from', 'must not be before 1970');
  if (from !== null && from >= (to ?? end.toJSDate())) throw invalidInput('from', 'must be before to');

  const starts: Date[] = [];
  for (let next = begin; next < end; next = begin.plus({ [units[bucket]]: starts.length })) {
    if (starts.length === maxBuckets)
      throw invalidInput('from', 'asks for more than 1,000 buckets; ask for larger ones, or a shorter time');
    starts.push(next.toJSDate());
  }
  return { bucket, starts, end: end.toJSDate() };
}

const startOf = (at: Date, bucket: Bucket) => DateTime.fromJSDate(at, { zone: 'utc' }).startOf(units[bucket]);

/** The end of the bucket that contains `at`, or the moment before `at`. */
function endOf(at: Date, bucket: Bucket, isExcluded: boolean): DateTime {
  const start = startOf(at, bucket);
  return isExcluded && start.toMillis() === at.getTime() ? start : start.plus({ [units[bucket]]: 1 });
}

/** One bucket and its usage. */
export interface Point {
  start: Date;
  end: Date;
  used: Amount;
}

/** All buckets of the span with their usage; unknown buckets have 0. */
export function fillSpan({ starts, end }: Span, known: readonly { start: Date; used: Amount }[]): Point[] {
  const used = new Map(known.map((each) => [each.start.getTime(), each.used]));
  return starts.map((start, index) => ({
    start,
    end: starts[index + 1] ?? end,
    used: used.get(start.getTime()) ?? 0n,
  }));
}

/** The number of features in a ranking. */
export const FeatureCount = z.int().min(1, 'must be 1 or more').max(50, 'must be at most 50');
