import { z } from 'zod';
import { Id, listOf, Metadata, Name, repetitions } from '../../input.ts';
import { maxEntries, Price } from '../../packages/rules.ts';
import type { CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';

// Reading a configuration file: the original's JSON, whose keys have underscores, and optional fields of ours.
// A field that is left out says nothing: what is on the server stays.

const maxLimit = 2 ** 31 - 1;
/** As many features, and packages in each of the lists, as one file may have. */
const maxItems = 10_000;

/** What a file wishes for; undefined is what it does not speak of. */
export interface Wishes {
  features: WantedFeature[];
  packages: WantedPackage[];
  /** The original's command writes files that do not. */
  speaksOfAddons: boolean;
}

export type WantedFeature = Pick<CatalogueFeature, 'id' | 'name' | 'type'> &
  Partial<Pick<CatalogueFeature, 'unitLabel' | 'unitLabelPlural' | 'metadata'>>;

export type WantedPackage = Pick<CataloguePackage, 'id' | 'name' | 'isAddon'> &
  Partial<Pick<CataloguePackage, 'bases' | 'metadata' | 'prices'>> & {
    status: 'DRAFT' | 'PUBLISHED';
    features: WantedPackageFeature[];
  };

export type WantedPackageFeature = Pick<PackageFeature, 'featureId' | 'resetPeriod' | 'overageEnabled'> &
  Partial<Pick<PackageFeature, 'name' | 'limit'>>;

/** A list, which YAML makes null when nothing is in it. */
const list = <Entries extends z.ZodType<unknown[]>>(entries: Entries) =>
  entries.nullish().transform((given): z.output<Entries> | [] => given ?? []);

/** A list that may be left out, which says something else than an empty one. */
const optionalList = <Entries extends z.ZodType<unknown[]>>(entries: Entries) =>
  entries
    .nullable()
    .transform((given): z.output<Entries> | [] => given ?? [])
    .optional();

// YAML reads 124 as a number, though people mean an id.
const text = z.string('must be text: in quotes, if it looks like anything else');
const FileId = text.pipe(Id);
const FileName = text.pipe(Name);

const FileFeature = z.strictObject({
  id: FileId,
  name: FileName,
  type: z.enum(['CONSUMABLE', 'BINARY'], 'must be CONSUMABLE or BINARY'),
  unit_label: FileName.nullable().optional(),
  unit_label_plural: FileName.nullable().optional(),
  metadata: Metadata.nullable().optional(),
});

const FilePackageFeature = z.strictObject({
  id: FileId,
  name: FileName.optional(),
  limit: z
    .int('must be a whole number, or null for unlimited')
    .min(0, 'must be 0 or more')
    .max(maxLimit, `must be at most ${maxLimit}`)
    .nullable()
    .optional(),
  overage_enabled: z.boolean('must be true or false').nullish(),
  reset_period: z.enum(['YEAR', 'MONTH', 'DAY'], 'must be YEAR, MONTH or DAY').nullish(),
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

/** Reads a configuration file into wishes. No package id may be there twice, in whichever lists. */
export const Configuration = z
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
    ({ features, packages, addons }): Wishes => ({
      features: features.map(wantedFeature),
      packages: [
        ...(packages?.published ?? []).map((each) => wantedPackage(each, 'PUBLISHED', false)),
        ...(packages?.draft ?? []).map((each) => wantedPackage(each, 'DRAFT', false)),
        ...(addons?.published ?? []).map((each) => wantedPackage(each, 'PUBLISHED', true)),
        ...(addons?.draft ?? []).map((each) => wantedPackage(each, 'DRAFT', true)),
      ],
      speaksOfAddons: addons !== undefined,
    }),
  )
  .superRefine(({ packages }, check) => {
    for (const index of repetitions(packages.map(({ id }) => id)))
      check.addIssue({ code: 'custom', message: `the package id "${packages[index]?.id}" is there twice` });
  });

function wantedFeature(file: z.output<typeof FileFeature>): WantedFeature {
  const { unit_label: unitLabel, unit_label_plural: unitLabelPlural, ...feature } = file;
  return { ...feature, unitLabel, unitLabelPlural };
}

function wantedPackage(
  file: z.output<typeof FilePackage> | z.output<typeof FileAddon>,
  status: WantedPackage['status'],
  isAddon: boolean,
): WantedPackage {
  const { features, base_packages: bases, ...facts } = file;
  return {
    ...facts,
    status,
    isAddon,
    bases: bases ?? undefined,
    features: features.map(wantedPackageFeature),
  };
}

function wantedPackageFeature(file: z.output<typeof FilePackageFeature>): WantedPackageFeature {
  const { id: featureId, name, limit, reset_period: resetPeriod, overage_enabled: overageEnabled } = file;
  return {
    featureId,
    name,
    limit,
    resetPeriod: resetPeriod ?? null,
    overageEnabled: overageEnabled ?? false,
  };
}

/** How many problems of a file are told at once. */
export const maxProblems = 20;

/** What is wrong with a file, such as `features.0.type: must be CONSUMABLE or BINARY`. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.slice(0, maxProblems).map(({ path, message }) => {
    const place = path.join('.');
    return place === '' ? message : `${place}: ${message}`;
  });
}
