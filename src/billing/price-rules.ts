import { z } from 'zod';
import { Currency, Interval } from './links-rules.ts';

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
