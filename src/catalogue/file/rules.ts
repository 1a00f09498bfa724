import { z } from 'zod';
import { NonNegativeAmount, numberOf } from '../../amount.ts';
import { parseExactJson } from '../../exact-json.ts';
import { Precision } from '../../features/rules.ts';
import { Id, listOf, Metadata, Name, repetitions } from '../../input.ts';
import { type ResetAnchor, resetFields, timeZoneWithoutCalendar } from '../../packages/reset-rules.ts';
import { AlertAt, AlertAtAmount, maxEntries, Price } from '../../packages/rules.ts';
import type { CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';

// Reads a catalogue file: Kana's JSON, whose keys have underscores, and optional fields of ours.
// An omitted field does not change the stored value.

/** The maximum number of features, and of packages in each list. */
const maxItems = 10_000;

/** The desired state that a file describes; undefined means that the file omits the field. */
export interface DesiredCatalogue {
  features: DesiredFeature[];
  packages: DesiredPackage[];
  /** Whether the file has a list of add-ons. Files of Kana's own command have none. */
  includesAddons: boolean;
}

export type DesiredFeature = Pick<CatalogueFeature, 'id' | 'name' | 'type'> &
  Partial<Pick<CatalogueFeature, 'unitLabel' | 'unitLabelPlural' | 'precision' | 'metadata'>>;

export type DesiredPackage = Pick<CataloguePackage, 'id' | 'name' | 'isAddon'> &
  Partial<Pick<CataloguePackage, 'bases' | 'metadata' | 'prices'>> & {
    status: 'DRAFT' | 'PUBLISHED';
    features: DesiredPackageFeature[];
  };

export type DesiredPackageFeature = Pick<
  PackageFeature,
  'featureId' | 'resetPeriod' | 'resetEvery' | 'overageEnabled' | 'alertAt' | 'alertAtAmount' | 'alertOnReset'
> &
  Partial<Pick<PackageFeature, 'name' | 'limit'>> & {
    resetAnchor: ResetAnchor;
    /** Without one, a CALENDAR feature keeps its time zone, or gets that of the environment. */
    timeZone: string | null;
  };

/** A list. YAML reads an empty one as null. */
const list = <Entries extends z.ZodType<unknown[]>>(entries: Entries) =>
  entries.nullish().transform((given): z.output<Entries> | [] => given ?? []);

/** An optional list. An omitted list differs from an empty one. */
const optionalList = <Entries extends z.ZodType<unknown[]>>(entries: Entries) =>
  entries
    .nullable()
    .transform((given): z.output<Entries> | [] => given ?? [])
    .optional();

// YAML reads an unquoted 124 as a number, not as an id.
const text = z.string('must be text; put it in quotes if it looks like a number or another type');
const FileId = text.pipe(Id);
const FileName = text.pipe(Name);

const FileFeature = z.strictObject({
  id: FileId,
  name: FileName,
  type: z.enum(['CONSUMABLE', 'BINARY'], 'must be CONSUMABLE or BINARY'),
  unit_label: FileName.nullable().optional(),
  unit_label_plural: FileName.nullable().optional(),
  precision: Precision.optional(),
  metadata: Metadata.nullable().optional(),
});

const FilePackageFeature = z
  .strictObject({
    id: FileId,
    name: FileName.optional(),
    limit: NonNegativeAmount.transform(numberOf).nullable().optional(),
    overage_enabled: z.boolean('must be true or false').nullish(),
    alert_at: AlertAt.nullish(),
    alert_at_amount: AlertAtAmount.transform((amounts) => amounts.map(numberOf)).nullish(),
    alert_on_reset: z.boolean('must be true or false').nullish(),
    reset_period: resetFields.resetPeriod.nullish(),
    reset_every: resetFields.resetEvery,
    reset_anchor: resetFields.resetAnchor,
    time_zone: resetFields.timeZone,
  })
  .superRefine((feature, check) => {
    const isCalendar = feature.reset_anchor === 'CALENDAR';
    if (feature.time_zone != null && !isCalendar)
      check.addIssue({ code: 'custom', path: ['time_zone'], message: timeZoneWithoutCalendar });
    if (feature.reset_period != null) return;
    for (const field of ['reset_every', 'reset_anchor', 'alert_on_reset'] as const)
      if (feature[field] != null && feature[field] !== false)
        check.addIssue({ code: 'custom', path: [field], message: 'needs a reset_period' });
  });

const FilePackage = z.strictObject({
  id: FileId,
  name: FileName,
  features: list(listOf(FilePackageFeature, ({ id }) => id, { max: maxEntries })),
  metadata: Metadata.nullable().optional(),
  prices: optionalList(listOf(z.strictObject(Price.shape), ({ id }) => id, { max: maxEntries })),
  base_packages: z.undefined('only an add-on has base packages').optional(),
});

const FileAddon = FilePackage.extend({
  base_packages: optionalList(listOf(FileId, (id) => id, { max: maxEntries })),
});

const byStatus = <Entry extends z.ZodType>(entry: Entry) => {
  const entries = list(z.array(entry).max(maxItems, `must have at most ${maxItems} entries`));
  return z.strictObject({ draft: entries, published: entries }).nullish();
};

const ignored = z.unknown().optional();

/**
 * Parses a catalogue file. Package ids are unique across all lists, but for a published package: the draft of its next
 * version has the same id.
 */
export const DesiredCatalogue = z
  .strictObject(
    {
      app: ignored,
      version: ignored,
      updated: ignored,
      project: ignored,
      features: list(listOf(FileFeature, ({ id }) => id, { max: maxItems })),
      packages: byStatus(FilePackage),
      addons: byStatus(FileAddon),
    },
    {
      error: ({ code }) =>
        code === 'invalid_type' ? 'must be an object with features, packages and addons' : undefined,
    },
  )
  .transform(
    ({ features, packages, addons }): DesiredCatalogue => ({
      features: features.map(desiredFeature),
      packages: [
        ...(packages?.published ?? []).map((each) => desiredPackage(each, 'PUBLISHED', false)),
        ...(packages?.draft ?? []).map((each) => desiredPackage(each, 'DRAFT', false)),
        ...(addons?.published ?? []).map((each) => desiredPackage(each, 'PUBLISHED', true)),
        ...(addons?.draft ?? []).map((each) => desiredPackage(each, 'DRAFT', true)),
      ],
      includesAddons: addons !== undefined,
    }),
  )
  .superRefine(({ packages }, check) => {
    const published = new Map(
      packages.filter(({ status }) => status === 'PUBLISHED').map(({ id, isAddon }) => [id, isAddon]),
    );
    const isNextDraft = ({ id, status, isAddon }: DesiredPackage) =>
      status === 'DRAFT' && published.get(id) === isAddon;
    for (const index of repetitions(
      packages.map((each) => (isNextDraft(each) ? `draft of ${each.id}` : each.id)),
    ))
      check.addIssue({ code: 'custom', message: `the package id "${packages[index]?.id}" appears twice` });
  });

function desiredFeature(file: z.output<typeof FileFeature>): DesiredFeature {
  const { unit_label: unitLabel, unit_label_plural: unitLabelPlural, ...feature } = file;
  return { ...feature, unitLabel, unitLabelPlural };
}

function desiredPackage(
  file: z.output<typeof FilePackage> | z.output<typeof FileAddon>,
  status: DesiredPackage['status'],
  isAddon: boolean,
): DesiredPackage {
  const { features, base_packages: bases, ...facts } = file;
  return {
    ...facts,
    status,
    isAddon,
    bases: bases ?? undefined,
    features: features.map(desiredPackageFeature),
  };
}

function desiredPackageFeature(file: z.output<typeof FilePackageFeature>): DesiredPackageFeature {
  const { id: featureId, name, limit } = file;
  return {
    featureId,
    name,
    limit,
    resetPeriod: file.reset_period ?? null,
    resetEvery: file.reset_every ?? 1,
    resetAnchor: file.reset_anchor ?? 'SUBSCRIPTION',
    timeZone: file.time_zone ?? null,
    overageEnabled: file.overage_enabled ?? false,
    alertAt: file.alert_at ?? [],
    alertAtAmount: file.alert_at_amount ?? [],
    alertOnReset: file.alert_on_reset ?? false,
  };
}

/** Returns the desired state of a file of JSON, or its problems; see problemsOf. */
export function parseJson(json: string): { desired: DesiredCatalogue } | { problems: string[] } {
  let content: unknown;
  try {
    content = parseExactJson(json);
  } catch {
    return { problems: ['The body is not JSON.'] };
  }
  const { data: desired, error } = DesiredCatalogue.safeParse(content);
  return error === undefined ? { desired } : { problems: problemsOf(error) };
}

/** The maximum number of problems in one report. */
export const maxProblems = 20;

/** The problems of a file, such as `features.0.type: must be CONSUMABLE or BINARY`. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.slice(0, maxProblems).map(({ path, message }) => {
    const field = path.join('.');
    return field === '' ? message : `${field}: ${message}`;
  });
}
