import type { FeatureType, ResetPeriod } from '../generated/operations.ts';
import { formatNumber } from '../parts/numbers.ts';

const periods: Record<ResetPeriod, string> = {
  YEAR: 'year',
  QUARTER: 'quarter',
  MONTH: 'month',
  WEEK: 'week',
  DAY: 'day',
  HOUR: 'hour',
};

/** When usage resets, in words: `a month`, `every 5 hours`, `a calendar month, Europe/Berlin`. */
function formatResets(
  period: ResetPeriod,
  { resetEvery, timeZone }: Pick<Resets, 'resetEvery' | 'timeZone'>,
) {
  const noun = `${timeZone === null ? '' : 'calendar '}${periods[period]}`;
  const every =
    resetEvery === 1
      ? `${noun === 'hour' ? 'an' : 'a'} ${noun}`
      : `every ${formatNumber(resetEvery)} ${noun}s`;
  return timeZone === null ? every : `${every}, ${timeZone}`;
}

interface Resets {
  resetPeriod: ResetPeriod | null;
  resetEvery: number;
  timeZone: string | null;
}

/** The allowance of a feature in words: `1,000 a month, then overage`. */
export function formatGrant(
  grant: Resets & { type: FeatureType; limit: number | null; overageEnabled: boolean },
): string {
  if (grant.type === 'BINARY') return 'Included';
  if (grant.limit === null) return 'Unlimited';
  const period = grant.resetPeriod === null ? 'in all' : formatResets(grant.resetPeriod, grant);
  return `${formatNumber(grant.limit)} ${period}${grant.overageEnabled ? ', more allowed' : ''}`;
}

interface Alerts {
  alertAt: readonly number[];
  alertAtAmount: readonly number[];
  alertOnReset: boolean;
}

/** At what webhooks are told, in words: `80%, 100%, each reset`. Empty for nothing. */
export function formatAlerts({ alertAt, alertAtAmount, alertOnReset }: Alerts): string {
  const points = [...alertAt.map((percent) => `${percent}%`), ...alertAtAmount.map(formatNumber)];
  return [...points, ...(alertOnReset ? ['each reset'] : [])].join(', ');
}

/** The allowance and the thresholds within a sentence: `1,000 a month, webhooks at 80%`. */
export function formatTerms(feature: Parameters<typeof formatGrant>[0] & Alerts): string {
  const alerts = formatAlerts(feature);
  return `${formatGrant(feature).toLowerCase()}${alerts === '' ? '' : `, webhooks at ${alerts}`}`;
}
