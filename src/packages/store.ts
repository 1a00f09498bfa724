import type { Db } from '../database/client.ts';
import type { packageFeatures } from './rules.ts';

export interface LockedPackage {
  id: string;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
}

/**
 * Locks packages against other changes until the transaction ends. Returns those that exist, by
 * id. Locks are taken in the order of the ids, so that two changes never
 * deadlock. Subscribing only refers to the rows and does not wait.
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

/** The existing features among these, by id. */
export async function findFeatures(db: Db, environmentId: string, features: readonly { id: string }[]) {
  const rows = await db.feature.findMany({
    where: { environmentId, id: { in: features.map((feature) => feature.id) } },
    select: { id: true, name: true, type: true },
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/** The names of the features in a package, by feature id. */
export async function findFeatureNames(db: Db, environmentId: string, packageId: string) {
  const rows = await db.packageFeature.findMany({
    where: { environmentId, packageId },
    select: { featureId: true, name: true },
  });
  return new Map(rows.map((row) => [row.featureId, row.name]));
}

/** The id of an add-on that has this package as a base package; null if there is none. */
export async function findAddonOf(db: Db, environmentId: string, baseId: string): Promise<string | null> {
  const row = await db.packageBase.findFirst({
    where: { environmentId, baseId },
    orderBy: { addonId: 'asc' },
  });
  return row?.addonId ?? null;
}

/** Replaces all features of a locked package. */
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

/** Replaces all base packages of an add-on. All rows are locked by the caller. */
export async function replaceBases(
  db: Db,
  environmentId: string,
  addonId: string,
  baseIds: readonly string[],
): Promise<void> {
  await db.packageBase.deleteMany({ where: { environmentId, addonId } });
  await db.packageBase.createMany({ data: baseIds.map((baseId) => ({ environmentId, addonId, baseId })) });
}
