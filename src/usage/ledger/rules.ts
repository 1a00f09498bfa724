import {
  entitlementOf,
  type Grant,
  highestGrant,
  type Standing,
  type Window,
  windowAt,
} from '../../entitlements/rules.ts';
import type { Usage } from '../record/rules.ts';

/** A subscription to a package with the feature, live or not: what usage of the feature may count towards. */
export interface CountingGrant extends Grant {
  endedAt: Date | null;
  live: boolean;
}

/** The running total of one window, as the ledger folds to it. */
export interface Counter {
  environmentId: string;
  userKey: bigint;
  subscriptionId: bigint;
  featureId: string;
  windowStart: Date;
  used: bigint;
}

/**
 * Usage counts for each subscription that had begun and not yet ended at that moment, in the window of that
 * subscription: a subscription never counts what happened before it began, or after it ended.
 */
export function countsTowards(grant: CountingGrant, at: Date): boolean {
  return grant.startedAt <= at && (grant.endedAt === null || at < grant.endedAt);
}

/** The windows that a usage at this moment counts in: one of each subscription that it counts towards. */
export function windowsOf(grants: readonly CountingGrant[], at: Date): { grant: Grant; window: Window }[] {
  return grants
    .filter((grant) => countsTowards(grant, at))
    .map((grant) => ({ grant, window: windowAt(grant.startedAt, grant.resetPeriod, at) }));
}

/** The grant that counts, of the live subscriptions, and its window at this moment. */
export function winnerAt(
  grants: readonly CountingGrant[],
  at: Date,
): { grant: Grant; window: Window } | null {
  const grant = highestGrant(grants.filter(({ live }) => live));
  return grant && { grant, window: windowAt(grant.startedAt, grant.resetPeriod, at) };
}

/** A window's usage after one more event: ADD adds to it, SET replaces it. Events count in the ledger's order. */
export function usedAfter(used: bigint, { action, delta }: Pick<Usage, 'action' | 'delta'>): bigint {
  return action === 'SET' ? BigInt(delta) : used + BigInt(delta);
}

/**
 * Why an enforced usage is refused; null when the user is entitled to it. SET replaces what
 * is used, so its delta is judged on its own. Giving back is never refused.
 */
export function refusal(usage: Usage, standing: Standing): string | null {
  if (usage.delta < 0) return null;
  const before = usage.action === 'SET' ? { ...standing, used: 0 } : standing;
  const { access, reason } = entitlementOf(before, usage.delta);
  return access ? null : reason;
}
