import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Amount, amountOf, amountOrNull } from '../../src/amount.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { type Grant, highestGrant } from '../../src/entitlements/rules.ts';
import { createStandingFinder } from '../../src/entitlements/store.ts';
import { windowStartAt } from '../../src/entitlements/window-rules.ts';
import { type ResetPeriod, resetPeriods, type StoredResets } from '../../src/packages/reset-rules.ts';
import { liveStatuses, statusAt } from '../../src/subscriptions/status-rules.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/*
 * The database finds winners in SQL. Here random users hold it to the rules, with all that is awkward: ties, unlimited,
 * overage, dead subscriptions, month ends, leap days.
 */

const day = 86_400_000;
const seed = Number(process.env.SEED ?? 20_240_229);
/** How many random users. */
const userCount = Number(process.env.RUNS ?? 600);
const environmentId = 'test';
const featureIds = ['messages', 'api-calls', 'seats'];
const statuses = [
  'ACTIVE',
  'ACTIVE',
  'TRIALING',
  'CANCELLED',
  'PAST_DUE',
  'UNPAID',
  'INCOMPLETE',
  'INCOMPLETE_EXPIRED',
] as const;
const awkwardStarts = [
  '2019-01-31T10:00:00.000Z',
  '2020-02-29T23:59:59.999Z',
  '2021-12-31T00:00:00.000Z',
  '2022-08-31T12:30:00.001Z',
];

const period = fc.constantFrom<ResetPeriod | null>(...resetPeriods.filter((each) => each !== 'HOUR'), null);
// A window that turned over while the test runs would be neither right nor wrong.
const msOfDay = (instant: Date) => instant.getTime() % 86_400_000;
const turnsOverSoon = (instant: Date) => Math.abs(msOfDay(instant) - msOfDay(new Date())) < 10 * 60_000;
const start = fc
  .oneof(
    fc.constantFrom(...awkwardStarts).map((text) => new Date(text)),
    fc.date({
      min: new Date('2018-01-01T00:00:00Z'),
      max: new Date('2026-01-01T00:00:00Z'),
      noInvalidDate: true,
    }),
  )
  .filter((instant) => !turnsOverSoon(instant));
const terms = fc
  .record({
    limit: fc.constantFrom(null, 0, 0.5, 10, 10, 10.000001, 50, 5_000_000_000),
    resetPeriod: period,
    every: fc.constantFrom(1, 1, 2, 3),
    zone: fc.constantFrom(null, null, 'Europe/Berlin', 'Asia/Kolkata'),
    overageEnabled: fc.boolean(),
  })
  .map(({ every, zone, ...rest }) => ({
    ...rest,
    resetEvery: rest.resetPeriod === null ? 1 : every,
    timeZone: rest.resetPeriod === null ? null : zone,
  }));
const packages = fc.array(fc.dictionary(fc.constantFrom(...featureIds), terms, { maxKeys: 3 }), {
  minLength: 24,
  maxLength: 24,
});
const user = fc.uniqueArray(
  fc.record({
    package: fc.nat(23),
    status: fc.constantFrom(...statuses),
    startedAt: start,
    used: fc.oneof(fc.integer({ min: -60, max: 60 }), fc.constantFrom(0.000001, 9.75, 123_456_789_012)),
    /** It may be about to start, and to end: in the days before now or after. */
    scheduled: fc.option(fc.constantFrom(-2, 2), { freq: 3 }),
    ends: fc.option(fc.constantFrom(-1, 1), { freq: 3 }),
  }),
  { selector: (subscription) => subscription.package, maxLength: 6 },
);

/** Feature grants of one user: running, over, or still to come. */
const grants = fc.array(
  fc.record({
    featureId: fc.constantFrom(...featureIds),
    terms: terms.map(({ timeZone: _, ...rest }) => rest),
    startedAt: fc.oneof({ weight: 4, arbitrary: start }, fc.constant(new Date('2999-01-01T00:00:00Z'))),
    isOver: fc.constantFrom(false, false, true),
    used: fc.integer({ min: -60, max: 60 }),
  }),
  { maxLength: 2 },
);

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

it('finds the standing that the rules find, for random users', async () => {
  const [catalogue] = fc.sample(packages, { seed, numRuns: 1 });
  const users = fc.sample(user, { seed, numRuns: userCount });
  await saveCatalogue(catalogue ?? []);
  const now = new Date();
  const granted = fc.sample(grants, { seed: seed + 1, numRuns: users.length });
  const expected = await saveUsers(users, granted, catalogue ?? [], now);

  const findStanding = createStandingFinder(database.hot);
  const found = await Promise.all(
    users.flatMap((_, index) =>
      featureIds.map((featureId) => findStanding({ environmentId, userId: `user-${index}`, featureId })),
    ),
  );
  expect(found).toEqual(expected);
  for (const kind of ['SUBSCRIPTION', 'GRANT'])
    expect(found.filter(({ grant }) => grant?.kind === kind).length).toBeGreaterThan(userCount / 4);
});

type Catalogue = Record<string, StoredResets & { limit: number | null; overageEnabled: boolean }>[];

