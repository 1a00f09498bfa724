import type { Amount } from '../../amount.ts';
import { entitlementOf, type Grant, highestGrant, type Standing } from '../../entitlements/rules.ts';
import { windowStartAt } from '../../entitlements/window-rules.ts';
import type { Usage } from '../record/rules.ts';

/** A holding, live or not. Usage of the feature may count towards it. */
export interface CountingGrant extends Grant {
  endedAt: Date | null;
  /** Whether it may win, as long as it has started and not ended. */
  live: boolean;
}

/** The sum of the ledger for one window. */
export interface Counter {
  environmentId: string;
  userKey: bigint;
  subscriptionId: bigint;
  featureId: string;
  windowStart: Date;
  used: Amount;
}

/** A window of a grant, by its start. */
export interface GrantWindow {
  grant: Grant;
  windowStart: Date;
}

/**
 * Usage counts towards each holding that had started and not ended at that instant. A holding never counts usage before
 * its start or after its end.
 */
export function countsTowards(grant: CountingGrant, at: Date): boolean {
  return grant.startedAt <= at && (grant.endedAt === null || at < grant.endedAt);
}

/** The windows that contain a usage at this instant: one for each holding that it counts towards. */
export function windowsOf(grants: readonly CountingGrant[], at: Date): GrantWindow[] {
  return grants
    .filter((grant) => countsTowards(grant, at))
    .map((grant) => ({ grant, windowStart: windowStartAt(grant, at) }));
}

/** The winning grant of the live holdings, and its window at this instant. */
export function winnerAt(grants: readonly CountingGrant[], at: Date): GrantWindow | null {
  const grant = highestGrant(grants.filter((each) => each.live && countsTowards(each, at)));
  return grant && { grant, windowStart: windowStartAt(grant, at) };
}

/** The usage of a window after one more event: ADD adds, SET replaces. Events count in the order of the ledger. */
export function usedAfter(used: Amount, { action, delta }: Pick<Usage, 'action' | 'delta'>): Amount {
  return action === 'SET' ? delta : used + delta;
}

/**
 * Why an enforced usage is refused; null when the user is entitled to it. Giving back is never refused.
 *
 * SET replaces what is used, so its delta is judged on its own: against the budget, what remains of the top-ups, and what
 * the window had drawn from them already.
 *
 * @param drawn what the window of the usage has drawn from top-ups
 */
export function refusal(usage: Usage, standing: Standing, drawn: Amount): string | null {
  if (usage.delta < 0n) return null;
  const before = usage.action === 'SET' ? withoutUsage(standing, drawn) : standing;
  const { access, reason } = entitlementOf(before, usage.delta);
  return access ? null : reason;
}

/** The standing if nothing had been used in the window. */
function withoutUsage(standing: Standing, drawn: Amount): Standing {
  const { granted, remaining } = standing.topUp ?? { granted: 0n, remaining: 0n };
  return { ...standing, used: 0n, topUp: { granted, remaining: remaining + drawn } };
}
