import { z } from 'zod';
import { AmountInput, NonNegativeAmount } from '../../amount.ts';
import { Id } from '../../input.ts';

const maxTtlSeconds = 86_400;

/** The input of reserveUsage. */
export const NewReservation = z.object({
  userId: Id,
  featureId: Id,
  amount: AmountInput.refine((amount) => amount > 0n, 'must be more than 0'),
  ttlSeconds: z
    .int()
    .min(1, 'must be 1 or more')
    .max(maxTtlSeconds, `must be at most ${maxTtlSeconds}`)
    .nullish()
    .transform((seconds) => seconds ?? 300),
  idempotencyKey: Id.nullish().transform((key) => key ?? null),
});
export type NewReservation = z.output<typeof NewReservation>;

/** What was really used: 0 or more. */
export const CommittedAmount = NonNegativeAmount;

const coarseFromSeconds = 600;

/**
 * When a reservation lapses. It is rounded up to a whole second, and beyond ten minutes to a whole minute, so that the
 * reservations of a user lapse at a bounded number of instants: their sums are kept by these.
 */
export function lapseOf(now: Date, ttlSeconds: number): Date {
  const stepMs = ttlSeconds > coarseFromSeconds ? 60_000 : 1_000;
  return new Date(Math.ceil((now.getTime() + ttlSeconds * 1_000) / stepMs) * stepMs);
}
