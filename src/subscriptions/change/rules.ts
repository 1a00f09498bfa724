import { z } from 'zod';
import { type ResetTerms, windowAt } from '../../entitlements/window-rules.ts';
import { invalidInput, subscriptionError } from '../../errors.ts';
import { Id } from '../../input.ts';
import type { ResetPeriod } from '../../packages/reset-rules.ts';
import { PackageIds } from '../rules.ts';

/** What becomes of the usage of the running window when a package is changed. */
export type CarriedUsage = 'RESET' | 'CARRY';

/** When a change takes effect, as the caller says it. */
export const When = z
  .object({ at: z.date().nullish(), atPeriodEnd: z.boolean().nullish() })
  .transform(({ at, atPeriodEnd }) => ({ at: at ?? null, atPeriodEnd: atPeriodEnd ?? false }));
export type When = z.output<typeof When>;

/** A caller's clock may be this much behind. */
const skewMs = 300_000;
const maxAheadMs = 10 * 366 * 86_400_000;

/**
 * The instant of a change: now, at a later instant, or at the end of the period.
 *
 * @param periodEnd the end of the running period; null if there is none
 * @throws ValidationError, or a SubscriptionError without a period
 */
export function instantOf({ at, atPeriodEnd }: When, now: Date, periodEnd: Date | null): Date {
  if (at !== null && atPeriodEnd) throw invalidInput('atPeriodEnd', 'must be false where `at` is given');
  if (atPeriodEnd) {
    if (periodEnd !== null) return periodEnd;
    throw subscriptionError(
      'The package has no period: none of its features resets, and no price has an interval. Say `at`.',
    );
  }
  if (at === null) return now;
  if (at.getTime() < now.getTime() - skewMs) throw invalidInput('at', 'must not be in the past');
  if (at.getTime() > now.getTime() + maxAheadMs) throw invalidInput('at', 'must be within ten years');
  return at < now ? now : at;
}

/** The start and the trial of a subscription, as the caller says them. */
export const Schedule = z.object({
  startsAt: z.date().nullish(),
  trialEndsAt: z.date().nullish(),
});
export type Schedule = z.output<typeof Schedule>;

/** What to subscribe to, and when. */
export const Subscribing = Schedule.extend({
  packageIds: PackageIds,
  /** The base package after the trial. Null: the one of the trial goes on. */
  afterTrialPackageId: Id.nullish(),
});
export type Subscribing = z.output<typeof Subscribing> & {
  /** Leaves out packages that the user holds already, at whatever version. */
  skipHeld?: boolean;
};

/** One of several users to subscribe. */
export const UserSubscribing = Subscribing.extend({ userId: Id });
export type UserSubscribing = Subscribing & { userId: string };

const maxUsers = 1_000;
/** Each entry is checked on its own; see UserSubscribing. */
export const UserList = z.array(z.unknown()).max(maxUsers, `must have at most ${maxUsers} entries`);

/** @throws ValidationError if a trial ends before it begins, or something lies too far ahead */
export function checkSchedule({ startsAt, trialEndsAt }: Schedule, now: Date): void {
  const start = startsAt ?? now;
  if (start.getTime() > now.getTime() + maxAheadMs)
    throw invalidInput('startsAt', 'must be within ten years');
  if (trialEndsAt == null) return;
  if (trialEndsAt <= start || trialEndsAt <= now)
    throw invalidInput('trialEndsAt', 'must be after the start, and not in the past');
  if (trialEndsAt.getTime() > now.getTime() + maxAheadMs)
    throw invalidInput('trialEndsAt', 'must be within ten years');
}

const intervals: Record<string, ResetPeriod> = { day: 'DAY', week: 'WEEK', month: 'MONTH', year: 'YEAR' };

/**
 * The end of the period of a subscription: of the running window of the feature that resets last; without one, of the
 * interval of its prices, counted from its start. Null if nothing has a period.
 */
export function periodEndOf(
  features: readonly ResetTerms[],
  priceIntervals: readonly (string | null)[],
  startedAt: Date,
  at: Date,
): Date | null {
  const byPrice = priceIntervals.flatMap((interval) => intervals[interval ?? ''] ?? []);
  const resets = features.some(({ resetPeriod }) => resetPeriod !== null)
    ? features
    : byPrice.map((resetPeriod) => ({ anchor: startedAt, resetPeriod, resetEvery: 1, timeZone: null }));
  const ends = resets.flatMap((terms) => windowAt(terms, at).end ?? []);
  return ends.length === 0 ? null : new Date(Math.max(...ends.map((end) => end.getTime())));
}
