import { type Amount, numberOf, numberOrNull } from '../amount.ts';
import { type Entitlement, entitlementOf, type Standing } from './rules.ts';

/** The entitlement of a user to a feature, as the doors beside GraphQL tell it. */
export interface EntitlementReport {
  featureId: string;
  featureType: Standing['featureType'];
  access: boolean;
  reason: string;
  /** Null for a BINARY feature, and without an entitlement. */
  consumption: ReportedConsumption | null;
  /** The package of the subscription that counts; null without an entitlement. */
  packageId: string | null;
}

export interface ReportedConsumption {
  used: number;
  /** Null is unlimited, also for what remains. */
  budget: number | null;
  remaining: number | null;
  overageEnabled: boolean;
}

export function reportOf(
  featureId: string,
  standing: Standing,
  delta: Amount,
  packageId: string | null,
): EntitlementReport {
  const { access, reason, consumption } = entitlementOf(standing, delta);
  const { featureType } = standing;
  return { featureId, featureType, access, reason, consumption: reportConsumption(consumption), packageId };
}

/** What remains includes the top-ups of the user. */
function reportConsumption(consumption: Entitlement['consumption']): ReportedConsumption | null {
  if (consumption === null) return null;
  const { used, budget, remaining, overageEnabled } = consumption;
  return {
    used: numberOf(used),
    budget: numberOrNull(budget),
    remaining: numberOrNull(remaining),
    overageEnabled,
  };
}
