import { z } from 'zod';
import { Id, Metadata, Name } from '../input.ts';

const FeatureType = z.enum(['BINARY', 'CONSUMABLE']);

/**
 * What a new feature needs. Without a name it is called by its id; only a CONSUMABLE is counted, so only it
 * has units.
 */
export const NewFeature = z
  .object({
    id: Id,
    name: Name.nullish(),
    type: FeatureType,
    unitLabel: Name.nullish(),
    unitLabelPlural: Name.nullish(),
    metadata: Metadata.nullish(),
  })
  .superRefine((feature, check) => {
    for (const label of ['unitLabel', 'unitLabelPlural'] as const) {
      if (feature.type === 'BINARY' && feature[label] != null) {
        check.addIssue({ code: 'custom', path: [label], message: unitsOfBinary });
      }
    }
  })
  .transform((feature) => ({ ...feature, name: feature.name ?? feature.id }));

/** An omitted field stays as it is, null clears it; a feature always has a name, and its type never changes. */
export const FeatureChange = z.object({
  name: Name.optional(),
  unitLabel: Name.nullish(),
  unitLabelPlural: Name.nullish(),
  metadata: Metadata.nullish(),
});

export const unitsOfBinary = 'only a CONSUMABLE feature has units';
