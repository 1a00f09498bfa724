import { DateTime, IANAZone } from 'luxon';
import type { ResetPeriod, StoredResets } from '../packages/reset-rules.ts';

/** When usage resets to zero. */
export interface ResetTerms extends StoredResets {
  /** From where windows are counted: the start of the subscription. */
  anchor: Date;
}

/** A period in which usage adds up: start included, end excluded. A window without end never resets. */
export interface Window {
  start: Date;
  end: Date | null;
}

/**
 * The window that `at` falls in.
 *
 * Without a time zone, windows are anchored at the start of the subscription and counted in UTC:
 * `[start + k·period, start + (k+1)·period)`. Months and years are added to the anchor, never to the previous
 * window, and clamp to the last day of a short month.
 *
 * With one, windows begin when the clock of that zone shows a full hour, midnight, Monday's midnight, or the midnight
 * of the first day of a month, quarter or year. Several periods are counted from 1970-01-01 (weeks: from Monday,
 * 1970-01-05; months: from January of year 0), so they do not depend on the subscription. The first window begins with
 * the subscription.
 *
 * Without a period there is one window, without end. SQL repeats this rule: usage_window_start.
 */
export function windowAt(terms: ResetTerms, at: Date): Window {
  if (!resets(terms)) return { start: terms.anchor, end: null };
  return startsInCalendar(terms)
    ? calendarWindow(terms, at)
    : anchoredWindow(terms, windowsBefore(terms, at));
}

/** The start of that window. */
export function windowStartAt(terms: ResetTerms, at: Date): Date {
  return startsInCalendar(terms) ? calendarStart(terms, at) : windowAt(terms, at).start;
}

/** The windows before the current one at `at`, newest first, at most `count`. */
export function windowsEndedBefore(terms: ResetTerms, at: Date, count: number): Window[] {
  if (!resets(terms)) return [];
  if (!startsInCalendar(terms)) {
    const current = windowsBefore(terms, at);
    return Array.from({ length: Math.min(count, current) }, (_, ago) =>
      anchoredWindow(terms, current - 1 - ago),
    );
  }
  const windows: Window[] = [];
  let end = calendarStart(terms, at);
  while (windows.length < count && end > terms.anchor) {
    const start = calendarStart(terms, new Date(end.getTime() - 1));
    windows.push({ start, end });
    end = start;
  }
  return windows;
}

type Resetting = ResetTerms & { resetPeriod: ResetPeriod };
type InCalendar = Resetting & { timeZone: string };

const resets = (terms: ResetTerms): terms is Resetting => terms.resetPeriod !== null;
const startsInCalendar = (terms: ResetTerms): terms is InCalendar => resets(terms) && terms.timeZone !== null;

/** Windows are counted in months, or in hours. */
const monthsOf: Partial<Record<ResetPeriod, number>> = { MONTH: 1, QUARTER: 3, YEAR: 12 };
const hoursOf: Partial<Record<ResetPeriod, number>> = { HOUR: 1, DAY: 24, WEEK: 168 };

const msPerHour = 3_600_000;
const msPerDay = 24 * msPerHour;

function anchoredWindow(terms: Resetting, k: number): Window {
  return { start: periodsAfter(terms, k), end: periodsAfter(terms, k + 1) };
}

function windowsBefore(terms: Resetting, at: Date): number {
  const most = periodsTouched(terms, at);
  return Math.max(0, periodsAfter(terms, most) > at ? most - 1 : most);
}

