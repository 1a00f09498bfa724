import type { Db } from '../database/client.ts';
import { jsonValue } from '../database/json.ts';
import { findTimeZone } from '../environments/store.ts';
import { invalidInput } from '../errors.ts';
import { deleteContents, type PackageVersion, replaceBases, replaceFeatures } from '../packages/store.ts';
import { heldNow } from '../subscriptions/store.ts';
import { shownGrant, storedGrant } from './grant-rules.ts';
import type { Subscribers } from './plan/finding-rules.ts';
import type {
  Catalogue,
  CatalogueFeature,
  CataloguePackage,
  Contents,
  PackageFeature,
  Price,
} from './rules.ts';

const oldestFirst = [{ createdAt: 'asc' }, { id: 'asc' }] as const;

/** Serializes publishing in one environment, until the transaction ends. */
export async function lockCatalogue(db: Db, environmentId: string): Promise<void> {
  await db.$queryRaw`SELECT pg_advisory_xact_lock(hashtext('configuration'), hashtext(${environmentId}))::text`;
}

/** Locks features against other changes until the transaction ends, in the order of their ids. Packages come first. */
export async function lockFeatures(db: Db, environmentId: string, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    SELECT FROM feature
     WHERE environment_id = ${environmentId} AND id = ANY (${ids}::text[])
     ORDER BY id
       FOR NO KEY UPDATE`;
}

/** The maximum number of rows of a catalogue that is read as a whole. A file within the size limit has fewer. */
const maxRows = 100_000;

/** Counts at most `maxRows` + 1 rows. @throws ValidationError if the catalogue is too large for a file */
async function requireSizeLimit(db: Db, environmentId: string): Promise<void> {
  const tables = ['feature', 'package', 'package_feature', 'package_base', 'package_price'];
  const rows = tables.map(
    (table) => `(select 1 from ${table} where environment_id = $1 limit ${maxRows + 1})`,
  );
  const [found] = await db.$queryRawUnsafe<[{ isLarge: boolean }]>(
    `select count(*) > ${maxRows} as "isLarge" from (${rows.join(' union all ')}) as rows`,
    environmentId,
  );
  if (found.isLarge)
    throw invalidInput(
      'catalogue',
      `is too large for a file: features, packages and their content have more than ${maxRows} rows`,
    );
}

/** Reads the whole catalogue, archived packages included, oldest first. @throws ValidationError if it is too large */
export async function loadCatalogue(db: Db, environmentId: string): Promise<Catalogue> {
  await requireSizeLimit(db, environmentId);
  const features = await db.feature.findMany({
    where: { environmentId },
    orderBy: [...oldestFirst],
    select: {
      id: true,
      name: true,
      type: true,
      unitLabel: true,
      unitLabelPlural: true,
      precision: true,
      metadata: true,
    },
  });
  const packages = await db.package.findMany({
    where: { environmentId },
    orderBy: [...oldestFirst],
    select: {
      id: true,
      name: true,
      isAddon: true,
      status: true,
      version: true,
      draftVersion: true,
      metadata: true,
      features: {
        orderBy: { position: 'asc' },
        select: {
          version: true,
          featureId: true,
          name: true,
          limit: true,
          resetPeriod: true,
          resetEvery: true,
          timeZone: true,
          overageEnabled: true,
          alertAt: true,
          alertAtAmount: true,
          alertOnReset: true,
        },
      },
      bases: {
        orderBy: [{ base: { createdAt: 'asc' } }, { baseId: 'asc' }],
        select: { version: true, baseId: true },
      },
      prices: {
        orderBy: [...oldestFirst],
        select: { version: true, id: true, provider: true, amount: true, currency: true, interval: true },
      },
    },
  });
  return {
    features,
    packages: packages.map(({ features: granted, bases, prices, draftVersion, ...facts }) => {
      const features = granted.map(shownGrant);
      const stored = { features, bases, prices };
      const draft = draftVersion === null ? null : contentsOf(stored, draftVersion);
      return { ...facts, ...contentsOf(stored, facts.version), draft };
    }),
    timeZone: await findTimeZone(db, environmentId),
  };
}

interface StoredContents {
  features: (PackageFeature & { version: number })[];
  bases: { version: number; baseId: string }[];
  prices: (Price & { version: number })[];
}

function contentsOf({ features, bases, prices }: StoredContents, wanted: number): Contents {
  const of = <Row extends { version: number }>(rows: readonly Row[]) =>
    rows.filter(({ version }) => version === wanted).map(({ version: _, ...row }) => row);
  return { features: of(features), bases: of(bases).map(({ baseId }) => baseId), prices: of(prices) };
}

/** The number of users who hold each version of these packages. */
export async function countSubscribers(
  db: Db,
  environmentId: string,
  packageIds: readonly string[],
): Promise<Subscribers[]> {
  const counts = await db.subscription.groupBy({
    by: ['packageId', 'packageVersion'],
    where: { environmentId, packageId: { in: [...packageIds] }, ...heldNow() },
    _count: true,
  });
  return counts.map(({ packageId, packageVersion, _count }) => ({
    packageId,
    version: packageVersion,
    count: _count,
  }));
}

export async function createFeature(
  db: Db,
  environmentId: string,
  { metadata, ...feature }: CatalogueFeature,
  createdAt: Date,
): Promise<void> {
  await db.feature.create({
    data: { ...feature, metadata: jsonColumn(metadata), environmentId, createdAt },
  });
}

export async function changeFeature(
  db: Db,
  environmentId: string,
  { id, type: _, metadata, ...feature }: CatalogueFeature,
): Promise<void> {
  await db.feature.update({
    where: { environmentId_id: { environmentId, id } },
    data: { ...feature, metadata: jsonColumn(metadata) },
  });
}

export async function createPackage(
  db: Db,
  environmentId: string,
  { features, bases, prices, metadata, draft: _, ...facts }: CataloguePackage,
  createdAt: Date,
): Promise<void> {
  await db.package.create({
    data: {
      ...facts,
      metadata: jsonColumn(metadata),
      environmentId,
      createdAt,
      features: { createMany: { data: features.map(storedGrant) } },
      bases: { createMany: { data: bases.map((baseId) => ({ baseId })) } },
      prices: { createMany: { data: dated(prices, createdAt) } },
    },
  });
}

/** Replaces everything of a locked draft. */
export async function changeDraft(
  db: Db,
  environmentId: string,
  draft: CataloguePackage,
  now: Date,
): Promise<void> {
  const { id, isAddon, status, version } = draft;
  await replaceContents(db, { environmentId, packageId: id, version }, draft, now);
  await db.package.update({
    where: { environmentId_id: { environmentId, id } },
    data: { isAddon, status },
  });
  await changeFacts(db, environmentId, draft, now);
}

/** Replaces what belongs to all versions of a locked package, and the prices of its current version. */
export async function changePricesAndMetadata(
  db: Db,
  environmentId: string,
  published: CataloguePackage,
  now: Date,
): Promise<void> {
  const { id, version, prices } = published;
  await replacePrices(db, { environmentId, packageId: id, version }, prices, now);
  await changeFacts(db, environmentId, published, now);
}

/** Makes or replaces the draft of the next version of a locked package, or deletes it. */
export async function changeNextDraft(
  db: Db,
  environmentId: string,
  { id, version, draft }: CataloguePackage,
  now: Date,
): Promise<void> {
  const next = { environmentId, packageId: id, version: version + 1 };
  if (draft === null) await deleteContents(db, next);
  else await replaceContents(db, next, draft, now);
  await db.package.update({
    where: { environmentId_id: { environmentId, id } },
    data: { draftVersion: draft === null ? null : next.version, updatedAt: now },
  });
}

/** Publishes the contents as the next version of a locked package, in the place of a draft. */
export async function publishVersion(
  db: Db,
  environmentId: string,
  published: CataloguePackage,
  now: Date,
): Promise<void> {
  const { id, version } = published;
  await replaceContents(db, { environmentId, packageId: id, version }, published, now);
  await db.package.update({
    where: { environmentId_id: { environmentId, id } },
    data: { version, draftVersion: null },
  });
  await changeFacts(db, environmentId, published, now);
}

/** Replaces what belongs to all versions of a locked package. */
async function changeFacts(
  db: Db,
  environmentId: string,
  { id, name, metadata }: CataloguePackage,
  now: Date,
): Promise<void> {
  await db.package.update({
    where: { environmentId_id: { environmentId, id } },
    data: { name, metadata: jsonColumn(metadata), updatedAt: now },
  });
}

async function replaceContents(
  db: Db,
  version: PackageVersion,
  { features, bases, prices }: Contents,
  now: Date,
): Promise<void> {
  await replaceFeatures(db, version, features.map(storedGrant));
  await replaceBases(db, version, bases);
  await replacePrices(db, version, prices, now);
}

async function replacePrices(
  db: Db,
  version: PackageVersion,
  prices: readonly Price[],
  now: Date,
): Promise<void> {
  await db.packagePrice.deleteMany({ where: { ...version } });
  await db.packagePrice.createMany({ data: dated(prices, now).map((price) => ({ ...price, ...version })) });
}

/** Prices are ordered by age: one millisecond apart, they keep the order of the file. */
const dated = (prices: readonly Price[], now: Date) =>
  prices.map((price, index) => ({ ...price, createdAt: new Date(now.getTime() + index) }));

/** The file was validated: metadata is an object or null. */
const jsonColumn = (metadata: unknown) => jsonValue(metadata as Record<string, unknown> | null);
