import type { PrismaClient } from '../../src/database/generated/client.ts';
import type { ResetPeriod } from '../../src/packages/reset-rules.ts';

// Rows through Prisma, for tests whose subject is something else. `in` is the environment, by default `test`.

interface FeatureInPackage {
  id: string;
  limit?: number | string | null;
  resetPeriod?: ResetPeriod | null;
  resetEvery?: number;
  timeZone?: string | null;
  overageEnabled?: boolean;
}

/** A feature; CONSUMABLE unless told otherwise. */
export function createFeature(
  db: PrismaClient,
  feature: { id: string; type?: 'BINARY' | 'CONSUMABLE'; precision?: number },
  { in: environmentId = 'test' } = {},
) {
  return db.feature.create({ data: { type: 'CONSUMABLE', name: feature.id, ...feature, environmentId } });
}

interface NewPackage {
  id: string;
  isAddon?: boolean;
  status?: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  /** Features that exist, in the package's order; a bare id is unlimited. */
  features?: (string | FeatureInPackage)[];
  /** The base packages whose subscribers an add-on is open to; without any, those of every base. */
  bases?: string[];
  prices?: { id: string; amount: number; currency: string; interval?: string }[];
}

/** A package; a PUBLISHED base unless told otherwise. */
export function createPackage(
  db: PrismaClient,
  { features = [], bases = [], prices = [], ...facts }: NewPackage,
  { in: environmentId = 'test' } = {},
) {
  const granted = features.map((feature, position) => {
    const { id, ...grant } = typeof feature === 'string' ? { id: feature } : feature;
    return { featureId: id, name: id, position, ...grant };
  });
  return db.package.create({
    data: {
      name: facts.id,
      status: 'PUBLISHED',
      ...facts,
      environmentId,
      features: { create: granted },
      bases: { create: bases.map((baseId) => ({ baseId })) },
      prices: { create: prices.map((price) => ({ provider: 'STRIPE', ...price })) },
    },
  });
}

/** A user; answers its row, whose `key` owns the subscriptions. */
export function createUser(
  db: PrismaClient,
  user: { id: string; email?: string },
  { in: environmentId = 'test' } = {},
) {
  return db.user.create({ data: { ...user, environmentId } });
}

interface NewSubscription {
  userId: string;
  packageId: string;
  status?: 'ACTIVE' | 'TRIALING' | 'CANCELLED' | 'PAST_DUE' | 'UNPAID' | 'INCOMPLETE' | 'INCOMPLETE_EXPIRED';
  startedAt?: Date;
  endedAt?: Date;
  trialEnd?: Date;
}

/** A subscription of a user to a package, both of which exist; ACTIVE since now unless told otherwise, and over if CANCELLED. */
export async function createSubscription(
  db: PrismaClient,
  { userId, packageId, startedAt = new Date(), ...facts }: NewSubscription,
  { in: environmentId = 'test' } = {},
) {
  const user = await db.user.findUniqueOrThrow({
    where: { environmentId_id: { environmentId, id: userId } },
  });
  const { isAddon } = await db.package.findUniqueOrThrow({
    where: { environmentId_id: { environmentId, id: packageId } },
  });
  const endedAt = facts.endedAt ?? (facts.status === 'CANCELLED' ? new Date() : null);
  const times = { startedAt: endedAt !== null && endedAt < startedAt ? endedAt : startedAt, endedAt };
  return db.subscription.create({
    data: { ...facts, ...times, isAddon, userKey: user.key, environmentId, packageId },
  });
}
