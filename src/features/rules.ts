import { z } from 'zod';
import { maxPrecision } from '../amount.ts';
import { invalidInput } from '../errors.ts';
import { Metadata, Name, NewId } from '../input.ts';

const FeatureType = z.enum(['BINARY', 'CONSUMABLE']);

export const Precision = z
  .int()
  .min(0, 'must be 0 or more')
  .max(maxPrecision, `must be at most ${maxPrecision}`);

/** A new feature. Default name: the id. */
export const NewFeature = z
  .object({
    id: NewId,
    name: Name.nullish(),
    type: FeatureType,
    unitLabel: Name.nullish(),
    unitLabelPlural: Name.nullish(),
    precision: Precision.nullish().transform((precision) => precision ?? 0),
    metadata: Metadata.nullish(),
  })
  .transform((feature) => ({ ...feature, name: feature.name ?? feature.id }));
export type NewFeature = z.output<typeof NewFeature>;

/** A change: an omitted field stays, null clears. The name cannot be cleared; the type never changes. */
export const FeatureChange = z.object({
  name: Name.optional(),
  unitLabel: Name.nullish(),
  unitLabelPlural: Name.nullish(),
  precision: Precision.optional(),
  metadata: Metadata.nullish(),
});
export type FeatureChange = z.output<typeof FeatureChange>;

/** Only a CONSUMABLE feature has units and amounts. @throws ValidationError */
export function checkUnits(
  type: z.output<typeof FeatureType>,
  units: { unitLabel?: string | null; unitLabelPlural?: string | null; precision?: number },
): void {
  if (type === 'CONSUMABLE') return;
  if (units.precision) throw invalidInput('input.precision', 'only a CONSUMABLE feature has amounts');
  for (const field of ['unitLabel', 'unitLabelPlural'] as const) {
    if (units[field] != null) throw invalidInput(`input.${field}`, 'only a CONSUMABLE feature has units');
  }
}

/** What amounts of a feature there are already. */
export interface PresentAmounts {
  isUsed: boolean;
  /** The most fraction digits of a limit, a top-up or a reservation. */
  digitsOfLimits: number;
}

/** Why the precision of a feature cannot become this one; null if it can. It can always be raised. */
export function precisionProblem(before: number, after: number, present: PresentAmounts): string | null {
  if (after >= before) return null;
  if (present.isUsed) return `must not be lowered below ${before}: the feature has usage`;
  return present.digitsOfLimits > after
    ? `must be at least ${present.digitsOfLimits}: a limit, a top-up or a reservation has so many digits after the decimal point`
    : null;
}