async function saveCatalogue(catalogue: Catalogue) {
  const { prisma } = database;
  await prisma.environment.create({ data: { id: environmentId, appId: 'test_app' } });
  await prisma.feature.createMany({
    data: featureIds.map((id) => ({
      environmentId,
      id,
      name: id,
      type: 'CONSUMABLE' as const,
      precision: 6,
    })),
  });
  for (const [index, features] of catalogue.entries()) {
    const id = `package-${index}`;
    await prisma.package.create({ data: { environmentId, id, name: id, status: 'PUBLISHED' } });
    await prisma.packageFeature.createMany({
      data: Object.entries(features).map(([featureId, feature], position) => ({
        environmentId,
        packageId: id,
        featureId,
        name: featureId,
        position,
        ...feature,
      })),
    });
  }
}

type RandomSubscription = ReturnType<typeof user.generate>['value'][number];

/** The status and the instants as they are stored: the end may have come, and the start may lie ahead. */
function timesOf({ status, startedAt, scheduled, ends }: RandomSubscription, now: Date) {
  const away = (days: number | null) => (days === null ? null : new Date(now.getTime() + days * day));
  if (status === 'CANCELLED') return { status, startedAt, endedAt: now };
  if (status === 'INCOMPLETE_EXPIRED') return { status, startedAt, endedAt: null };
  const later = away(scheduled);
  if (later === null) return { status, startedAt, endedAt: away(ends) };
  const end = away(ends);
  return {
    status: 'SCHEDULED' as const,
    startedAt: later,
    endedAt: end === null || end < later ? null : end,
  };
}

/** Saves the users with a counter in the window that the rule finds, and answers what each stands at. */
async function saveUsers(
  users: ReturnType<typeof user.generate>['value'][],
  granted: ReturnType<typeof grants.generate>['value'][],
  catalogue: Catalogue,
  now: Date,
) {
  const { prisma } = database;
  await prisma.user.createMany({ data: users.map((_, index) => ({ environmentId, id: `user-${index}` })) });
  const keys = new Map((await prisma.user.findMany()).map(({ id, key }) => [id, key]));
  let subscriptionId = 0n;
  const rows = users.flatMap((subscriptions, index) =>
    subscriptions.map((subscription) => {
      subscriptionId += 1n;
      const { scheduled, ends, ...facts } = subscription;
      const userKey = keys.get(`user-${index}`) as bigint;
      return { ...facts, ...timesOf(subscription, now), trialEnd: null, id: subscriptionId, userKey };
    }),
  );
  await prisma.subscription.createMany({
    data: rows.map(({ id, userKey, status, startedAt, endedAt, package: packageIndex }) => ({
      id,
      userKey,
      environmentId,
      status,
      startedAt,
      endedAt,
      isAddon: true,
      packageId: `package-${packageIndex}`,
    })),
  });
  const counters = rows.flatMap(({ id, userKey, startedAt, used, package: packageIndex }) =>
    Object.entries(catalogue[packageIndex] ?? {}).map(([featureId, resets]) => ({
      userKey,
      subscriptionId: id,
      featureId,
      environmentId,
      used,
      windowStart: windowStartAt({ ...resets, anchor: startedAt }, now),
    })),
  );
  await prisma.usageCounter.createMany({ data: counters });
  const grantRows = granted.flatMap((each, index) =>
    each.map((grant) => {
      subscriptionId += 1n;
      return { ...grant, id: subscriptionId, userKey: keys.get(`user-${index}`) as bigint };
    }),
  );
  await prisma.featureGrant.createMany({
    data: grantRows.map(({ id, userKey, featureId, terms: granting, startedAt, isOver }) => ({
      ...granting,
      id,
      userKey,
      featureId,
      environmentId,
      startsAt: startedAt,
      endsAt: isOver && startedAt < now ? now : null,
    })),
  });
  await prisma.usageCounter.createMany({
    data: grantRows.map(({ id, userKey, featureId, terms: granting, startedAt, used }) => ({
      userKey,
      subscriptionId: id,
      featureId,
      environmentId,
      used,
      windowStart: windowStartAt({ ...granting, timeZone: null, anchor: startedAt }, now),
    })),
  });
  await prisma.user.updateMany({ where: { grants: { some: {} } }, data: { hasGrants: true } });

  return users.flatMap((_, index) =>
    featureIds.map((featureId) => {
      const userKey = keys.get(`user-${index}`);
      const given = grantRows
        .filter((row) => row.userKey === userKey && row.featureId === featureId)
        .filter(({ startedAt, isOver }) => startedAt <= now && !isOver)
        .map(({ id, startedAt, used, terms: granting }) => ({
          kind: 'GRANT' as const,
          subscriptionId: id,
          startedAt,
          anchor: startedAt,
          timeZone: null,
          used: amountOf(used),
          ...granting,
          limit: amountOrNull(granting.limit),
        }));
      const held: (Grant & { used: Amount })[] = rows
        .filter((row) => row.userKey === userKey && liveStatuses.some((live) => live === statusAt(row, now)))
        .flatMap(({ id, startedAt, used, package: packageIndex }) => {
          const feature = catalogue[packageIndex]?.[featureId];
          if (!feature) return [];
          const amounts = { used: amountOf(used), limit: amountOrNull(feature.limit) };
          return [
            {
              kind: 'SUBSCRIPTION',
              subscriptionId: id,
              startedAt,
              anchor: startedAt,
              ...feature,
              ...amounts,
            },
          ];
        });
      const winner = highestGrant([...held, ...given]);
      if (winner === null) return { featureType: 'CONSUMABLE', precision: 6, grant: null, used: 0n };
      const { used, ...grant } = winner;
      return { featureType: 'CONSUMABLE', precision: 6, grant, used };
    }),
  );
}
