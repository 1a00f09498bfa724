import type { Db } from '../database/client.ts';
import { defaultTimeZone } from '../environments/rules.ts';
import { findTimeZone, findUnknownTimeZones } from '../environments/store.ts';
import { packageNotFound } from '../errors.ts';
import type { TimeZones } from './reset-rules.ts';
import type { packageFeatures, RequestedFeature, Versions } from './rules.ts';

export interface LockedPackage extends Versions {
  id: string;
  isAddon: boolean;
}

/** One version of a package. */
export interface PackageVersion {
  environmentId: string;
  packageId: string;
  version: number;
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
    SELECT id, is_addon AS "isAddon", status::text AS status, version, draft_version AS "draftVersion"
      FROM package
     WHERE environment_id = ${environmentId} AND id = ANY (${ids}::text[])
     ORDER BY id
       FOR NO KEY UPDATE`;
  return new Map(rows.map((row) => [row.id, row]));
}

/** @throws PackageNotFoundError if no package has this id */
export async function requirePackage(db: Db, environmentId: string, id: string): Promise<void> {
  const where = { environmentId_id: { environmentId, id } };
  if ((await db.package.findUnique({ where, select: { id: true } })) === null) throw packageNotFound(id);
}

/** The same within a transaction, until whose end nobody deletes the package. */
export async function holdPackage(tx: Db, environmentId: string, id: string): Promise<void> {
  const found = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM package WHERE environment_id = ${environmentId} AND id = ${id} FOR KEY SHARE`;
  if (found.length === 0) throw packageNotFound(id);
}

/** The existing features among these, by id. */
export async function findFeatures(db: Db, environmentId: string, features: readonly { id: string }[]) {
  const rows = await db.feature.findMany({
    where: { environmentId, id: { in: features.map((feature) => feature.id) } },
    select: { id: true, name: true, type: true, precision: true },
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Also keeps everybody out who is about to subscribe, or to give it a price, until the transaction ends; see holdPackage
 * and findPackages in src/subscriptions/store.ts.
 */
export async function lockAgainstSubscribing(db: Db, environmentId: string, id: string): Promise<void> {
  await db.$executeRaw`SELECT FROM package WHERE environment_id = ${environmentId} AND id = ${id} FOR UPDATE`;
}

/** Whether a version of a package ever had a subscription that is still known. */
export async function hasSubscriptions(db: Db, { version, ...key }: PackageVersion): Promise<boolean> {
  const found = await db.subscription.findFirst({
    where: { ...key, packageVersion: version },
    select: { id: true },
  });
  return found !== null;
}

/** What the time zones of these features depend on. */
export async function findTimeZones(
  db: Db,
  environmentId: string,
  features: readonly RequestedFeature[],
): Promise<TimeZones> {
  const named = features.flatMap(({ entitlement }) => entitlement?.timeZone ?? []);
  const isCalendar = features.some(({ entitlement }) => entitlement?.resetAnchor === 'CALENDAR');
  return {
    environment: isCalendar ? await findTimeZone(db, environmentId) : defaultTimeZone,
    unknown: await findUnknownTimeZones(db, named),
  };
}

/** The names of the features in a version of a package, by feature id. */
export async function findFeatureNames(db: Db, where: PackageVersion) {
  const rows = await db.packageFeature.findMany({
    where: { ...where },
    select: { featureId: true, name: true },
  });
  return new Map(rows.map((row) => [row.featureId, row.name]));
}

/** The id of an add-on that has this package as a base package, in any version; null if there is none. */
export async function findAddonOf(db: Db, environmentId: string, baseId: string): Promise<string | null> {
  const row = await db.packageBase.findFirst({
    where: { environmentId, baseId },
    orderBy: { addonId: 'asc' },
  });
  return row?.addonId ?? null;
}

/** Replaces all features of a version of a locked package. */
export async function replaceFeatures(
  db: Db,
  version: PackageVersion,
  features: ReturnType<typeof packageFeatures>,
): Promise<void> {
  await db.packageFeature.deleteMany({ where: { ...version } });
  await db.packageFeature.createMany({ data: features.map((feature) => ({ ...feature, ...version })) });
}

/** Replaces all base packages of a version of an add-on. All rows are locked by the caller. */
export async function replaceBases(
  db: Db,
  { packageId: addonId, ...version }: PackageVersion,
  baseIds: readonly string[],
): Promise<void> {
  const key = { ...version, addonId };
  await db.packageBase.deleteMany({ where: key });
  await db.packageBase.createMany({ data: baseIds.map((baseId) => ({ ...key, baseId })) });
}

/** The tables of what a version of a package contains, each with its column of the package. */
const contents = [
  ['package_feature', 'package_id'],
  ['package_base', 'addon_id'],
  ['package_price', 'package_id'],
] as const;

/** Copies all columns of what a version contains, whatever columns there will be. */
export async function copyContents(
  db: Db,
  from: PackageVersion,
  to: Omit<PackageVersion, 'environmentId'>,
  { withPrices }: { withPrices: boolean },
): Promise<void> {
  for (const [table, column] of contents) {
    if (table === 'package_price' && !withPrices) continue;
    await db.$executeRawUnsafe(
      `insert into ${table} select (jsonb_populate_record(r, jsonb_build_object('${column}', $1::text, 'version', $2::integer))).*
       from ${table} r where environment_id = $3 and ${column} = $4 and version = $5`,
      to.packageId,
      to.version,
      from.environmentId,
      from.packageId,
      from.version,
    );
  }
}

/** Deletes what a version of a locked package contains. */
export async function deleteContents(
  db: Db,
  { environmentId, packageId, version }: PackageVersion,
): Promise<void> {
  for (const [table, column] of contents) {
    await db.$executeRawUnsafe(
      `delete from ${table} where environment_id = $1 and ${column} = $2 and version = $3`,
      environmentId,
      packageId,
      version,
    );
  }
}

/** Leaves the prices at a billing provider without a package that nobody ever held, and deletes what links of it sell. */
export async function deleteBilling(db: Db, environmentId: string, packageId: string): Promise<void> {
  const where = { environmentId, packageId };
  await db.stripePrice.updateMany({ where, data: { packageId: null, mappedAt: null } });
  await db.billingTemplate.deleteMany({ where });
  await db.billingMeter.deleteMany({ where });
}
