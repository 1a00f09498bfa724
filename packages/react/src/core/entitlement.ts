import type { State } from './resource.ts';
import type { Entitlement, UserData } from './types.ts';

/** What a page knows of a user and a feature. */
export interface EntitlementView {
  featureId: string;
  /** `loading` and `error`: nothing is known, and `access` is the fallback. `stale`: it is what was known last. */
  status: State<UserData>['status'];
  /** Whether the user may use the amount that was asked for. */
  access: boolean;
  /** Why, as a sentence. */
  reason: string;
  /** Null without an entitlement. */
  entitlement: Entitlement | null;
  /** 0 without an entitlement, and for a BINARY feature. */
  used: number;
  /** Null is unlimited. */
  budget: number | null;
  /** Null is unlimited. 0 without an entitlement. */
  remaining: number | null;
  overageEnabled: boolean;
  /** When usage resets. Null if it never does. */
  resetsAt: string | null;
}

export interface EntitlementOptions {
  /** How much the user wants to use. By default 1. */
  amount?: number | undefined;
  /** The access while nothing is known. By default false. */
  fallback?: boolean | undefined;
}

/**
 * What the state says of a feature. The server decides again when the feature is used: this is for what a page shows.
 */
export function viewOf(
  state: State<UserData>,
  featureId: string,
  { amount = 1, fallback = false }: EntitlementOptions = {},
): EntitlementView {
  const { status, data, error } = state;
  const nothing = { used: 0, budget: 0, remaining: 0, overageEnabled: false, resetsAt: null };
  if (data === null) {
    const reason = error === null ? 'It is not known yet.' : error.message;
    return { featureId, status, access: fallback, reason, entitlement: null, ...nothing };
  }
  const entitlement = data.entitlements.find(({ feature }) => feature.id === featureId) ?? null;
  if (entitlement === null) {
    const reason = 'The user is not entitled to this feature.';
    return { featureId, status, access: false, reason, entitlement, ...nothing };
  }
  const { consumption, reason, periodEnd: resetsAt } = entitlement;
  const unlimited = { used: 0, budget: null, remaining: null, overageEnabled: false };
  const access = isEnough(entitlement, amount);
  return { featureId, status, access, reason, entitlement, ...(consumption ?? unlimited), resetsAt };
}

function isEnough({ access, consumption }: Entitlement, amount: number): boolean {
  if (consumption === null || amount === 1) return access;
  const { remaining, overageEnabled } = consumption;
  return remaining === null || overageEnabled || amount <= remaining;
}

/** When the first of the running periods ends, as epoch milliseconds: then usage is another. Null if none ends. */
export function nextReset({ entitlements }: UserData): number | null {
  const ends = entitlements.flatMap(({ periodEnd }) => (periodEnd === null ? [] : Date.parse(periodEnd)));
  return ends.length === 0 ? null : Math.min(...ends);
}
