import { z } from 'zod';
import {
  AmountInput,
  amountText,
  type Measure,
  NonNegativeAmount,
  requireFit,
  textOrNull,
} from '../amount.ts';
import { featureNotFound, invalidInput, packageNotFound, packageStatusError } from '../errors.ts';
import { Id, listOf, Metadata, Name, NewId } from '../input.ts';
import { checkResets, resetFields, storedResets, type TimeZones } from './reset-rules.ts';

/** The maximum number of features, base packages or prices of one package. They fit into one statement. */
export const maxEntries = 1_000;

const maxAlerts = 10;

/** At how many percent of the limit webhooks get an event: each once, in ascending order. */
export const AlertAt = z
  .array(z.int('must be a whole number').min(1, 'must be at least 1').max(1_000, 'must be at most 1,000'))
  .max(maxAlerts, `must have at most ${maxAlerts} entries`)
  .transform((percents) => [...new Set(percents)].sort((a, b) => a - b));

/** At which amounts webhooks get an event: each once, in ascending order. */
export const AlertAtAmount = z
  .array(AmountInput.refine((amount) => amount > 0n, 'must be more than 0'))
  .max(maxAlerts, `must have at most ${maxAlerts} entries`)
  .transform((amounts) => [...new Set(amounts)].sort((a, b) => (a < b ? -1 : 1)));

const RequestedFeature = z.object({
  id: Id,
  entitlement: z
    .object({
      limit: NonNegativeAmount.nullish(),
      ...resetFields,
      overageEnabled: z.boolean().nullish(),
      alertAt: AlertAt.nullish(),
      alertAtAmount: AlertAtAmount.nullish(),
      alertOnReset: z.boolean().nullish(),
    })
    .superRefine(checkResets)
    .nullish(),
});
export type RequestedFeature = z.output<typeof RequestedFeature>;

const RequestedFeatures = listOf(RequestedFeature, ({ id }) => id, { max: maxEntries });
const RequestedBases = listOf(Id, (id) => id, { max: maxEntries });

/** A new package. Defaults: the id as name, and a base package. */
export const NewPackage = z
  .object({
    id: NewId,
    name: Name.nullish(),
    isAddon: z.boolean().nullish(),
    features: RequestedFeatures,
    basePackages: RequestedBases.nullish(),
    metadata: Metadata.nullish(),
  })
  .transform((input) => ({
    ...input,
    name: input.name ?? input.id,
    isAddon: input.isAddon ?? false,
    basePackages: input.basePackages ?? [],
  }));
export type NewPackage = z.output<typeof NewPackage>;

/** A change of a DRAFT: an omitted field stays; none can be null. */
export const DraftChange = z.object({
  name: Name.optional(),
  isAddon: z.boolean().optional(),
  features: RequestedFeatures.optional(),
  basePackages: RequestedBases.optional(),
});
export type DraftChange = z.output<typeof DraftChange>;

/** A change of a package in any status, without a new version. An omitted field stays. */
export const PackageChange = z.object({ name: Name.optional(), metadata: Metadata.nullish() });
export type PackageChange = z.output<typeof PackageChange>;

/** A copy of a package. Default: the id as name. */
export const Duplicate = z
  .object({ newId: NewId, name: Name.nullish() })
  .transform(({ newId, name }) => ({ id: newId, name: name ?? newId }));
export type Duplicate = z.output<typeof Duplicate>;

/** The number of a version of a package. */
export const Version = z.int('must be a whole number').min(1, 'must be 1 or more');

/** A price at the billing provider. Setting it replaces the price with the same id. */
export const Price = z.object({
  id: Id,
  provider: Name.nullish().transform((provider) => provider ?? 'STRIPE'),
  amount: z.int().min(0, 'must be 0 or more'),
  currency: z
    .string()
    .regex(/^[A-Za-z]{3}$/, 'must be an ISO 4217 code of three letters, such as "gbp"')
    .transform((code) => code.toLowerCase()),
  interval: Name.nullish().transform((interval) => interval ?? null),
});
export type Price = z.output<typeof Price>;

