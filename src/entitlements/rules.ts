import type { Amount } from '../amount.ts';
import type { ResetTerms } from './window-rules.ts';

/**
 * The allowance that one holding gives for one feature: a subscription to a package with the feature, or a feature grant.
 * Limit null is unlimited.
 */
export interface Grant extends ResetTerms {
  kind: 'SUBSCRIPTION' | 'GRANT';
  /** The id of the subscription or of the feature grant. No two of either have the same. */
  subscriptionId: bigint;
  /** From when usage counts. */
  startedAt: Date;
  limit: Amount | null;
  overageEnabled: boolean;
}

export interface Consumption {
  used: Amount;
  budget: Amount | null;
  overageEnabled: boolean;
  /** What is left of the budget and of the top-ups; null is unlimited. */
  remaining: Amount | null;
  /** Null without a top-up that is alive. */
  topUp: TopUpBalance | null;
}

/** The top-ups that are alive, together: what they gave, and what remains of it. */
export interface TopUpBalance {
  granted: Amount;
  remaining: Amount;
}

/** Whether a user may use a feature, why, and the consumption of a CONSUMABLE feature. */
export interface Entitlement {
  access: boolean;
  reason: string;
  consumption: Consumption | null;
}

/** The state of one user and feature at one instant: the winning grant and the usage in its current window. */
export interface Standing {
  featureType: 'BINARY' | 'CONSUMABLE';
  /** How many fraction digits amounts of the feature may have. */
  precision: number;
  grant: Grant | null;
  /** The true total of the window. It is negative when more was reverted than recorded. */
  used: Amount;
  /** Of a user with top-ups that are alive. */
  topUp?: TopUpBalance;
  /** What open reservations hold; it counts as used. */
  held?: Amount;
}

/** The first sentence is Kana's, including its spelling: clients may compare it. The last three are about feature grants. */
export const reasons = {
  consumable:
    'The user has a subcription to a package with this consumable feature and either has an allowance remaining or overage is enabled.',
  binary: 'The user has a subscription to a package with this binary feature.',
  notSubscribed: 'The user has no active subscription to a package with this feature.',
  notEnough:
    'The user has a subscription to a package with this consumable feature but not enough allowance remaining, and overage is not enabled.',
  grantedConsumable:
    'The user has a grant of this consumable feature and either has an allowance remaining or overage is enabled.',
  grantedBinary: 'The user has a grant of this binary feature.',
  grantedNotEnough:
    'The user has a grant of this consumable feature but not enough allowance remaining, and overage is not enabled.',
} as const;

const sentences = {
  SUBSCRIPTION: { binary: reasons.binary, enough: reasons.consumable, notEnough: reasons.notEnough },
  GRANT: {
    binary: reasons.grantedBinary,
    enough: reasons.grantedConsumable,
    notEnough: reasons.grantedNotEnough,
  },
} as const;

/**
 * The grant with the highest limit wins; unlimited is the highest. Limits are never added up. On a
 * tie, overage wins, then the earlier start, then the smaller subscription id.
 */
export function highestGrant<G extends Grant>(grants: readonly G[]): G | null {
  return grants.reduce<G | null>(
    (best, grant) => (best === null || outranks(grant, best) ? grant : best),
    null,
  );
}

function outranks(a: Grant, b: Grant): boolean {
  if (a.limit !== b.limit) return a.limit === null || (b.limit !== null && a.limit > b.limit);
  if (a.overageEnabled !== b.overageEnabled) return a.overageEnabled;
  const starts = a.startedAt.getTime() - b.startedAt.getTime();
  return starts === 0 ? a.subscriptionId < b.subscriptionId : starts < 0;
}

/** Usage is reported from 0 up. Decisions use the true total, which reverts can make negative. */
export const reportedUsage = (used: Amount): Amount => (used < 0n ? 0n : used);

/**
 * Whether the user may use `delta` more of the feature. A BINARY feature needs a live subscription; of a
 * CONSUMABLE one enough must be left of the budget and the top-ups, or it is unlimited, or overage is enabled. Only a
 * granted CONSUMABLE has a consumption. The true total decides, also where it is negative: what was given back too much
 * can be used again.
 */
export function entitlementOf(
  { featureType, grant, used, topUp, held = 0n }: Standing,
  delta: Amount,
): Entitlement {
  if (grant === null) return { access: false, reason: reasons.notSubscribed, consumption: null };
  const told = sentences[grant.kind];
  if (featureType === 'BINARY') return { access: true, reason: told.binary, consumption: null };
  const access =
    grant.limit === null || grant.overageEnabled || delta + held <= leftOf(grant.limit, used, topUp);
  return {
    access,
    reason: access ? told.enough : told.notEnough,
    consumption: consumptionOf(grant, used, topUp, held),
  };
}

/**
 * What may still be used: what is left of the budget, and of the top-ups. Negative if more was used than both, which a
 * usage beyond the budget that nothing covered leads to.
 */
function leftOf(limit: Amount, used: Amount, topUp: TopUpBalance | undefined): Amount {
  const ofBudget = limit - used;
  const ofTopUps = topUp?.remaining ?? 0n;
  // What is used beyond the budget is drawn from the top-ups already.
  return ofBudget < 0n && ofTopUps > 0n ? ofTopUps : ofBudget + ofTopUps;
}

/** The consumption in a window of this grant. */
export function consumptionOf(
  grant: Grant,
  used: Amount,
  topUp?: TopUpBalance,
  held: Amount = 0n,
): Consumption {
  const left = grant.limit === null ? null : leftOf(grant.limit, used, topUp) - held;
  return {
    used: reportedUsage(used),
    budget: grant.limit,
    overageEnabled: grant.overageEnabled,
    remaining: left !== null && left < 0n ? 0n : left,
    topUp: topUp ?? null,
  };
}
