import type { VersionFragment } from '../generated/operations.ts';
import { formatAlerts, formatGrant, formatTerms } from './grant.ts';
import { formatPrice } from './price.ts';

type Feature = VersionFragment['features'][number];

/** What a version has that the one before it has not, in phrases. Empty if nothing differs. */
export function differencesOf(version: VersionFragment, before: VersionFragment): string[] {
  return [
    ...featureDifferences(version.features, before.features),
    ...priceDifferences(version.prices, before.prices),
    ...baseDifferences(version, before),
  ];
}

const byId = <Item extends { id: string }>(list: readonly Item[]) =>
  new Map(list.map((each) => [each.id, each]));

function featureDifferences(features: readonly Feature[], before: readonly Feature[]): string[] {
  const earlier = byId(before);
  const later = byId(features);
  return [
    ...features.flatMap((feature) => {
      const was = earlier.get(feature.id);
      return was === undefined ? `${feature.name} added: ${formatTerms(feature)}` : changesOf(feature, was);
    }),
    ...before.filter(({ id }) => !later.has(id)).map(({ name }) => `${name} removed`),
  ];
}

function changesOf(feature: Feature, was: Feature): string[] {
  const [now, then] = [formatGrant(feature), formatGrant(was)];
  const [alerts, alertsBefore] = [formatAlerts(feature) || 'nothing', formatAlerts(was) || 'nothing'];
  return [
    ...(feature.name === was.name ? [] : [`${was.name} is called ${feature.name}`]),
    ...(now === then ? [] : [`${feature.name}: ${then} → ${now}`]),
    ...(alerts === alertsBefore ? [] : [`${feature.name}: webhooks at ${alertsBefore} → ${alerts}`]),
  ];
}

function priceDifferences(prices: VersionFragment['prices'], before: VersionFragment['prices']): string[] {
  const earlier = byId(before);
  const later = byId(prices);
  return [
    ...prices.flatMap((price) => {
      const was = earlier.get(price.id);
      if (was === undefined) return `Price added: ${formatPrice(price)}`;
      return formatPrice(was) === formatPrice(price)
        ? []
        : `Price: ${formatPrice(was)} → ${formatPrice(price)}`;
    }),
    ...before.filter(({ id }) => !later.has(id)).map((price) => `Price removed: ${formatPrice(price)}`),
  ];
}

function baseDifferences(version: VersionFragment, before: VersionFragment): string[] {
  const names = ({ basePackages }: VersionFragment) =>
    basePackages.length === 0 ? 'every base package' : basePackages.map(({ name }) => name).join(', ');
  return names(version) === names(before) ? [] : [`Open to ${names(before)} → ${names(version)}`];
}
