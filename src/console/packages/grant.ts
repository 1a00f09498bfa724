import type { FeatureType, ResetPeriod } from '../generated/operations.ts';
import { formatNumber } from '../parts/numbers.ts';

const periods: Record<ResetPeriod, string> = { DAY: 'a day', MONTH: 'a month', YEAR: 'a year' };

/** The allowance of a feature in words: `1,000 a month, then overage`. */
export function formatGrant(grant: {
  type: FeatureType;
  limit: number | null;
  resetPeriod: ResetPeriod | null;
  overageEnabled: boolean;
}): string {
  if (grant.type === 'BINARY') return 'Included';
  if (grant.limit === null) return 'Unlimited';
  const period = grant.resetPeriod === null ? 'in all' : periods[grant.resetPeriod];
  return `${formatNumber(grant.limit)} ${period}${grant.overageEnabled ? ', more allowed' : ''}`;
}
