import { readInstant } from '../parts/instants.ts';

/** How a subscription begins, as the form holds it. */
export interface Start {
  isAtDate: boolean;
  startsAt: string;
  isTrial: boolean;
  trialEndsAt: string;
  afterTrialPackageId: string | null;
  /** What was used elsewhere since the start, by feature. */
  used: Readonly<Record<string, number | ''>>;
}

export const startNow: Start = {
  isAtDate: false,
  startsAt: '',
  isTrial: false,
  trialEndsAt: '',
  afterTrialPackageId: null,
  used: {},
};

/** Whether the form says all that is needed. */
export const isWhole = ({ isAtDate, startsAt, isTrial, trialEndsAt }: Start): boolean =>
  (!isAtDate || readInstant(startsAt) !== null) && (!isTrial || readInstant(trialEndsAt) !== null);

/** Whether it begins before now, so that usage from elsewhere may count. */
export function isInPast({ isAtDate, startsAt }: Start, now: Date): boolean {
  const at = isAtDate ? readInstant(startsAt) : null;
  return at !== null && new Date(at) < now;
}

export const startInput = ({ isAtDate, startsAt, isTrial, trialEndsAt, afterTrialPackageId }: Start) => ({
  startsAt: isAtDate ? readInstant(startsAt) : null,
  trialEndsAt: isTrial ? readInstant(trialEndsAt) : null,
  afterTrialPackageId: isTrial ? afterTrialPackageId : null,
});

/**
 * What was used elsewhere, as usage to record. The key names the subscription, so that a second attempt records nothing
 * twice.
 */
export const openingUsage = (start: Start, userId: string, subscriptionId: string, now: Date) =>
  isInPast(start, now)
    ? Object.entries(start.used).flatMap(([featureId, delta]) =>
        delta === '' || delta === 0
          ? []
          : {
              userId,
              featureId,
              delta,
              note: 'Used before the start here',
              idempotencyKey: `opening-${subscriptionId}-${featureId}`,
            },
      )
    : [];
