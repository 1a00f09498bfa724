import { z } from 'zod';
import { TimeZone, unknownTimeZone } from '../environments/rules.ts';
import { invalidInput } from '../errors.ts';

export const resetPeriods = ['YEAR', 'QUARTER', 'MONTH', 'WEEK', 'DAY', 'HOUR'] as const;
export type ResetPeriod = (typeof resetPeriods)[number];

const resetAnchors = ['SUBSCRIPTION', 'CALENDAR'] as const;
export type ResetAnchor = (typeof resetAnchors)[number];

export const maxResetEvery = 1_000;

/** The fields of an allowance that say when usage resets. */
export const resetFields = {
  resetPeriod: z.enum(resetPeriods, `must be one of ${resetPeriods.join(', ')}`),
  resetEvery: z
    .int('must be a whole number')
    .min(1, 'must be 1 or more')
    .max(maxResetEvery, `must be at most ${maxResetEvery}`)
    .nullish(),
  resetAnchor: z.enum(resetAnchors, `must be ${resetAnchors.join(' or ')}`).nullish(),
  timeZone: TimeZone.nullish(),
};

type Given = Partial<z.output<z.ZodObject<typeof resetFields>>>;

export const timeZoneWithoutCalendar = 'is only for windows of the calendar';

/** Windows that are counted from the subscription have no time zone. */
export function checkResets({ resetAnchor, timeZone }: Given, check: z.core.$RefinementCtx): void {
  if (timeZone != null && resetAnchor !== 'CALENDAR')
    check.addIssue({ code: 'custom', path: ['timeZone'], message: timeZoneWithoutCalendar });
}

/** What the time zones of package features depend on. */
export interface TimeZones {
  environment: string;
  /** Those that the database does not know. */
  unknown: ReadonlySet<string>;
}

/** When usage resets, as it is stored. */
export interface StoredResets {
  /** Null: never. */
  resetPeriod: ResetPeriod | null;
  resetEvery: number;
  /** Of windows of the calendar. Null: windows are counted from the start of the subscription. */
  timeZone: string | null;
}

/**
 * A time zone that is omitted becomes that of the environment. It is stored, so that the windows of a package stay when
 * the environment's changes.
 *
 * @throws ValidationError if the database does not know the time zone
 */
export function storedResets(given: Given | null | undefined, zones: TimeZones, field: string): StoredResets {
  const { resetPeriod = null, resetEvery, resetAnchor, timeZone } = given ?? {};
  if (timeZone != null && zones.unknown.has(timeZone))
    throw invalidInput(`${field}.timeZone`, unknownTimeZone);
  const zone = resetAnchor === 'CALENDAR' ? (timeZone ?? zones.environment) : null;
  return { resetPeriod, resetEvery: resetEvery ?? 1, timeZone: zone };
}

/** How windows are counted, by the stored time zone; null if usage never resets. */
export function resetAnchorOf(stored: Pick<StoredResets, 'resetPeriod' | 'timeZone'>): ResetAnchor | null {
  if (stored.resetPeriod === null) return null;
  return stored.timeZone === null ? 'SUBSCRIPTION' : 'CALENDAR';
}

const periods = { YEAR: 'year', QUARTER: 'quarter', MONTH: 'month', WEEK: 'week', DAY: 'day', HOUR: 'hour' };

/** When usage resets, in words: `a month`, `every 5 hours`, `a calendar month, Europe/Berlin`. */
export function resetWords(stored: StoredResets & { resetPeriod: ResetPeriod }): string {
  const { resetPeriod, resetEvery, timeZone } = stored;
  const noun = `${timeZone === null ? '' : 'calendar '}${periods[resetPeriod]}`;
  const article = noun === 'hour' ? 'an' : 'a';
  const every = resetEvery === 1 ? `${article} ${noun}` : `every ${resetEvery} ${noun}s`;
  return timeZone === null ? every : `${every}, ${timeZone}`;
}
