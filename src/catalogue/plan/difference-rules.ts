import { isDeepStrictEqual } from 'node:util';
import type { CatalogueFeature, CataloguePackage, Contents, PackageFeature, Price } from '../rules.ts';

// The differences as phrases, for sentences such as: Draft package "pro": name "Pro" becomes "Pro 2"; …

/** The value in the file; the stored value if the file omits it. */
export function orStored<Value>(inFile: Value | undefined, stored: Value): Value {
  return inFile === undefined ? stored : inFile;
}

type Value = string | number | null;

/** @param none the word for null */
function change(what: string, before: Value, after: Value, none = 'none'): string[] {
  const word = (value: Value) =>
    value === null ? none : typeof value === 'string' ? `"${value}"` : `${value}`;
  return before === after ? [] : [`${what} ${word(before)} becomes ${word(after)}`];
}

const metadataChange = (before: unknown, after: unknown) =>
  isDeepStrictEqual(before, after) ? [] : ['metadata changes'];

export function featureChanges(before: CatalogueFeature, after: CatalogueFeature): string[] {
  return [
    ...change('name', before.name, after.name),
    ...change('unit label', before.unitLabel, after.unitLabel),
    ...change('plural unit label', before.unitLabelPlural, after.unitLabelPlural),
    ...change('precision', before.precision, after.precision),
    ...metadataChange(before.metadata, after.metadata),
  ];
}

/** The name is that of all versions. */
export const nameChange = (before: CataloguePackage, after: CataloguePackage): string[] =>
  change('name', before.name, after.name);

type Kind = Pick<CataloguePackage, 'isAddon'>;

/** The content that subscribers depend on: it changes with a new version. The order of features is ignored. */
export function contentChanges(before: Contents & Kind, after: Contents & Kind): string[] {
  return [
    ...(before.isAddon === after.isAddon
      ? []
      : [after.isAddon ? 'becomes an add-on' : 'becomes a base package']),
    ...grantChanges(before.features, after.features),
    ...(after.isAddon ? baseChanges(before.bases, after.bases) : []),
  ];
}

/** Prices and metadata may change in drafts and published packages. */
export function priceAndMetadataChanges(before: CataloguePackage, after: CataloguePackage): string[] {
  return [...priceChanges(before.prices, after.prices), ...metadataChange(before.metadata, after.metadata)];
}

/** All that differs between two versions of a package. */
export const versionChanges = (before: Contents & Kind, after: Contents & Kind): string[] => [
  ...contentChanges(before, after),
  ...priceChanges(before.prices, after.prices),
];

function grantChanges(before: readonly PackageFeature[], after: readonly PackageFeature[]): string[] {
  const former = new Map(before.map((grant) => [grant.featureId, grant]));
  const kept = new Set(after.map(({ featureId }) => featureId));
  return [
    ...before
      .filter(({ featureId }) => !kept.has(featureId))
      .map(({ featureId }) => `feature "${featureId}" is removed`),
    ...after.flatMap((grant) => {
      const known = former.get(grant.featureId);
      return known === undefined ? [`feature "${grant.featureId}" is added`] : grantChange(known, grant);
    }),
  ];
}

function thresholds({ alertAt, alertAtAmount, alertOnReset }: PackageFeature): string | null {
  const words = [
    ...alertAt.map((percent) => `${percent} %`),
    ...alertAtAmount.map(String),
    ...(alertOnReset ? ['reset'] : []),
  ];
  return words.length === 0 ? null : words.join(', ');
}

function grantChange(before: PackageFeature, after: PackageFeature): string[] {
  const ofFeature = `of "${after.featureId}"`;
  const overage = (enabled: boolean) => (enabled ? 'enabled' : 'disabled');
  return [
    ...change(`name ${ofFeature}`, before.name, after.name),
    ...change(`limit ${ofFeature}`, before.limit, after.limit, 'unlimited'),
    ...change(`reset period ${ofFeature}`, before.resetPeriod, after.resetPeriod, 'never'),
    ...change(`reset interval ${ofFeature}`, before.resetEvery, after.resetEvery),
    ...change(`time zone ${ofFeature}`, before.timeZone, after.timeZone, 'none (from the subscription)'),
    ...(before.overageEnabled === after.overageEnabled
      ? []
      : [`overage ${ofFeature} is ${overage(after.overageEnabled)}`]),
    ...change(`alert thresholds ${ofFeature}`, thresholds(before), thresholds(after), 'none'),
  ];
}

function baseChanges(before: readonly string[], after: readonly string[]): string[] {
  const words = (ids: readonly string[]) =>
    ids.length === 0
      ? 'all'
      : [...ids]
          .sort()
          .map((id) => `"${id}"`)
          .join(', ');
  return words(before) === words(after) ? [] : [`base packages ${words(before)} become ${words(after)}`];
}

function priceChanges(before: readonly Price[], after: readonly Price[]): string[] {
  const find = (prices: readonly Price[], desired: string) => prices.find(({ id }) => id === desired);
  return [
    ...before.filter(({ id }) => !find(after, id)).map(({ id }) => `price "${id}" is removed`),
    ...after.flatMap((price) => {
      const former = find(before, price.id);
      if (former === undefined) return [`price "${price.id}" is added`];
      return isDeepStrictEqual(former, price) ? [] : [`price "${price.id}" changes`];
    }),
  ];
}
