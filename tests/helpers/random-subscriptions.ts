import fc from 'fast-check';
import { amountOrNull } from '../../src/amount.ts';
import type { PrismaClient } from '../../src/database/generated/client.ts';
import type { CountingGrant } from '../../src/usage/ledger/rules.ts';
import { createFeature, createPackage } from './factories.ts';

/* Users with subscriptions and grants of every kind that began and ended at random, for tests that hold SQL to the rules. */

export const featureIds = ['messages', 'seats'];
export const day = 86_400_000;

const packages = [
  { id: 'monthly', limit: 10.25, resetPeriod: 'MONTH' },
  { id: 'daily', limit: 100, resetPeriod: 'DAY' },
  { id: 'yearly', limit: null, resetPeriod: 'YEAR' },
  { id: 'forever', limit: 5, resetPeriod: null },
  { id: 'hourly', limit: 20, resetPeriod: 'HOUR', resetEvery: 5 },
  { id: 'weekly', limit: 30, resetPeriod: 'WEEK', resetEvery: 2, timeZone: 'Europe/Berlin' },
  { id: 'quarterly', limit: 40, resetPeriod: 'QUARTER', timeZone: 'America/New_York' },
] as const;

interface Spread {
  seed: number;
  now: number;
  userIds: string[];
  /** How many days ago the oldest subscription may have begun. */
  oldest: number;
  /** After how many days one may have ended, at most. */
  longest: number;
  /** How many subscriptions a user may hold. */
  most: number;
}

/** Makes the features, a package of each reset period with both of them, and the users. */
export async function subscribeAtRandom(prisma: PrismaClient, spread: Spread): Promise<void> {
  for (const id of featureIds) await createFeature(prisma, { id, precision: 6 });
  for (const { id, ...allowance } of packages) {
    const features = featureIds.map((featureId) => ({ id: featureId, ...allowance }));
    await createPackage(prisma, { id, isAddon: true, features });
    // The second version has another limit, and no seats.
    await prisma.packageFeature.create({
      data: {
        environmentId: 'test',
        packageId: id,
        version: 2,
        featureId: 'messages',
        name: 'messages',
        position: 0,
        ...allowance,
        limit: 50,
      },
    });
    await prisma.package.update({
      where: { environmentId_id: { environmentId: 'test', id } },
      data: { version: 2 },
    });
  }
  await prisma.user.createMany({ data: spread.userIds.map((id) => ({ environmentId: 'test', id })) });
  const keys = new Map((await prisma.user.findMany()).map(({ id, key }) => [id, key]));
  await prisma.subscription.createMany({
    data: fc
      .sample(heldBy(spread), { seed: spread.seed, numRuns: spread.userIds.length })
      .flatMap((held, index) =>
        held.map((each) => ({
          ...each,
          userKey: keys.get(spread.userIds[index] as string) as bigint,
          environmentId: 'test',
          isAddon: true,
        })),
      ),
  });
  const granted = fc.sample(fc.array(grantIn(spread), { maxLength: 2 }), {
    seed: spread.seed + 1,
    numRuns: spread.userIds.length,
  });
  const [{ last }] = await prisma.$queryRaw<[{ last: bigint }]>`
    SELECT setval('subscription_id_seq', nextval('subscription_id_seq') + ${granted.flat().length}) AS last`;
  let id = last - BigInt(granted.flat().length);
  await prisma.featureGrant.createMany({
    data: granted.flatMap((grants, index) =>
      grants.map((each) => ({
        ...each,
        id: ++id,
        userKey: keys.get(spread.userIds[index] as string) as bigint,
        environmentId: 'test',
      })),
    ),
  });
  await prisma.user.updateMany({ where: { grants: { some: {} } }, data: { hasGrants: true } });
}

/** A grant of a feature to one user. */
const grantIn = ({ now, oldest, longest }: Spread) =>
  fc
    .record({
      featureId: fc.constantFrom(...featureIds),
      limit: fc.constantFrom(null, 7, 100),
      resets: fc.constantFrom(
        { resetPeriod: 'MONTH' as const },
        { resetPeriod: 'DAY' as const, resetEvery: 3 },
        { resetPeriod: null },
      ),
      overageEnabled: fc.boolean(),
      startsAt: fc.integer({ min: 0, max: oldest }).map((days) => new Date(now - days * day - 5_400_000)),
      days: fc.option(fc.integer({ min: 1, max: longest })),
    })
    .map(({ days, resets, ...grant }) => ({
      ...grant,
      ...resets,
      endsAt: days === null ? null : new Date(grant.startsAt.getTime() + days * day),
    }));

/** What one user holds. */
function heldBy({ now, oldest, longest, most }: Spread) {
  const subscription = fc
    .record({
      packageId: fc.constantFrom(...packages.map(({ id }) => id)),
      startedAt: fc.integer({ min: 0, max: oldest }).map((days) => new Date(now - days * day - 3_600_000)),
      days: fc.option(fc.integer({ min: 1, max: longest })),
      packageVersion: fc.constantFrom(1, 2),
      /** How many days before its start usage counts, and the days before that from where windows are counted. */
      carriedDays: fc.option(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 40 }))),
    })
    .map(({ carriedDays, ...rest }) => {
      if (carriedDays === null) return rest;
      const from = new Date(rest.startedAt.getTime() - carriedDays[0] * day);
      const anchor = new Date(from.getTime() - carriedDays[1] * day);
      return { ...rest, carried: { messages: { anchor: anchor.toISOString(), from: from.toISOString() } } };
    })
    .map(({ days, ...rest }) =>
      days === null
        ? rest
        : { ...rest, status: 'CANCELLED' as const, endedAt: new Date(rest.startedAt.getTime() + days * day) },
    );
  return fc.uniqueArray(subscription, { selector: ({ packageId }) => packageId, maxLength: most });
}

type Carried = Record<string, { anchor: string; from: string }>;

/** Every holding of every user: subscriptions with what their packages contain, and grants. */
export async function findAllHeld(db: Pick<PrismaClient, 'subscription' | 'featureGrant'>) {
  const subscriptions = await db.subscription.findMany({
    include: { package: { include: { features: true } } },
  });
  const grants = await db.featureGrant.findMany();
  return [
    ...subscriptions.flatMap(({ package: { features }, carried, ...row }) =>
      features
        .filter(({ version }) => version === row.packageVersion)
        .map((feature) => {
          const over = (carried as Carried | null)?.[feature.featureId];
          const times = over
            ? { anchor: new Date(over.anchor), startedAt: new Date(over.from) }
            : { anchor: row.startedAt };
          return { ...row, ...feature, ...times, kind: 'SUBSCRIPTION' as const };
        }),
    ),
    ...grants.map((row) => ({
      ...row,
      kind: 'GRANT' as const,
      startedAt: row.startsAt,
      anchor: row.startsAt,
      timeZone: null,
      endedAt: row.endsAt,
    })),
  ].map(({ id, limit, ...row }) => ({ ...row, limit: amountOrNull(limit), subscriptionId: id, live: true }));
}

/** What a user holds of a feature, as the rules read it. */
export const grantsOf = (
  held: Awaited<ReturnType<typeof findAllHeld>>,
  userKey: bigint,
  featureId: string,
): CountingGrant[] => held.filter((each) => each.userKey === userKey && each.featureId === featureId);
