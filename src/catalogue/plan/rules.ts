import { NewId } from '../../input.ts';
import type { DesiredCatalogue, DesiredFeature } from '../file/rules.ts';
import type { Catalogue, CatalogueFeature } from '../rules.ts';
import { featureChanges, orStored } from './difference-rules.ts';
import { change, type Finding, kept, refused, unseenId } from './finding-rules.ts';
import { planPackages } from './package-rules.ts';

/**
 * Compares the desired catalogue with the stored one. Returns the changes in the order of execution, the changes
 * that are not possible, and what the file omits and stays. Empty if both are equal. Nothing is ever deleted.
 */
export const plan = (desired: DesiredCatalogue, catalogue: Catalogue): Finding[] =>
  [...planSteps(desired, catalogue)].flat();

/** The same, feature by feature and package by package: the plan of a large file takes long. */
export function* planSteps(desired: DesiredCatalogue, catalogue: Catalogue): Generator<Finding[]> {
  const stored = new Map(catalogue.features.map((feature) => [feature.id, feature]));
  const planned = new Map(stored);
  for (const feature of desired.features) {
    const findings = planFeature(feature, stored.get(feature.id));
    for (const { step } of findings)
      if (step !== undefined && 'feature' in step) planned.set(step.feature.id, step.feature);
    yield findings;
  }
  yield* planPackages(desired.packages, catalogue, planned);
  yield missingFeatures(desired, catalogue);
  yield missingPackages(desired, catalogue);
}

const creation = (feature: CatalogueFeature): Finding =>
  NewId.safeParse(feature.id).success
    ? change(`New ${feature.type} feature "${feature.id}".`, { kind: 'createFeature', feature })
    : unseenId('feature', feature.name);

/** The name, labels and metadata of a feature may change, and its precision may be raised; its type never changes. */
function planFeature(desired: DesiredFeature, stored: CatalogueFeature | undefined): Finding[] {
  const { id, type } = desired;
  if (stored !== undefined && stored.type !== type) {
    return [
      refused(
        `Feature "${id}" is ${stored.type}, and a feature's type never changes: create a ${type} feature with another id.`,
      ),
    ];
  }
  const feature = {
    ...desired,
    unitLabel: orStored(desired.unitLabel, stored?.unitLabel ?? null),
    unitLabelPlural: orStored(desired.unitLabelPlural, stored?.unitLabelPlural ?? null),
    precision: orStored(desired.precision, stored?.precision ?? 0),
    metadata: orStored(desired.metadata, stored === undefined ? {} : stored.metadata),
  };
  if (type === 'BINARY' && (feature.unitLabel ?? feature.unitLabelPlural) !== null)
    return [refused(`Feature "${id}" is BINARY: only a CONSUMABLE feature has unit labels.`)];
  if (type === 'BINARY' && feature.precision > 0)
    return [refused(`Feature "${id}" is BINARY: only a CONSUMABLE feature has a precision.`)];
  if (stored !== undefined && feature.precision < stored.precision)
    return [
      refused(
        `Feature "${id}" has the precision ${stored.precision}: a file only raises it. updateFeature lowers it while there is no usage.`,
      ),
    ];
  if (stored === undefined) return [creation(feature)];
  const changes = featureChanges(stored, feature);
  if (changes.length === 0) return [];
  return [change(`Feature "${id}": ${changes.join('; ')}.`, { kind: 'changeFeature', feature })];
}

function missingFeatures({ features }: DesiredCatalogue, catalogue: Catalogue): Finding[] {
  const inFile = new Set(features.map(({ id }) => id));
  return catalogue.features
    .filter(({ id }) => !inFile.has(id))
    .map(({ id }) => kept(`Feature "${id}" is not in the file. It is kept: features are never deleted.`));
}

/** Files contain no archived packages. */
function missingPackages({ packages, includesAddons }: DesiredCatalogue, catalogue: Catalogue): Finding[] {
  const inFile = new Set(packages.map(({ id }) => id));
  return catalogue.packages
    .filter(({ id, isAddon }) => !inFile.has(id) && (includesAddons || !isAddon))
    .flatMap(({ id, status }) => {
      if (status === 'DRAFT')
        return [
          kept(`Draft "${id}" is not in the file. It is kept. To discard it, archive it (archivePackage).`),
        ];
      if (status === 'PUBLISHED')
        return [
          refused(
            `Package "${id}" is published and not in the file. It is kept for its subscribers. To stop new subscriptions, archive it (archivePackage).`,
          ),
        ];
      return [];
    });
}
