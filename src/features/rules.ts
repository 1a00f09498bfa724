import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import { Id, Metadata, Name } from '../input.ts';

const FeatureType = z.enum(['BINARY', 'CONSUMABLE']);

/** A new feature. Default name: the id. */
export const NewFeature = z
  .object({
    id: Id,
    name: Name.nullish(),
    type: FeatureType,
    unitLabel: Name.nullish(),
    unitLabelPlural: Name.nullish(),
    metadata: Metadata.nullish(),
  })
  .transform((feature) => ({ ...feature, name: feature.name ?? feature.id }));
export type NewFeature = z.output<typeof NewFeature>;

/** A change: an omitted field stays, null clears. The name cannot be cleared; the type never changes. */
export const FeatureChange = z.object({
  name: Name.optional(),
  unitLabel: Name.nullish(),
  unitLabelPlural: Name.nullish(),
  metadata: Metadata.nullish(),
});
export type FeatureChange = z.output<typeof FeatureChange>;

/** Only a CONSUMABLE feature has units. @throws ValidationError */
export function checkUnits(
  type: z.output<typeof FeatureType>,
  units: { unitLabel?: string | null; unitLabelPlural?: string | null },
): void {
  if (type === 'CONSUMABLE') return;
  for (const field of ['unitLabel', 'unitLabelPlural'] as const) {
    if (units[field] != null) throw invalidInput(`input.${field}`, 'only a CONSUMABLE feature has units');
  }
}
