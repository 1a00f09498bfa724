import type { WantedFeature, Wishes } from '../file/rules.ts';
import type { Catalogue, CatalogueFeature } from '../rules.ts';
import { featureChanges } from './difference-rules.ts';
import { change, type Finding, kept, refused, spoken } from './finding-rules.ts';
import { planPackages } from './package-rules.ts';

// A file never destroys anything. What it wishes for is done where that is possible; everything else is told.

/**
 * What has to be done, in this order, to make the catalogue what the file wishes; what cannot be done, and why;
 * and what the file leaves out and stays. Nothing at all if they agree.
 */
export function plan(wishes: Wishes, catalogue: Catalogue): Finding[] {
  const stored = new Map(catalogue.features.map((feature) => [feature.id, feature]));
  const features = wishes.features.map((wanted) => planFeature(wanted, stored.get(wanted.id)));
  const known = new Map(stored);
  for (const { step } of features.flat())
    if (step !== undefined && 'feature' in step) known.set(step.feature.id, step.feature);
  return [
    ...features.flat(),
    ...planPackages(wishes.packages, catalogue.packages, known),
    ...missingFeatures(wishes, catalogue),
    ...missingPackages(wishes, catalogue),
  ];
}

/** A feature's name, labels and metadata may change at any time; its type never does. */
function planFeature(wanted: WantedFeature, stored: CatalogueFeature | undefined): Finding[] {
  const { id, type } = wanted;
  if (stored !== undefined && stored.type !== type) {
    return [
      refused(
        `Feature "${id}" is ${stored.type}, and a feature's type never changes: make a ${type} feature with another id.`,
      ),
    ];
  }
  const feature = {
    ...wanted,
    unitLabel: spoken(wanted.unitLabel, stored?.unitLabel ?? null),
    unitLabelPlural: spoken(wanted.unitLabelPlural, stored?.unitLabelPlural ?? null),
    metadata: spoken(wanted.metadata, stored === undefined ? {} : stored.metadata),
  };
  if (type === 'BINARY' && (feature.unitLabel ?? feature.unitLabelPlural) !== null)
    return [refused(`Feature "${id}" is BINARY: only a CONSUMABLE feature has unit labels.`)];
  if (stored === undefined)
    return [change(`New ${type} feature "${id}".`, { kind: 'createFeature', feature })];
  const changes = featureChanges(stored, feature);
  if (changes.length === 0) return [];
  return [change(`Feature "${id}": ${changes.join('; ')}.`, { kind: 'changeFeature', feature })];
}

function missingFeatures({ features }: Wishes, catalogue: Catalogue): Finding[] {
  const named = new Set(features.map(({ id }) => id));
  return catalogue.features
    .filter(({ id }) => !named.has(id))
    .map(({ id }) =>
      kept(`Feature "${id}" is not in the file. It stays as it is: features are never deleted.`),
    );
}

/** Archived packages are no part of a file. */
function missingPackages({ packages, speaksOfAddons }: Wishes, catalogue: Catalogue): Finding[] {
  const named = new Set(packages.map(({ id }) => id));
  return catalogue.packages
    .filter(({ id, isAddon }) => !named.has(id) && (speaksOfAddons || !isAddon))
    .flatMap(({ id, status }) => {
      if (status === 'DRAFT')
        return [
          kept(
            `Draft "${id}" is not in the file. It stays as it is; to give it up, archive it (archivePackage).`,
          ),
        ];
      if (status === 'PUBLISHED')
        return [
          refused(
            `Package "${id}" is published and not in the file. It stays as it is, for its subscribers; to close it to new ones, archive it (archivePackage).`,
          ),
        ];
      return [];
    });
}
