import { formatNumber } from '../parts/numbers.ts';

/** What a user has of a feature now. Null is unlimited. */
export interface Present {
  budget: number | null;
  remaining: number | null;
  overageEnabled: boolean;
}

/** What reservations hold of the budget and the top-ups; 0 where the budget is unlimited. */
export function heldOf(consumption: {
  used: number;
  budget: number | null;
  remaining: number | null;
  topUp: { remaining: number } | null;
}): number {
  const { used, budget, remaining, topUp } = consumption;
  if (budget === null || remaining === null) return 0;
  const held = Math.max(0, budget - used) + (topUp?.remaining ?? 0) - remaining;
  // Amounts have six fraction digits; differences of binary fractions have more.
  return Math.max(0, Number(held.toFixed(6)));
}

/** What is about to be given. Amount null is unlimited; `until` is empty without an end. */
export interface Gift {
  way: 'TOP_UP' | 'LIMIT';
  amount: number | null | '';
  until: string;
}

/** Why giving this changes nothing, as sentences; null if it does. */
export function reasonAgainst({ way, amount }: Gift, present: Present | null): string | null {
  if (present === null)
    return way === 'TOP_UP'
      ? 'The user has no limit to add to: without a package or a grant with this feature, a top-up gives no access.'
      : null;
  if (present.budget === null) return 'The user has it without a limit already.';
  if (way === 'LIMIT' && amount !== null && amount !== '' && amount <= present.budget)
    return `Limits are not added up, and the user has one of ${formatNumber(present.budget)}. Give a higher one, or top up.`;
  return null;
}

/** What the user may use afterwards, as a sentence; null if it is not known. */
export function resultOf({ way, amount, until }: Gift, present: Present | null): string | null {
  if (amount === '') return null;
  const span = until === '' ? '' : ' until then';
  if (amount === null) return `The user may use any amount${span}.`;
  if (way === 'LIMIT') return `The user may use ${formatNumber(amount)}${span}, counted from the start.`;
  if (present?.remaining == null) return null;
  return `Left: ${formatNumber(present.remaining)} now, ${formatNumber(present.remaining + amount)} afterwards.`;
}

/** `Webhooks get an event at 80% and 100%; 80% is reached.` */
export function describeAlerts(
  alertAt: readonly number[],
  { used, budget }: { used: number; budget: number | null },
): string | null {
  if (alertAt.length === 0 || budget === null) return null;
  const sorted = [...alertAt].sort((a, b) => a - b);
  const reached = sorted.filter((percent) => used * 100 >= budget * percent).at(-1);
  const list = sorted.map((percent) => `${percent}%`).join(', ');
  return `Webhooks get an event at ${list}${reached === undefined ? '' : `; ${reached}% is reached`}.`;
}
