import { z } from 'zod';
import { Id } from '../input.ts';
import { Currency, currenciesOf, Interval } from './price-rules.ts';

/** An address to which Stripe sends the customer back. */
export const ReturnUrl = z
  .string()
  .max(2_000, 'must be at most 2,000 characters')
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    'must be an http or https address',
  );

/** What a payment link sells. */
export const BillingTemplate = z.object({
  id: Id,
  currency: Currency,
  interval: Interval.nullish(),
  prices: z
    .array(Id)
    .min(1, 'must name at least one price')
    .max(20, 'must name at most 20 prices')
    .refine((ids) => new Set(ids).size === ids.length, 'names a price twice'),
});
export type BillingTemplate = z.output<typeof BillingTemplate>;

interface KnownPrice {
  id: string;
  packageId: string | null;
  isActive: boolean;
  currency: string;
  currencies: readonly string[];
  interval: string | null;
}

/**
 * Why a template cannot have these prices; null if it can. Stripe takes one currency a checkout, and one billing interval
 * a subscription. A one-time price may stand beside recurring ones: it is paid with the first bill. Every price has to be
 * mapped to the package, so that whatever is paid is given.
 */
export function priceProblem(
  packageId: string,
  { currency, interval, prices }: BillingTemplate,
  known: readonly KnownPrice[],
): { index: number; problem: string } | null {
  const problems = prices.map((id) => {
    const price = known.find((each) => each.id === id);
    if (price === undefined) return `no price with the id "${id}" was imported from Stripe`;
    if (!price.isActive) return `the price "${id}" is no longer active at Stripe`;
    if (price.packageId !== packageId)
      return `the price "${id}" is not mapped to the package: map it with mapPrice`;
    const sold = currenciesOf(price);
    if (!sold.includes(currency)) return `the price "${id}" is in ${sold.join(', ')}, not in ${currency}`;
    if (price.interval !== null && price.interval !== (interval ?? null))
      return `the price "${id}" is paid every ${price.interval}`;
    return null;
  });
  const index = problems.findIndex((problem) => problem !== null);
  if (index >= 0) return { index, problem: problems[index] ?? '' };
  const isRecurring = known.some((price) => prices.includes(price.id) && price.interval !== null);
  return interval && !isRecurring
    ? { index: 0, problem: `none of the prices is paid every ${interval}` }
    : null;
}
