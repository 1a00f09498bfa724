import type { Db } from '../database/client.ts';
import { jsonValue } from '../database/json.ts';
import { invalidInput } from '../errors.ts';
import { replaceBases, replaceFeatures } from '../packages/store.ts';
import type { Catalogue, CatalogueFeature, CataloguePackage, PackageFeature, Price } from './rules.ts';

const oldestFirst = [{ createdAt: 'asc' }, { id: 'asc' }] as const;

/** Publications into an environment come one after another, until the transaction ends. */
export async function lockConfiguration(db: Db, environmentId: string): Promise<void> {
  await db.$queryRaw`SELECT pg_advisory_xact_lock(hashtext('configuration'), hashtext(${environmentId}))::text`;
}

/**
 * Locks features against every other change until the transaction ends, in the order of their ids. Who locks packages
 * too locks those first.
 */
export async function lockFeatures(db: Db, environmentId: string, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    SELECT FROM feature
     WHERE environment_id = ${environmentId} AND id = ANY (${ids}::text[])
     ORDER BY id
       FOR NO KEY UPDATE`;
}

/** The name by which the environment is known outside, such as `test_fhjdijhs`. */
export async function findAppId(db: Db, environmentId: string): Promise<string> {
  const { appId } = await db.environment.findUniqueOrThrow({ where: { id: environmentId } });
  return appId;
}

/** Rows of a catalogue that is read whole; one of more is larger than any file that the server takes. */
const maxRows = 100_000;

/** Throws a ValidationError for a catalogue that is too large for a file. It looks at no more rows than there may be. */
async function requireModest(db: Db, environmentId: string): Promise<void> {
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
      `it is too large for a file: features, packages and what these contain are more than ${maxRows} together`,
    );
}

/** The whole catalogue, archived packages included, the oldest first. ValidationError if it is too large for a file. */
export async function loadCatalogue(db: Db, environmentId: string): Promise<Catalogue> {
  await requireModest(db, environmentId);
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

/** Makes a draft that is locked what is given, whatever of it is new. */
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
  await changeOuter(db, environmentId, draft, now);
}

/** Makes the prices and the metadata of a package that is locked what is given. */
export async function changeOuter(
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

/** Prices are listed by age: a millisecond apart they keep the order of the file. */
const dated = (prices: readonly Price[], now: Date) =>
  prices.map((price, index) => ({ ...price, createdAt: new Date(now.getTime() + index) }));

/** What a file says as metadata was checked to be an object or null. */
const jsonColumn = (metadata: unknown) => jsonValue(metadata as Record<string, unknown> | null);
