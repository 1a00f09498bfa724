import { isDeepStrictEqual } from 'node:util';
import type { ResetPeriod } from '../../packages/reset-rules.ts';
import type { Catalogue, CatalogueFeature, CataloguePackage, PackageFeature, Price } from '../rules.ts';

/** A catalogue file that Kana's own command can read, with optional fields of ours. */
export interface CatalogueFile {
  /** The id of the environment, for information only; it is not read back. */
  app: string;
  /** Has no meaning yet. */
  version: string;
  features: FileFeature[];
  packages: ByStatus<FilePackage>;
  addons: ByStatus<FileAddon>;
}

interface ByStatus<Entry> {
  draft: Entry[];
  published: Entry[];
}

interface FileFeature {
  id: string;
  name: string;
  type: 'BINARY' | 'CONSUMABLE';
  /** Ours. */
  unit_label?: string;
  /** Ours. */
  unit_label_plural?: string;
  /** Ours. */
  precision?: number;
  /** Ours. */
  metadata?: unknown;
}

interface FilePackage {
  id: string;
  name: string;
  features: FilePackageFeature[];
  /** Ours. */
  prices?: Price[];
  /** Ours. */
  metadata?: unknown;
}

interface FileAddon extends FilePackage {
  base_packages: string[];
}

interface FilePackageFeature {
  id: string;
  /** Ours: the name of the feature in this package, if it differs. */
  name?: string;
  limit?: number | null;
  overage_enabled?: true;
  alert_at?: number[];
  alert_at_amount?: number[];
  alert_on_reset?: true;
  reset_period?: ResetPeriod;
  /** Ours. */
  reset_every?: number;
  /** Ours. */
  reset_anchor?: 'CALENDAR';
  /** Ours. */
  time_zone?: string;
}

/**
 * Converts a catalogue to a file. The draft of the next version of a published package stands among the drafts, with the
 * same id. Archived packages are omitted, and so are optional fields with their default
 * value. BINARY features have no limit.
 */
export function fileOf({ features, packages }: Catalogue, app: string): CatalogueFile {
  const known = new Map(features.map((feature) => [feature.id, feature]));
  const drafts = packages.flatMap((each): CataloguePackage[] =>
    each.draft === null ? [] : [{ ...each, ...each.draft, status: 'DRAFT' }],
  );
  const ofStatus = (status: CataloguePackage['status'], isAddon: boolean) =>
    [...packages, ...drafts].filter((each) => each.status === status && each.isAddon === isAddon);
  const plans = (status: CataloguePackage['status']) =>
    ofStatus(status, false).map((each) => filePackage(each, known));
  const addons = (status: CataloguePackage['status']) =>
    ofStatus(status, true).map((each) => ({ ...filePackage(each, known), base_packages: each.bases }));
  return {
    app,
    version: '1.0.0',
    features: features.map(fileFeature),
    packages: { draft: plans('DRAFT'), published: plans('PUBLISHED') },
    addons: { draft: addons('DRAFT'), published: addons('PUBLISHED') },
  };
}

function fileFeature({
  id,
  name,
  type,
  unitLabel,
  unitLabelPlural,
  precision,
  metadata,
}: CatalogueFeature): FileFeature {
  return {
    id,
    name,
    type,
    ...(unitLabel === null ? {} : { unit_label: unitLabel }),
    ...(unitLabelPlural === null ? {} : { unit_label_plural: unitLabelPlural }),
    ...(precision === 0 ? {} : { precision }),
    ...metadataField(metadata),
  };
}

function filePackage(
  { id, name, status, draft, features, prices, metadata }: CataloguePackage,
  known: ReadonlyMap<string, CatalogueFeature>,
): FilePackage {
  const isNextDraft = status === 'DRAFT' && draft !== null;
  return {
    id,
    name,
    features: features.map((feature) => filePackageFeature(feature, known.get(feature.featureId))),
    // Without prices, the draft of a next version would get those of the published one.
    ...(prices.length === 0 && !isNextDraft ? {} : { prices }),
    ...metadataField(metadata),
  };
}

function filePackageFeature(
  { featureId, name, limit, resetPeriod, resetEvery, timeZone, overageEnabled, ...alerts }: PackageFeature,
  feature: CatalogueFeature | undefined,
): FilePackageFeature {
  return {
    id: featureId,
    ...(name === feature?.name ? {} : { name }),
    ...(feature?.type === 'CONSUMABLE' ? { limit } : {}),
    ...(overageEnabled ? { overage_enabled: true } : {}),
    ...(alerts.alertAt.length === 0 ? {} : { alert_at: alerts.alertAt }),
    ...(alerts.alertAtAmount.length === 0 ? {} : { alert_at_amount: alerts.alertAtAmount }),
    ...(alerts.alertOnReset ? { alert_on_reset: true } : {}),
    ...(resetPeriod === null ? {} : { reset_period: resetPeriod }),
    ...(resetEvery === 1 ? {} : { reset_every: resetEvery }),
    ...(timeZone === null ? {} : { reset_anchor: 'CALENDAR', time_zone: timeZone }),
  };
}

/** Metadata is `{}` by default. */
const metadataField = (metadata: unknown) => (isDeepStrictEqual(metadata, {}) ? {} : { metadata });