const statuses = ['ARCHIVED', 'DRAFT', 'PUBLISHED', 'ALL'] as const;

/** The status filter of a list of packages. Default PUBLISHED; ALL means every status. */
export const StatusFilter = z
  .enum(statuses, `must be one of ${statuses.join(', ')}`)
  .nullish()
  .transform((status) => status ?? 'PUBLISHED');

type Status = 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';

/** The status of a package, and its versions. */
export interface Versions {
  /** Of the current version. */
  status: Status;
  version: number;
  /** The draft of the next version; null if there is none. */
  draftVersion: number | null;
}

/** The version that can be changed and published; null if there is none. */
export const editableVersion = ({ status, version, draftVersion }: Versions): number | null =>
  status === 'DRAFT' ? version : draftVersion;

/** The status of one version of a package: the draft of the next one, or like the package. */
export const statusOf = (versions: Versions, version: number): Status =>
  version > versions.version ? 'DRAFT' : versions.status;

/** All versions, newest first, with the draft of the next one. */
export const versionsOf = ({ version, draftVersion }: Versions): number[] =>
  Array.from({ length: draftVersion ?? version }, (_, index) => (draftVersion ?? version) - index);

/** A row of a package. Without `shownVersion`, it is shown as its current version. */
interface Shown {
  id: string;
  version: number;
  shownVersion?: number;
}

/** The package as one of its versions. */
export const atVersion = <Row extends { version: number }>(row: Row, version: number): Row =>
  ({ ...row, shownVersion: version }) as Row;

export const shownVersion = (row: { version: number }): number => (row as Shown).shownVersion ?? row.version;

/** Whether one version is meant, not the package as a whole. */
export const isOneVersion = (row: object): boolean => (row as Partial<Shown>).shownVersion !== undefined;

/** The version of the package that is shown, as an owner of lists. */
export const shownAs = (row: { id: string; version: number }) => ({ id: row.id, version: shownVersion(row) });

/**
 * Which status allows which change. A DRAFT can be changed and published. The features of a PUBLISHED version, which
 * users subscribed to, no longer change, only the prices; others get a version of their own. ARCHIVED is the last
 * status, also for drafts.
 */
const statusesFor = {
  changed: ['DRAFT'],
  published: ['DRAFT'],
  archived: ['DRAFT', 'PUBLISHED'],
  priced: ['DRAFT', 'PUBLISHED'],
  'given another version': ['PUBLISHED'],
  unpublished: ['PUBLISHED'],
} as const satisfies Record<string, readonly Status[]>;
export type Step = keyof typeof statusesFor;

/** @throws PackageStatusError when the status of the package does not allow the step */
export function checkStatus(step: Step, current: Versions & { id: string }): void {
  const { id, status } = current;
  const allowed: readonly Status[] = statusesFor[step];
  const isOfDraft = step === 'changed' || step === 'published';
  if (isOfDraft ? editableVersion(current) !== null : allowed.includes(status)) return;
  throw packageStatusError(
    `The package "${id}" cannot be ${step}: it is ${status}, not ${allowed.join(' or ')}.`,
  );
}

/** A package without features cannot be published. @throws PackageStatusError */
export function checkContent(id: string, features: number): void {
  if (features === 0)
    throw packageStatusError(`The package "${id}" cannot be published: it has no features.`);
}

/**
 * The features of a package as they are stored, in the given order. The name is a copy of the feature's name
 * when it was added; a feature that was in the package before keeps its name there. Only a
 * CONSUMABLE feature has an entitlement; without one it is unlimited and never resets.
 *
 * @param known the features of the environment by id
 * @param names the current names in the package, by feature id
 * @param zones the time zone of the environment, and those that the database does not know
 * @throws FeatureNotFoundError, ValidationError
 */
