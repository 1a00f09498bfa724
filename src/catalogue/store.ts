import type { Db } from '../database/client.ts';
import { jsonValue } from '../database/json.ts';
import { invalidInput } from '../errors.ts';
import { replaceBases, replaceFeatures } from '../packages/store.ts';
import type { Catalogue, CatalogueFeature, CataloguePackage, PackageFeature, Price } from './rules.ts';

const oldestFirst = [{ createdAt: 'asc' }, { id: 'asc' }] as const;

/** Serializes publishing in one environment, until the transaction ends. */
export async function lockCatalogue(db: Db, environmentId: string): Promise<void> {
  await db.$queryRaw`SELECT pg_advisory_xact_lock(hashtext('configuration'), hashtext(${environmentId}))::text`;
}

/**
 * Locks features against other changes until the transaction ends, in the order of their ids. Lock order: packages,
 * then features.
 */
export async function lockFeatures(db: Db, environmentId: string, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    SELECT FROM feature
     WHERE environment_id = ${environmentId} AND id = ANY (${ids}::text[])
     ORDER BY id
       FOR NO KEY UPDATE`;
}

/** The public id of the environment, such as `test_fhjdijhs`. */
export async function findAppId(db: Db, environmentId: string): Promise<string> {
  const { appId } = await db.environment.findUniqueOrThrow({ where: { id: environmentId } });
  return appId;
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
    select: { id: true, name: true, type: true, unitLabel: true, unitLabelPlural: true, metadata: true },
  });
  const packages = await db.package.findMany({
    where: { environmentId },
    orderBy: [...oldestFirst],
    select: {
      id: true,
      name: true,
      isAddon: true,
      status: true,
      metadata: true,
      features: {
        orderBy: { position: 'asc' },
        select: { featureId: true, name: true, limit: true, resetPeriod: true, overageEnabled: true },
      },
      bases: {
        orderBy: [{ base: { createdAt: 'asc' } }, { baseId: 'asc' }],
        select: { baseId: true },
      },
      prices: {
        orderBy: [...oldestFirst],
        select: { id: true, provider: true, amount: true, currency: true, interval: true },
      },
    },
  });
  return {
    features,
    packages: packages.map((each) => ({ ...each, bases: each.bases.map(({ baseId }) => baseId) })),
  };
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
  { features, bases, prices, metadata, ...facts }: CataloguePackage,
  createdAt: Date,
): Promise<void> {
  await db.package.create({
    data: {
      ...facts,
      metadata: jsonColumn(metadata),
      environmentId,
      createdAt,
      features: { createMany: { data: positioned(features) } },
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
  const { id, name, isAddon, status, features, bases } = draft;
  await replaceFeatures(db, environmentId, id, positioned(features));
  await replaceBases(db, environmentId, id, bases);
  await db.package.update({
    where: { environmentId_id: { environmentId, id } },
    data: { name, isAddon, status },
  });
  await changePricesAndMetadata(db, environmentId, draft, now);
}

/** Replaces prices and metadata of a locked package. */
export async function changePricesAndMetadata(
  db: Db,
  environmentId: string,
  { id, prices, metadata }: CataloguePackage,
  now: Date,
): Promise<void> {
  await db.packagePrice.deleteMany({ where: { environmentId, packageId: id } });
  await db.packagePrice.createMany({
    data: dated(prices, now).map((price) => ({ ...price, environmentId, packageId: id })),
  });
  await db.package.update({
    where: { environmentId_id: { environmentId, id } },
    data: { metadata: jsonColumn(metadata), updatedAt: now },
  });
}

const positioned = (features: readonly PackageFeature[]) =>
  features.map((feature, position) => ({ ...feature, position }));

/** Prices are ordered by age: one millisecond apart, they keep the order of the file. */
const dated = (prices: readonly Price[], now: Date) =>
  prices.map((price, index) => ({ ...price, createdAt: new Date(now.getTime() + index) }));

/** The file was validated: metadata is an object or null. */
const jsonColumn = (metadata: unknown) => jsonValue(metadata as Record<string, unknown> | null);
