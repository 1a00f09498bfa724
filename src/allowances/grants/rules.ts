import { z } from 'zod';
import { NonNegativeAmount, requireFit } from '../../amount.ts';
import { invalidInput } from '../../errors.ts';
import { Id, Note } from '../../input.ts';
import { resetFields } from '../../packages/reset-rules.ts';

/** The input of grantFeature. */
export const NewGrant = z
  .object({
    userId: Id,
    featureId: Id,
    limit: NonNegativeAmount.nullish().transform((limit) => limit ?? null),
    resetPeriod: resetFields.resetPeriod.nullish().transform((period) => period ?? null),
    resetEvery: resetFields.resetEvery.transform((every) => every ?? 1),
    overageEnabled: z
      .boolean()
      .nullish()
      .transform((enabled) => enabled ?? false),
    startsAt: z
      .date()
      .min(new Date(0), 'must not be before 1970')
      .nullish()
      .transform((instant) => instant ?? null),
    endsAt: z
      .date()
      .nullish()
      .transform((instant) => instant ?? null),
    reason: Note.nullish().transform((reason) => reason ?? null),
    idempotencyKey: Id.nullish().transform((key) => key ?? null),
  })
  .refine(({ resetPeriod, resetEvery }) => resetPeriod !== null || resetEvery === 1, {
    path: ['resetEvery'],
    message: 'needs a resetPeriod',
  });
export type NewGrant = z.output<typeof NewGrant>;

/**
 * Refuses an allowance of a feature that is not counted, and a limit that the feature cannot have.
 *
 * @throws ValidationError that names the field
 */
export function checkTerms(
  { type, precision }: { type: 'BINARY' | 'CONSUMABLE'; precision: number },
  grant: NewGrant,
): void {
  if (type === 'CONSUMABLE') {
    if (grant.limit !== null) requireFit(grant.limit, { id: grant.featureId, precision }, 'input.limit');
    return;
  }
  const given = (['limit', 'resetPeriod'] as const).find((field) => grant[field] !== null);
  const field = grant.overageEnabled ? 'overageEnabled' : given;
  if (field !== undefined) throw invalidInput(`input.${field}`, 'a BINARY feature has none');
}

/**
 * When a grant starts and ends; without a start of its own it starts with the change.
 *
 * @throws ValidationError if it would end before it starts
 */
export function spanOf({ startsAt, endsAt }: Pick<NewGrant, 'startsAt' | 'endsAt'>, instant: Date) {
  const start = startsAt ?? instant;
  if (endsAt !== null && endsAt <= start) throw invalidInput('input.endsAt', 'must be after the start');
  return { startsAt: start, endsAt };
}

/** A grant, as far as its time is concerned. */
interface Span {
  startsAt: Date;
  endsAt: Date | null;
  revokedAt: Date | null;
}

/**
 * How a grant is revoked at an instant: it ends then, or it never starts, or it has ended already. Null if it was
 * revoked before.
 */
export function planRevoke({ startsAt, endsAt, revokedAt }: Span, instant: Date) {
  if (revokedAt !== null) return null;
  const earliest = instant > startsAt ? instant : startsAt;
  return { endsAt: endsAt !== null && endsAt < earliest ? endsAt : earliest, revokedAt: instant };
}
