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
}

/** One usage that counts in a window. */
export interface MeteredUsage {
  action: 'ADD' | 'SET';
  delta: Amount;
  /** The limit of the subscription; null is unlimited. */
  limit: Amount | null;
  /** Whether this subscription decides on the budget. */
  wins: boolean;
  scope: MeterScope;
}

/**
 * What a usage is worth for a meter, and the window after it. A SET counts by the difference that it makes. Beyond the
 * budget counts what no top-up has paid; where several subscriptions count, the one that decides on the budget.
 *
 * @param drawnNow what top-ups have paid of the window by now, perhaps of later usage too: in the end the sums agree
 */
export function meterUsage(
  { used, drawn }: MeteredWindow,
  { action, delta, limit, wins, scope }: MeteredUsage,
  drawnNow: Amount,
): { value: Amount; after: MeteredWindow } {
  const next = action === 'SET' ? delta : used + delta;
  if (scope === 'ALL') return { value: next - used, after: { used: next, drawn: drawnNow } };
  if (!wins || limit === null) return { value: 0n, after: { used: next, drawn } };
  const excess = beyond(next, limit) - beyond(used, limit);
  const unseen = drawnNow - drawn;
  const isPaidBack = excess < 0n;
  const paid = isPaidBack ? larger(excess, smaller(unseen, 0n)) : smaller(excess, larger(unseen, 0n));
  return { value: excess - paid, after: { used: next, drawn: drawn + paid } };
}

/** What top-ups had paid before the first usage that is looked at. */
export const drawnBefore = (used: Amount, limit: Amount | null, drawnNow: Amount): Amount =>
  limit === null ? 0n : smaller(drawnNow, beyond(used, limit));

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
