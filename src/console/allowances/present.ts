import { formatNumber } from '../parts/numbers.ts';

/** What a user has of a feature now. Null is unlimited. */
export interface Present {
  budget: number | null;
  remaining: number | null;
  overageEnabled: boolean;
  used: number;
  /** The name of what grants it now: a package, or null for another grant. */
  source: string | null;
}

/** Amounts have six fraction digits; differences of binary fractions have more. */
export const exact = (difference: number): number => Number(difference.toFixed(6));

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
  return Math.max(0, exact(held));
}

/** What is about to be given. Amount null is unlimited; `until` is empty without an end, `startsAt` for now. */
export interface Gift {
  way: 'TOP_UP' | 'LIMIT';
  amount: number | null | '';
  until: string;
  startsAt?: string;
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
export function resultOf(gift: Gift, present: Present | null): string | null {
  const { way, amount, until, startsAt = '' } = gift;
  if (amount === '') return null;
  const span = until === '' ? '' : ' until then';
  if (amount === null) return `The user may use any amount${span}.`;
  if (way === 'LIMIT')
    return [`The user may use ${formatNumber(amount)}${span}.`, ...countedHow(gift, startsAt, present)].join(
      ' ',
    );
  if (present?.remaining == null) return null;
  return `Left: ${formatNumber(present.remaining)} now, ${formatNumber(present.remaining + amount)} afterwards.`;
}

/** From where a raised limit is counted, and what counts after its end. */
function countedHow({ amount, until }: Gift, startsAt: string, present: Present | null): string[] {
  const from = startsAt === '' ? '0 now' : '0 at its start';
  const begin = `The ${formatNumber(amount || 0)} begin at ${from}`;
  if (present === null) return [`${begin}.`];
  const { used, budget, source } = present;
  const where = source ?? 'the grant that counts now';
  const isUsed = used === 1 ? 'is' : 'are';
  const after = `${source ?? 'what the user has now'} counts again, with its limit of ${formatNumber(budget ?? 0)}`;
  return [
    used === 0 ? `${begin}.` : `${formatNumber(used)} ${isUsed} used in ${where}; the ${begin.slice(4)}.`,
    ...(until === ''
      ? []
      : [`After that, ${after}; what is used in its period until then counts there too.`]),
  ];
}

/** Whether one of these webhooks gets events about thresholds. */
export const hearsThresholds = (
  webhooks: readonly { events: readonly string[]; disabledAt: string | null }[],
) =>
  webhooks.some(
    ({ events, disabledAt }) =>
      disabledAt === null &&
      events.some((each) => ['*', 'usage.*', 'usage.threshold_reached'].includes(each)),
  );

/** `Webhooks get an event at 80%, 100%; 80% is reached.` */
export function describeAlerts(
  alertAt: readonly number[],
  { used, budget }: { used: number; budget: number | null },
  isHeard: boolean,
): string | null {
  if (alertAt.length === 0 || budget === null) return null;
  const sorted = [...alertAt].sort((a, b) => a - b);
  const reached = sorted.filter((percent) => used * 100 >= budget * percent).at(-1);
  const list = sorted.map((percent) => `${percent}%`).join(', ');
  const who = isHeard ? 'Webhooks get an event' : 'No webhook wants the events';
  return `${who} at ${list}${reached === undefined ? '' : `; ${reached}% is reached`}.`;
}
