import type { Db } from '../database/client.ts';
import { demoFeatures, demoPackages, demoPlan, demoUser } from './rules.ts';

const lock = 2_033_941_018;

/** Processes that start together provision one after another. */
export async function lockProvisioning(tx: Db): Promise<void> {
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
