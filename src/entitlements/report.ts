import { type Amount, requireFit } from '../amount.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError, invalidInput } from '../errors.ts';
import { type EntitlementReport, reportOf } from './report-rules.ts';
import type { FindStanding } from './store.ts';

/** What reading entitlements needs. */
export interface Reading {
  db: PrismaClient;
  findStanding: FindStanding;
}

interface Question {
  environmentId: string;
  userId: string;
  /** The amount that the user wants to use. */
  delta: Amount;
}

/** The most features that one call reports. All their standings are read by one statement. */
export const maxReported = 1_000;

/** Reports the entitlement of a user to a feature. @throws UserNotFoundError, FeatureNotFoundError */
export async function reportOne(
  { db, findStanding }: Reading,
  featureId: string,
  { environmentId, userId, delta }: Question,
): Promise<EntitlementReport> {
  const standing = await findStanding({ environmentId, userId, featureId });
  if (standing.featureType === 'CONSUMABLE')
    requireFit(delta, { id: featureId, precision: standing.precision }, 'amount');
  const [packageId = null] = await findPackageIds(db, environmentId, [standing.grant?.subscriptionId]);
  return reportOf(featureId, standing, delta, packageId);
}

/**
 * Reports the entitlements of a user to all features of the environment, oldest feature first. A feature that is deleted
 * meanwhile is left out.
 *
 * @throws UserNotFoundError; ValidationError if there are more than 1,000 features
 */
export async function reportAll(
  { db, findStanding }: Reading,
  { environmentId, userId, delta }: Question,
): Promise<EntitlementReport[]> {
  const features = await db.feature.findMany({
    where: { environmentId },
    select: { id: true },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    take: maxReported + 1,
  });
  if (features.length > maxReported)
    throw invalidInput('features', `there are more than ${maxReported}: ask for each by its id`);
  const found = await Promise.all(
    features.map(async ({ id: featureId }) => {
      try {
        return { featureId, standing: await findStanding({ environmentId, userId, featureId }) };
      } catch (error) {
        if (error instanceof DomainError && error.typedName === 'FeatureNotFoundError') return null;
        throw error;
      }
    }),
  );
  const known = found.filter((each) => each !== null);
  const packageIds = await findPackageIds(
    db,
    environmentId,
    known.map(({ standing }) => standing.grant?.subscriptionId),
  );
  return known.map(({ featureId, standing }, index) =>
    reportOf(featureId, standing, delta, packageIds[index] ?? null),
  );
}

/** The packages of these subscriptions, in order; null where there is none. */
export async function findPackageIds(
  db: PrismaClient,
  environmentId: string,
  ids: readonly (bigint | undefined)[],
): Promise<(string | null)[]> {
  const wanted = [...new Set(ids.filter((id) => id !== undefined))];
  if (wanted.length === 0) return ids.map(() => null);
  const rows = await db.subscription.findMany({
    where: { environmentId, id: { in: wanted } },
    select: { id: true, packageId: true },
  });
  const packages = new Map(rows.map(({ id, packageId }) => [id, packageId]));
  return ids.map((id) => (id === undefined ? null : (packages.get(id) ?? null)));
}
