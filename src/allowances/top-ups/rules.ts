import { z } from 'zod';
import { AmountInput, type Measure, requireFit } from '../../amount.ts';
import { invalidInput } from '../../errors.ts';
import { Id, Note } from '../../input.ts';
import { AlertAt, AlertAtAmount } from '../../packages/rules.ts';

const maxPriority = 1_000;

/** At how many percent of the amount webhooks are told. A top-up is never used beyond 100. */
const TopUpAlerts = AlertAt.refine(
  (percents) => percents.every((percent) => percent <= 100),
  'must be at most 100',
);

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
  // Absent where none was given, so that repeats of earlier calls are known again.
  alertAt: TopUpAlerts.nullish().transform((percents) => percents ?? undefined),
  alertAtAmount: AlertAtAmount.nullish().transform((amounts) => amounts ?? undefined),
  reason: Note.nullish().transform((reason) => reason ?? null),
  idempotencyKey: Id.nullish().transform((key) => key ?? null),
});
export type NewTopUp = z.output<typeof NewTopUp>;

/** Only a counted feature can be topped up. @throws ValidationError */
export function checkCounted(type: 'BINARY' | 'CONSUMABLE'): void {
  if (type === 'BINARY') throw invalidInput('input.featureId', 'is a BINARY feature, which is not counted');
}

/** @throws ValidationError that names the field, if the feature cannot have such an amount */
export function checkAmounts({ amount, alertAtAmount = [] }: NewTopUp, feature: Measure): void {
  requireFit(amount, feature, 'input.amount');
  for (const [index, each] of alertAtAmount.entries()) {
    requireFit(each, feature, `input.alertAtAmount.${index}`);
    if (each > amount) throw invalidInput(`input.alertAtAmount.${index}`, 'must be at most the amount');
  }
}

/** @throws ValidationError if the top-up would have expired when it is made */
export function checkExpiry({ expiresAt }: Pick<NewTopUp, 'expiresAt'>, instant: Date): void {
  if (expiresAt !== null && expiresAt <= instant)
    throw invalidInput('input.expiresAt', 'must be in the future');
}
