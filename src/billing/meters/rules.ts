import { z } from 'zod';
import type { Amount } from '../../amount.ts';
import { Id } from '../../input.ts';

/** What of usage is sent to a meter: each usage, or what is beyond the budget. */
export type MeterScope = 'ALL' | 'OVERAGE';

/** A meter at Stripe for a feature of a package. */
export const NewMeter = z.object({
  packageId: Id,
  featureId: Id,
  eventName: z.string().trim().min(1, 'must not be blank').max(100, 'must be at most 100 characters'),
  sends: z.enum(['ALL', 'OVERAGE']),
});
export type NewMeter = z.output<typeof NewMeter>;

/** A window of a subscription, up to the last event that was looked at. */
export interface MeteredWindow {
  used: Amount;
  /** What top-ups have paid of it, as far as it was looked at. */
  drawn: Amount;
  /** What the meter was sent of it. */
  sent: Amount;
}

/** On what a usage is judged for a meter. */
export interface MeterTerms {
  /** The limit of the subscription; null is unlimited. */
  limit: Amount | null;
  /** Whether this subscription decides on the budget. */
  wins: boolean;
  scope: MeterScope;
}

/** One usage that counts in a window. */
export interface MeteredUsage extends MeterTerms {
  action: 'ADD' | 'SET';
  delta: Amount;
}

/**
 * What a usage is worth for a meter, and the window after it. A SET counts by the difference that it makes.
 *
 * Billable of a window is all that was used, or what is beyond the limit and no top-up has paid. Beyond the limit counts
 * only in the subscription that decides on the budget.
 *
 * What is billable and was not sent is the base of the window: usage from before the server knew of the subscription or
 * of the meter, or from when another subscription decided. It is never sent. So the meter is to have what is billable
 * above the base:
 *
 *   base = billable before - sent
 *   value = billable after - min(base, billable after) - sent
 *
 * What is taken back is taken back from the meter first, then from the base. The meter never has less than nothing of a
 * window: usage that was not sent is not taken back there.
 *
 * @param drawnNow what top-ups have paid of the window by now, perhaps of later usage too: in the end the sums agree
 */
export function meterUsage(
  window: MeteredWindow,
  { action, delta, ...terms }: MeteredUsage,
  drawnNow: Amount,
): { value: Amount; after: MeteredWindow } {
  const next = action === 'SET' ? delta : window.used + delta;
  const after = useUnsent(window, next, terms, drawnNow);
  if (terms.scope === 'OVERAGE' && (!terms.wins || terms.limit === null)) return { value: 0n, after };
  const base = baseOf(window, terms);
  const wanted = billable(after, terms);
  const value = wanted - smaller(base, wanted) - window.sent;
  return { value, after: { ...after, sent: window.sent + value } };
}

/** The window after usage that is not sent: all of it goes to the base. */
export function useUnsent(
  { used, drawn, sent }: MeteredWindow,
  next: Amount,
  { limit, wins, scope }: MeterTerms,
  drawnNow: Amount,
): MeteredWindow {
  if (scope === 'ALL' || !wins || limit === null) return { used: next, drawn, sent };
  const excess = beyond(next, limit) - beyond(used, limit);
  const unseen = drawnNow - drawn;
  const isPaidBack = excess < 0n;
  const paid = isPaidBack ? larger(excess, smaller(unseen, 0n)) : smaller(excess, larger(unseen, 0n));
  return { used: next, drawn: drawn + paid, sent };
}

/** The window after usage that was sent: its base stays. */
export function useSent(
  window: MeteredWindow,
  next: Amount,
  terms: MeterTerms,
  drawnNow: Amount,
): MeteredWindow {
  const after = useUnsent(window, next, terms, drawnNow);
  return { ...after, sent: window.sent + billable(after, terms) - billable(window, terms) };
}

/**
 * A window in which usage is looked at for the first time. Of what was not sent, top-ups have paid as much as they can.
 *
 * @param sent what the meter was sent of its usage all the same, such as for the subscription before
 */
export function beginWindow(
  { used, sent }: Pick<MeteredWindow, 'used' | 'sent'>,
  { limit, scope }: MeterTerms,
  drawnNow: Amount,
): MeteredWindow {
  const unsent = scope === 'ALL' || limit === null ? 0n : larger(beyond(used, limit) - sent, 0n);
  return { used, drawn: smaller(drawnNow, unsent), sent };
}

/** What is billable of a window, and was not sent. */
export const baseOf = (window: MeteredWindow, terms: MeterTerms): Amount =>
  billable(window, terms) - window.sent;

function billable({ used, drawn }: MeteredWindow, { limit, scope }: MeterTerms): Amount {
  if (scope === 'ALL') return larger(used, 0n);
  return limit === null ? 0n : larger(beyond(used, limit) - drawn, 0n);
}

const larger = (a: Amount, b: Amount) => (a > b ? a : b);
const smaller = (a: Amount, b: Amount) => (a < b ? a : b);
const beyond = (used: Amount, limit: Amount) => larger(used - limit, 0n);

/** Stripe keeps identifiers for at least a day: what was sent without an answer is sent again for this long. */
export const repeatableMs = 23 * 3_600_000;

/** Whether an event may be sent again that was sent without an answer. */
export const isRepeatable = (triedAt: Date | null, now: Date): boolean =>
  triedAt === null || now.getTime() - triedAt.getTime() < repeatableMs;

/** The identifier at Stripe: the id of the ledger. A second package that the same usage counts in adds its id. */
export const identifierOf = (ledgerId: bigint, packageId: string, isFirst: boolean): string =>
  isFirst ? `${ledgerId}` : `${ledgerId}-${packageId}`;
