import type { Db } from '../database/client.ts';
import type { packageFeatures } from './rules.ts';

export interface LockedPackage {
  id: string;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
}

/**
 * Locks packages against every other change until the transaction ends, and answers those that exist, by
 * id. They are locked in the order of their ids, so that two changes that need the same ones never
 * deadlock. Subscribing, which only refers to them, does not wait.
 */
export async function lockPackages(
  db: Db,
  environmentId: string,
  ids: readonly string[],
): Promise<Map<string, LockedPackage>> {
  const rows = await db.$queryRaw<LockedPackage[]>`
    SELECT id, is_addon AS "isAddon", status::text AS status
      FROM package
     WHERE environment_id = ${environmentId} AND id = ANY (${ids}::text[])
     ORDER BY id
       FOR NO KEY UPDATE`;
  return new Map(rows.map((row) => [row.id, row]));
}

/** Those of the features that exist, by id. */
export async function findFeatures(db: Db, environmentId: string, features: readonly { id: string }[]) {
  const rows = await db.feature.findMany({
    where: { environmentId, id: { in: features.map((feature) => feature.id) } },
    select: { id: true, name: true, type: true },
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/** The names that a package gives its features, by feature id. */
export async function findFeatureNames(db: Db, environmentId: string, packageId: string) {
  const rows = await db.packageFeature.findMany({
    where: { environmentId, packageId },
    select: { featureId: true, name: true },
  });
  return new Map(rows.map((row) => [row.featureId, row.name]));
}

/** The id of an add-on that names this package among its bases, null when there is none. */
export async function findAddonOf(db: Db, environmentId: string, baseId: string): Promise<string | null> {
  const row = await db.packageBase.findFirst({
    where: { environmentId, baseId },
    orderBy: { addonId: 'asc' },
  });
  return row?.addonId ?? null;
}

/** Replaces all features of a package that is locked. */
export async function replaceFeatures(
  db: Db,
  environmentId: string,
  packageId: string,
  features: ReturnType<typeof packageFeatures>,
): Promise<void> {
  await db.packageFeature.deleteMany({ where: { environmentId, packageId } });
  await db.packageFeature.createMany({
    data: features.map((feature) => ({ ...feature, environmentId, packageId })),
  });
}

/** Replaces all base packages of an add-on; it and they are locked. */
export async function replaceBases(
  db: Db,
  environmentId: string,
  addonId: string,
  baseIds: readonly string[],
): Promise<void> {
  await db.packageBase.deleteMany({ where: { environmentId, addonId } });
  await db.packageBase.createMany({ data: baseIds.map((baseId) => ({ environmentId, addonId, baseId })) });
}
