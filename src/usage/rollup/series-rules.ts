import { DateTime } from 'luxon';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';

/** Usage over time is told in buckets of an hour, a day or a month, in UTC. */
export type Bucket = 'HOUR' | 'DAY' | 'MONTH';

/** Whole buckets, one after the other. */
export interface Span {
  bucket: Bucket;
  /** When each begins, the oldest first; at least one. */
  starts: Date[];
  /** When the last one ends; it is excluded. */
  end: Date;
}

/** What is asked for; null is the default. */
interface AskedSpan {
  from: Date | null;
  to: Date | null;
  bucket: Bucket;
}

const units = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;
/** How many buckets are told when no beginning is asked for. */
const usual = { HOUR: 24, DAY: 30, MONTH: 12 };
const mostBuckets = 1_000;
const earliest = new Date(0);
const latestYear = 9_000;

/**
 * The buckets that `from` (included) to `to` (excluded) touch: the first holds `from`, and the last the moment
 * before `to`. Without `to` they end with the one that is running; without `from` they are 24 hours, 30 days or 12
 * months. At most 1,000.
 */
export function readSpan({ from, to, bucket }: AskedSpan, now: Date): Span {
  const end = endOf(to ?? now, bucket, to !== null);
  const begin = from === null ? end.minus({ [units[bucket]]: usual[bucket] }) : startOf(from, bucket);
  if (end.year > latestYear) throw invalidInput('to', `must not be after ${latestYear}`);
  if (begin.toJSDate() < earliest) throw invalidInput('from', 'must not be before 1970');
  if (from !== null && from >= (to ?? end.toJSDate())) throw invalidInput('from', 'must be before to');

  const starts: Date[] = [];
  for (let next = begin; next < end; next = begin.plus({ [units[bucket]]: starts.length })) {
    if (starts.length === mostBuckets)
      throw invalidInput('from', 'asks for more than 1,000 buckets; ask for larger ones, or a shorter time');
    starts.push(next.toJSDate());
  }
  return { bucket, starts, end: end.toJSDate() };
}

const startOf = (at: Date, bucket: Bucket) => DateTime.fromJSDate(at, { zone: 'utc' }).startOf(units[bucket]);

/** The end of the bucket that holds `at`, or the moment before it. */
function endOf(at: Date, bucket: Bucket, isExcluded: boolean): DateTime {
  const start = startOf(at, bucket);
  return isExcluded && start.toMillis() === at.getTime() ? start : start.plus({ [units[bucket]]: 1 });
}

/** One bucket and what was used in it. */
export interface Point {
  start: Date;
  end: Date;
  used: number;
}

/** Every bucket of the span with what was used in it; those of which nothing is known hold 0. */
export function fillSpan({ starts, end }: Span, known: readonly { start: Date; used: bigint }[]): Point[] {
  const used = new Map(known.map((each) => [each.start.getTime(), each.used]));
  return starts.map((start, index) => ({
    start,
    end: starts[index + 1] ?? end,
    used: Number(used.get(start.getTime()) ?? 0n),
  }));
}

/** How many features are compared. */
export const FeatureCount = z.int().min(1, 'must be 1 or more').max(50, 'must be at most 50');