/** The number of windows from the start to `at`: k, or k + 1. */
function periodsTouched({ anchor, resetPeriod, resetEvery }: Resetting, at: Date): number {
  const months = monthsOf[resetPeriod];
  if (months === undefined) {
    const hours = (hoursOf[resetPeriod] ?? 1) * resetEvery;
    return Math.floor((at.getTime() - anchor.getTime()) / msPerHour / hours);
  }
  const touched =
    (at.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + at.getUTCMonth() - anchor.getUTCMonth();
  return Math.floor(touched / (months * resetEvery));
}

function periodsAfter({ anchor, resetPeriod, resetEvery }: Resetting, k: number): Date {
  const months = monthsOf[resetPeriod];
  const passed =
    months === undefined
      ? { hours: k * resetEvery * (hoursOf[resetPeriod] ?? 1) }
      : { months: k * resetEvery * months };
  return DateTime.fromJSDate(anchor, { zone: 'utc' }).plus(passed).toJSDate();
}

function calendarWindow(terms: InCalendar, at: Date): Window {
  const start = calendarStart(terms, at);
  const zone = IANAZone.create(terms.timeZone);
  const after = Math.max(at.getTime(), start.getTime());
  const number = windowNumber(terms, localTime(zone, after));
  let end = [number + 1, number + 2]
    .map((each) => localInstant(zone, boundaryAt(terms, each)))
    .find((instant) => instant > after) as number;
  // The clock may be put back before it shows that boundary, and so show an earlier one again.
  for (;;) {
    const last = calendarStart(terms, new Date(end - 1));
    if (last <= start) return { start, end: new Date(end) };
    end = last.getTime();
  }
}

/** The start of the window of `at`: of the boundaries that are not after `at`, the last one. */
function calendarStart(terms: InCalendar, at: Date): Date {
  if (at <= terms.anchor) return terms.anchor;
  const zone = IANAZone.create(terms.timeZone);
  const ms = at.getTime();
  const latest = terms.resetPeriod === 'HOUR' ? ms : undefined;
  const local = localTime(zone, ms);
  let number = windowNumber(terms, local);
  // Where the clock was put back, the next window may have begun before.
  if (localTime(zone, ms - msPerDay) + msPerDay > local) number += 1;
  let start = localInstant(zone, boundaryAt(terms, number), latest);
  while (start > ms) {
    number -= 1;
    start = localInstant(zone, boundaryAt(terms, number), latest);
  }
  return new Date(Math.max(start, terms.anchor.getTime()));
}

// Local times are numbers of milliseconds, as if the clock showed UTC.

const localTime = (zone: IANAZone, instant: number) => instant + zone.offset(instant) * 60_000;

const epochOf = ({ resetPeriod }: InCalendar) => (resetPeriod === 'WEEK' ? 4 * msPerDay : 0);

function windowNumber(terms: InCalendar, local: number): number {
  const { resetPeriod, resetEvery } = terms;
  const months = monthsOf[resetPeriod];
  if (months === undefined) {
    const hours = (hoursOf[resetPeriod] ?? 1) * resetEvery;
    return Math.floor((local - epochOf(terms)) / msPerHour / hours);
  }
  const clock = new Date(local);
  return Math.floor((clock.getUTCFullYear() * 12 + clock.getUTCMonth()) / (months * resetEvery));
}

/** The local time at which the window of this number begins. */
function boundaryAt(terms: InCalendar, number: number): number {
  const { resetPeriod, resetEvery } = terms;
  const months = monthsOf[resetPeriod];
  if (months === undefined)
    return epochOf(terms) + number * resetEvery * (hoursOf[resetPeriod] ?? 1) * msPerHour;
  return new Date(0).setUTCFullYear(0, number * months * resetEvery, 1);
}

/**
 * The instant of a local time. A time that the clock shows twice is its first one, or the last one that is not after
 * `latest`. One that the clock skips is the instant of the skip.
 */
function localInstant(zone: IANAZone, local: number, latest?: number): number {
  // The clock a day before and a day after: a change of the offset lies between.
  const first = local - zone.offset(local - msPerDay) * 60_000;
  const second = local - zone.offset(local + msPerDay) * 60_000;
  if (first === second || localTime(zone, second) !== local) return first;
  const isSecond = localTime(zone, first) !== local || (latest !== undefined && second <= latest);
  return isSecond ? second : first;
}
