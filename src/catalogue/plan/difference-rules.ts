import { isDeepStrictEqual } from 'node:util';
import type { CatalogueFeature, CataloguePackage, PackageFeature, Price } from '../rules.ts';

// What changes, in phrases of a sentence such as: Draft package "pro": name "Pro" becomes "Pro 2"; …

type Value = string | number | null;

/** @param none what it is called to have no value */
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
    ...metadataChange(before.metadata, after.metadata),
  ];
}

/** What subscribers get: it is settled once the package is published. The order of features is no part of it. */
export function contentChanges(before: CataloguePackage, after: CataloguePackage): string[] {
  return [
    ...change('name', before.name, after.name),
    ...(before.isAddon === after.isAddon
      ? []
      : [after.isAddon ? 'becomes an add-on' : 'becomes a base package']),
    ...grantChanges(before.features, after.features),
    ...(after.isAddon ? baseChanges(before.bases, after.bases) : []),
  ];
}

/** What may change in a package of any status but ARCHIVED. */
export function outerChanges(before: CataloguePackage, after: CataloguePackage): string[] {
  return [...priceChanges(before.prices, after.prices), ...metadataChange(before.metadata, after.metadata)];
}

function grantChanges(before: readonly PackageFeature[], after: readonly PackageFeature[]): string[] {
  const find = (grants: readonly PackageFeature[], id: string) =>
    grants.find(({ featureId }) => featureId === id);
  return [
    ...before
      .filter(({ featureId }) => !find(after, featureId))
      .map(({ featureId }) => `feature "${featureId}" leaves`),
    ...after.flatMap((grant) => {
      const former = find(before, grant.featureId);
      return former === undefined ? [`feature "${grant.featureId}" joins`] : grantChange(former, grant);
    }),
  ];
}

function grantChange(before: PackageFeature, after: PackageFeature): string[] {
  const ofFeature = `of "${after.featureId}"`;
  const overage = (enabled: boolean) => (enabled ? 'enabled' : 'disabled');
  return [
    ...change(`name ${ofFeature}`, before.name, after.name),
    ...change(`limit ${ofFeature}`, before.limit, after.limit, 'unlimited'),
    ...change(`reset period ${ofFeature}`, before.resetPeriod, after.resetPeriod, 'never'),
    ...(before.overageEnabled === after.overageEnabled
      ? []
      : [`overage ${ofFeature} is ${overage(after.overageEnabled)}`]),
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
  const find = (prices: readonly Price[], wanted: string) => prices.find(({ id }) => id === wanted);
  return [
    ...before.filter(({ id }) => !find(after, id)).map(({ id }) => `price "${id}" goes`),
    ...after.flatMap((price) => {
      const former = find(before, price.id);
      if (former === undefined) return [`price "${price.id}" comes`];
      return isDeepStrictEqual(former, price) ? [] : [`price "${price.id}" changes`];
    }),
  ];
}
