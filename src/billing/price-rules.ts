import { z } from 'zod';

export const Currency = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => /^[a-z]{3}$/.test(text), 'must be a currency of three letters, such as eur');

export const Interval = z.enum(['day', 'week', 'month', 'year'], 'must be day, week, month or year');

/** The currencies in which a price is sold: its own, and those that it has options for. One in several stays one price. */
export const currenciesOf = ({
  currency,
  currencies,
}: {
  currency: string;
  currencies: readonly string[];
}) => (currencies.length === 0 ? [currency] : currencies);

/** The most that Stripe takes for a price, in minor units. */
const maxAmount = 99_999_999;

/** A product with a price that is made at Stripe. */
export const NewPrice = z.object({
  productName: z.string().trim().min(1, 'must not be blank').max(250, 'must be at most 250 characters'),
  amount: z
    .number()
    .int('must be a whole number of minor units')
    .min(0, 'must not be negative')
    .max(maxAmount, 'must be at most 99,999,999'),
  currency: Currency,
  interval: Interval.nullish(),
});
export type NewPrice = z.output<typeof NewPrice>;
