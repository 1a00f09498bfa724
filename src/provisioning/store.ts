import type { Db } from '../database/client.ts';
import { Prisma } from '../database/generated/client.ts';
import { deleteContents } from '../packages/store.ts';
import { demoFeatures, demoPackages, demoPlan, demoUser } from './rules.ts';

const lock = 2_033_941_018;

/**
 * Processes that start together provision one after another. A slow machine may take longer over each of them
 * than a request may wait for a lock.
 */
export async function lockProvisioning(tx: Db): Promise<void> {
  await tx.$executeRaw`SET LOCAL lock_timeout = '45s'`;
  await tx.$queryRaw`SELECT pg_advisory_xact_lock(${lock})::text`;
}

/** Whether the environment has no features, packages or users. */
export async function isEmpty(db: Db, environmentId: string): Promise<boolean> {
  const where = { environmentId };
  const select = { id: true };
  return (
    (await db.feature.findFirst({ where, select })) === null &&
    (await db.package.findFirst({ where, select })) === null &&
    (await db.user.findFirst({ where, select })) === null
  );
}

/** A small demo catalogue: two plans, an add-on, and a user on the larger plan. */
export async function insertDemo(tx: Db, environmentId: string, startedAt: Date): Promise<void> {
  await tx.feature.createMany({ data: demoFeatures.map((feature) => ({ environmentId, ...feature })) });
  for (const { id, name, isAddon, grants } of demoPackages) {
    const features = Object.entries(grants).map(([featureId, grant], position) => ({
      featureId,
      position,
      name: demoFeatures.find((feature) => feature.id === featureId)?.name ?? featureId,
      ...(grant === null ? {} : { ...grant, resetPeriod: 'MONTH' as const }),
    }));
    await tx.package.create({
      data: {
        environmentId,
        id,
        name,
        isAddon,
        status: 'PUBLISHED',
        features: { createMany: { data: features } },
      },
    });
  }
  const { key } = await tx.user.create({ data: { environmentId, ...demoUser } });
  await tx.subscription.create({
    data: { userKey: key, environmentId, packageId: demoPlan, isAddon: false, startedAt },
  });
}

/** Those of these ids that exist and that nobody created: what the first start made has no entry of the audit log. */
export async function findDemo(
  db: Db,
  environmentId: string,
  type: 'FEATURE' | 'PACKAGE' | 'USER',
  ids: readonly string[],
): Promise<string[]> {
  const table = Prisma.raw({ FEATURE: 'feature', PACKAGE: 'package', USER: '"user"' }[type]);
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT t.id FROM ${table} t
    WHERE t.environment_id = ${environmentId} AND t.id = ANY (${[...ids]}::text[]) AND NOT EXISTS (
      SELECT FROM audit_entry a
      WHERE a.environment_id = t.environment_id AND a.subject_type = ${type}::"AuditSubject" AND a.subject_id = t.id
        AND a.before IS NULL AND a.after IS NOT NULL AND a.created_at >= t.created_at - interval '1 minute')
    ORDER BY t.created_at, t.id`;
  return rows.map(({ id }) => id);
}

/** Whether a user was merged with others. */
export async function isMerged(db: Db, environmentId: string, id: string): Promise<boolean> {
  const found = await db.user.findFirst({
    where: { environmentId, id, OR: [{ NOT: { mergedInto: null } }, { merged: { some: {} } }] },
    select: { key: true },
  });
  return found !== null;
}

/** Where a package is used, as the end of a sentence; null if it is unused. The package is locked. */
export async function findPackageUse(db: Db, environmentId: string, id: string): Promise<string | null> {
  const [use] = await db.$queryRaw<{ use: string }[]>`
    (SELECT 'somebody has subscribed to it' AS use FROM subscription
      WHERE environment_id = ${environmentId} AND package_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'the add-on "' || addon_id || '" names it as its base' FROM package_base
      WHERE environment_id = ${environmentId} AND base_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'the price "' || id || '" of Stripe is for it' FROM stripe_price
      WHERE environment_id = ${environmentId} AND package_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'the billing template "' || id || '" sells it' FROM billing_template
      WHERE environment_id = ${environmentId} AND package_id = ${id} LIMIT 1)
    LIMIT 1`;
  return use?.use ?? null;
}

/** Deletes a locked package that is not in use, with all its versions. */
export async function deletePackage(tx: Db, environmentId: string, id: string): Promise<void> {
  const { version, draftVersion } = await tx.package.findUniqueOrThrow({
    where: { environmentId_id: { environmentId, id } },
  });
  for (let each = 1; each <= (draftVersion ?? version); each += 1)
    await deleteContents(tx, { environmentId, packageId: id, version: each });
  await tx.package.delete({ where: { environmentId_id: { environmentId, id } } });
}

/** Whether the demo data was removed: then no start makes it again. */
export async function isDemoRemoved(db: Db, environmentId: string): Promise<boolean> {
  const where = { environmentId, subjectType: 'ENVIRONMENT', action: 'removeDemoData' } as const;
  return (await db.auditEntry.findFirst({ where, select: { id: true } })) !== null;
}
