import { z } from 'zod';
import { invalidInput } from '../errors.ts';

/** Whole hours, in UTC: from the start on, before the end. */
export interface Hours {
  from: Date;
  to: Date;
}

const hourMs = 3_600_000;
const defaultDays = 30;
const earliest = new Date(0);
const latest = new Date('9000-01-01T00:00:00Z');

/**
 * The hours from the one that contains `from` to the one that contains the moment before `to`. Without `to`, up to now;
 * without `from`, 30 days.
 */
export function readHours({ from, to }: { from: Date | null; to: Date | null }, now: Date): Hours {
  const end = to ?? now;
  const begin = from ?? new Date(end.getTime() - defaultDays * 24 * hourMs);
  if (begin < earliest) throw invalidInput('from', 'must not be before 1970');
  if (end > latest) throw invalidInput('to', 'must not be after 9000');
  if (begin >= end) throw invalidInput('from', 'must be before to');
  return {
    from: new Date(Math.floor(begin.getTime() / hourMs) * hourMs),
    to: new Date(Math.ceil(end.getTime() / hourMs) * hourMs),
  };
}

/** As many hours, just before these; none before 1970. */
export const hoursBefore = ({ from, to }: Hours): Hours => ({
  from: new Date(Math.max(earliest.getTime(), 2 * from.getTime() - to.getTime())),
  to: from,
});

/** How many users a ranking has. */
export const RankingCount = z.int().min(1, 'must be 1 or more').max(100, 'must be at most 100');

/** A part of a limit. */
export const Percent = z.int().min(1, 'must be 1 or more').max(1_000, 'must be at most 1000');
