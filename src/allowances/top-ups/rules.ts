import { z } from 'zod';
import { AmountInput } from '../../amount.ts';
import { invalidInput } from '../../errors.ts';
import { Id, Note } from '../../input.ts';

const maxPriority = 1_000;

/** The input of topUp. */
export const NewTopUp = z.object({
  userId: Id,
  featureId: Id,
  amount: AmountInput.refine((amount) => amount > 0n, 'must be more than 0'),
  expiresAt: z
    .date()
    .nullish()
    .transform((instant) => instant ?? null),
  priority: z
    .int()
    .min(0, 'must be 0 or more')
    .max(maxPriority, `must be at most ${maxPriority}`)
    .nullish()
    .transform((priority) => priority ?? 0),
  reason: Note.nullish().transform((reason) => reason ?? null),
  idempotencyKey: Id.nullish().transform((key) => key ?? null),
});
export type NewTopUp = z.output<typeof NewTopUp>;

/** Only a counted feature can be topped up. @throws ValidationError */
export function checkCounted(type: 'BINARY' | 'CONSUMABLE'): void {
  if (type === 'BINARY') throw invalidInput('input.featureId', 'is a BINARY feature, which is not counted');
}

/** @throws ValidationError if the top-up would have expired when it is made */
export function checkExpiry({ expiresAt }: Pick<NewTopUp, 'expiresAt'>, instant: Date): void {
  if (expiresAt !== null && expiresAt <= instant)
    throw invalidInput('input.expiresAt', 'must be in the future');
}