export function packageFeatures(
  requested: readonly RequestedFeature[],
  known: ReadonlyMap<string, { name: string; type: 'BINARY' | 'CONSUMABLE'; precision: number }>,
  names: ReadonlyMap<string, string>,
  zones: TimeZones,
) {
  return requested.map(({ id, entitlement }, position) => {
    const feature = known.get(id);
    if (feature === undefined) throw featureNotFound(id);
    const entitled = `input.features.${position}.entitlement`;
    if (feature.type === 'BINARY' && entitlement != null) {
      throw invalidInput(entitled, 'only a CONSUMABLE feature has an entitlement');
    }
    const limit = entitlement?.limit ?? null;
    if (limit !== null) requireFit(limit, { id, precision: feature.precision }, `${entitled}.limit`);
    return {
      featureId: id,
      position,
      name: names.get(id) ?? feature.name,
      limit: textOrNull(limit),
      ...storedResets(entitlement, zones, entitled),
      overageEnabled: entitlement?.overageEnabled ?? false,
      ...storedAlerts(entitlement, { id, precision: feature.precision }, entitled),
    };
  });
}

/**
 * What webhooks are told of usage, as it is stored.
 *
 * @throws ValidationError if percents have no limit, or the feature cannot have an amount
 */
function storedAlerts(given: RequestedFeature['entitlement'], feature: Measure, field: string) {
  const { limit = null, alertAt, alertAtAmount, alertOnReset } = given ?? {};
  if (alertAt?.length && limit === null)
    throw invalidInput(`${field}.alertAt`, 'needs a limit: it is in percent of it');
  for (const [index, amount] of (alertAtAmount ?? []).entries())
    requireFit(amount, feature, `${field}.alertAtAmount.${index}`);
  return {
    alertAt: alertAt ?? [],
    alertAtAmount: (alertAtAmount ?? []).map(amountText),
    alertOnReset: alertOnReset ?? false,
  };
}

/**
 * The base packages of a package after a change. Only an add-on has any, so a package that stops being one
 * loses them. Each must exist and must not be an add-on.
 *
 * @param requested the new ids; undefined keeps the current ones
 * @param known the packages of the environment by id
 * @returns the new ids; undefined keeps the current ones
 * @throws PackageNotFoundError, ValidationError
 */
export function basePackages(
  addon: { id: string; isAddon: boolean },
  requested: readonly string[] | undefined,
  known: ReadonlyMap<string, { isAddon: boolean }>,
): readonly string[] | undefined {
  if (!addon.isAddon && requested?.length)
    throw invalidInput('input.basePackages', 'only an add-on has base packages');
  for (const [index, id] of (requested ?? []).entries()) {
    const base = known.get(id);
    if (base === undefined) throw packageNotFound(id);
    if (base.isAddon || id === addon.id)
      throw invalidInput(`input.basePackages.${index}`, 'must not be an add-on');
  }
  return addon.isAddon ? requested : [];
}

/**
 * The currencies whose minor unit is not a hundredth, by ISO 4217. The locale data of the runtime is no
 * source: it follows cash usage (no decimals for HUF or PKR) and changes with the runtime.
 */
const decimalsOfCurrency = new Map<string, number>([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'
    .split(' ')
    .map((code) => [code, 0] as const),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3] as const),
  ...'CLF UYW'.split(' ').map((code) => [code, 4] as const),
]);

/**
 * Formats minor units as major units: 5000 GBP is "50.00", 5000 JPY is "5000".
 *
 * @param amount minor units of the currency
 * @param currency its ISO 4217 code, in any case
 */
export function displayAmount(amount: number, currency: string): string {
  const decimals = decimalsOfCurrency.get(currency.toUpperCase()) ?? 2;
  return (amount / 10 ** decimals).toFixed(decimals);
}

/** One text for a version of a package, unlike that of any other, whatever the id holds. */
export const packageKey = (packageId: string, version: number): string =>
  `${encodeURIComponent(packageId)}/${version}`;

/** One text for a feature in a version of a package, unlike that of any other, whatever the ids hold. */
export const packageFeatureKey = (packageId: string, version: number, featureId: string): string =>
  `${packageKey(packageId, version)}/${encodeURIComponent(featureId)}`;
