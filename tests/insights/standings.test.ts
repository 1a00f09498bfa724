import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PoolClient } from 'pg';
import { windowAt } from '../../src/entitlements/window-rules.ts';
import { refreshStandings } from '../../src/insights/standings/refresh.ts';
import { beginPass, refreshNext } from '../../src/insights/standings/refresh-store.ts';
import { findUsers } from '../../src/insights/user-list-store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { featureIds, findAllHeld, subscribeAtRandom } from '../helpers/random-subscriptions.ts';

// What a job stores of many users, held to what is computed of few.

const userIds = Array.from({ length: 60 }, (_, index) => `user-${String(index).padStart(2, '0')}`);
let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await subscribeAtRandom(prisma, { seed: 11, now: Date.now(), userIds, oldest: 25, longest: 90, most: 2 });
  await record(400, 1);
  for (const userId of userIds.slice(0, 20))
    await app.ok(
      `mutation ($userId: String!) { topUp(input: { userId: $userId, featureId: "messages", amount: 2 }) { id } }`,
      { userId },
    );
  await prisma.usageRollup.createMany({
    data: ['test', 'live'].map((environmentId) => ({ environmentId })),
    skipDuplicates: true,
  });
});
afterAll(() => app.close());

beforeEach(async () => {
  await app.database.prisma.limitPass.deleteMany();
  await app.database.prisma.limitStanding.deleteMany();
});

const usage = fc.record({
  userId: fc.constantFrom(...userIds),
  featureId: fc.constantFrom(...featureIds),
  delta: fc.constantFrom(-1, 0.5, 2, 3, 9, 60),
});
const record = (numRuns: number, seed: number) =>
  app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
    input: fc.sample(usage, { seed, numRuns }),
  });

const size = { sliceUsers: 20, sliceEvents: 50 };
const large = {
  largeFrom: 1,
  ...size,
  minAgeMs: 0,
  restFactor: 0,
  sweepMinAgeMs: 3_600_000,
  sweepRestFactor: 0,
};
const signal = new AbortController().signal;
const pass = (options: object = {}) =>
  refreshStandings({ pool: app.jobs, stop: signal }, { ...large, ...options });

interface Near {
  user: { id: string };
  used: number;
  budget: number;
}

const near = `query ($featureId: String!, $percent: Int, $first: Int, $after: String) {
  usersNearLimit(featureId: $featureId, percent: $percent, first: $first, after: $after) {
    user { id } used budget usedPercent } }`;
const byUser = (rows: Near[]) => [...rows].sort((a, b) => (a.user.id < b.user.id ? -1 : 1));
const list = `query ($filter: UserFilter!, $order: UserOrder!, $first: Int!, $after: String) {
  usersConnection(filter: $filter, order: $order, first: $first, after: $after) {
    nodes { id } totalCount asOf pageInfo { hasNextPage endCursor } } }`;

/** The ids of a list, page by page. */
async function idsOf(filter: object, order: string): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | null = null; ; ) {
    const { usersConnection: page } = await app.ok(list, { filter, order, first: 15, after });
    found.push(...page.nodes.map(({ id }: { id: string }) => id));
    if (page.pageInfo.hasNextPage) after = page.pageInfo.endCursor;
    else {
      expect(page.totalCount).toBe(found.length);
      return found;
    }
  }
}

/** All that is asked about limits, without the order of those that are equal. */
async function answers() {
  const counts = [50, 100].map(async (percent) => {
    const { limitCounts } = await app.ok(
      `query ($percent: Int) { limitCounts(percent: $percent) { near reached packages { package { id } near reached } } }`,
      { percent },
    );
    return limitCounts;
  });
  const nearOf = featureIds.flatMap((featureId) =>
    [1, 150].map(async (percent) => byUser((await app.ok(near, { featureId, percent })).usersNearLimit)),
  );
  const { featuresNearLimit } = await app.ok(`{ featuresNearLimit(percent: 10, first: 100) {
    feature { id } users { user { id } used budget usedPercent } } }`);
  const lists = [
    { limit: 'NEAR', usedPercent: 1 },
    { limit: 'NEAR', packageId: 'monthly' },
    { limit: 'REACHED' },
    { featureId: 'messages', usedPercent: 30 },
    { featureId: 'seats', limit: 'REACHED' },
  ].map(async (filter, index) => (await idsOf(filter, index % 2 === 0 ? 'USE_DESC' : 'CREATED_ASC')).sort());
  return {
    counts: await Promise.all(counts),
    near: await Promise.all(nearOf),
    features: featuresNearLimit.map(({ feature, users }: { feature: object; users: Near[] }) => ({
      feature,
      users: byUser(users),
    })),
    lists: await Promise.all(lists),
  };
}

const storedIn = (environmentId = 'test') =>
  app.database.prisma.limitPass.findUnique({ where: { environmentId } });

test('every answer is the same as what is computed, and nothing of it is in the other environment', async () => {
  const computed = await answers();
  expect(computed.counts.at(-1).reached).toBeGreaterThan(0);
  await pass();
  expect((await storedIn())?.asOf).toBeInstanceOf(Date);
  expect(await answers()).toEqual(computed);
  await app.database.prisma.limitPass.create({ data: { environmentId: 'live', asOf: new Date() } });
  const ofLive = await app.ok(
    '{ limitCounts { near } featuresNearLimit { feature { id } } }',
    {},
    app.keys.live,
  );
  expect(ofLive).toEqual({ limitCounts: { near: 0 }, featuresNearLimit: [] });
});

test('what is used after a pass is in the next one, and every answer says as of when it is', async () => {
  const asOf = async () => {
    const { limitCounts, usersNearLimit, usersConnection } = await app.ok(`{
      limitCounts { asOf } usersNearLimit(featureId: "messages", percent: 1) { asOf }
      usersConnection(filter: { limit: NEAR }) { asOf } }`);
    expect([usersNearLimit[0].asOf, usersConnection.asOf]).toEqual([limitCounts.asOf, limitCounts.asOf]);
    return limitCounts.asOf;
  };
  await pass();
  const first = await asOf();
  const stored = await answers();
  await record(100, 2);
  expect(await answers()).toEqual(stored);
  expect(await asOf()).toBe(first);
  await pass();
  const second = await answers();
  expect(second).not.toEqual(stored);
  expect(Date.parse(await asOf())).toBeGreaterThan(Date.parse(first));
  await app.database.prisma.limitPass.deleteMany();
  expect(await answers()).toEqual(second);
  expect((await app.ok('{ usersConnection { asOf } }')).usersConnection).toEqual({ asOf: null });
});

test('pages by use and pages near a limit hold each user once, the highest share first', async () => {
  await pass();
  const { usersNearLimit: all } = await app.ok(near, { featureId: 'messages', percent: 1 });
  const ratios = (all as Near[]).map(({ used, budget }) => used / budget);
  expect(ratios).toEqual([...ratios].sort((a, b) => b - a));
  const pages: Near[] = [];
  for (let after: string | null = null; ; after = pages.at(-1)?.user.id ?? null) {
    const { usersNearLimit } = await app.ok(near, { featureId: 'messages', percent: 1, first: 3, after });
    if (usersNearLimit.length === 0) break;
    pages.push(...usersNearLimit);
  }
  expect(pages).toEqual(all);
  const ids = await idsOf({ limit: 'NEAR', usedPercent: 1 }, 'USE_DESC');
  const rows = await app.database.prisma.$queryRaw<{ id: string; share: string }[]>`
    SELECT u.id, max(share)::text AS share FROM limit_standing s JOIN "user" u ON u.key = s.user_key GROUP BY u.id`;
  const shares = new Map(rows.map(({ id, share }) => [id, Number(share)]));
  expect(new Set(ids)).toEqual(new Set(shares.keys()));
  const inOrder = ids.map((id) => shares.get(id) ?? 0);
  expect(inOrder).toEqual([...inOrder].sort((a, b) => b - a));
});

test.each([
  ['few of which are near a limit', { few: 1_000, walked: 0 }],
  ['many', { few: 0, walked: 1_000 }],
  ['many, but none among those that are looked at first', { few: 0, walked: 3 }],
])('lists by creation and name are the same as what is computed: of users, %s', async (_name, ways) => {
  const { prisma } = app.database;
  const computed = { isStored: false, asOf: new Date() };
  const stored = { isStored: true, asOf: new Date() };
  await pass();
  const filters = [
    { limit: 'NEAR' as const, usedPercent: 1 },
    { limit: 'REACHED' as const },
    { limit: 'NEAR' as const, packageId: 'monthly' },
    { featureId: 'messages', usedPercent: 30, search: 'user' },
    { featureId: 'seats', limit: 'REACHED' as const },
  ];
  for (const filter of filters)
    for (const order of ['CREATED_ASC', 'CREATED_DESC', 'NAME_ASC', 'NAME_DESC'] as const) {
      const first = { order, take: 1_000, last: null };
      const expected = await findUsers(prisma, computed, 'test', filter, first);
      expect(expected.length).toBeGreaterThan(2);
      expect(await findUsers(prisma, stored, 'test', filter, first, ways)).toEqual(expected);
      const next = { order, take: 2, last: expected[0] ?? null };
      expect(await findUsers(prisma, stored, 'test', filter, next, ways)).toEqual(expected.slice(1, 3));
    }
  expect(
    await findUsers(
      prisma,
      stored,
      'live',
      { limit: 'NEAR' },
      { order: 'CREATED_ASC', take: 9, last: null },
      ways,
    ),
  ).toEqual([]);
});

test('each row is valid until its window ends, or what gives the limit; it does not count from then on', async () => {
  await pass();
  const { prisma } = app.database;
  const held = await findAllHeld(prisma);
  const rows = await prisma.$queryRaw<
    { userKey: bigint; featureId: string; packageId: string | null; limit: string; until: string }[]
  >`SELECT user_key AS "userKey", feature_id AS "featureId", package_id AS "packageId", "limit"::text,
      valid_until::text AS until FROM limit_standing`;
  const now = new Date();
  const endsOf = (row: (typeof rows)[number]) =>
    held
      .filter((each) => each.userKey === row.userKey && each.featureId === row.featureId)
      .filter((each) => (each.kind === 'GRANT' ? null : each.packageId) === row.packageId)
      .filter((each) => each.startedAt <= now && (each.endedAt === null || each.endedAt > now))
      .map((each) => {
        const { end } = windowAt(each, now);
        const ends = [end, each.endedAt].flatMap((at) => at?.getTime() ?? []);
        return ends.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...ends);
      });
  const untilOf = ({ until }: { until: string }) =>
    until === 'infinity' ? Number.POSITIVE_INFINITY : Date.parse(until);
  for (const row of rows) expect(endsOf(row)).toContain(untilOf(row));
  expect(rows.length).toBeGreaterThan(20);

  await prisma.$executeRaw`UPDATE limit_standing SET valid_until = now()`;
  const { limitCounts, featuresNearLimit } = await app.ok(
    '{ limitCounts(percent: 1) { near } featuresNearLimit(percent: 1) { feature { id } } }',
  );
  expect([limitCounts.near, featuresNearLimit]).toEqual([0, []]);
  expect(await idsOf({ limit: 'NEAR', usedPercent: 1 }, 'USE_DESC')).toEqual([]);
  await pass({ sweepMinAgeMs: 0 });
  expect(await prisma.limitStanding.count()).toBe(rows.length);
});

describe('a pass', () => {
  const withConnection = async <Result>(work: (client: PoolClient) => Promise<Result>) => {
    const client = await app.jobs.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  };

  const lastId = async () => {
    const [row] = await app.database.prisma.$queryRaw<[{ last: bigint }]>`
      SELECT max(id) AS last FROM usage_event`;
    return row.last;
  };

  test('that was broken off goes on where it was, and is as old as its begin', async () => {
    const computed = await answers();
    await withConnection(async (client) => {
      await beginPass(client, 'test', { at: new Date(), id: await lastId() });
      expect(await refreshNext(client, 'test', { users: 7, events: 50 })).toBe(true);
    });
    const begun = await storedIn();
    expect(begun).toMatchObject({ asOf: null, startedAt: expect.any(Date) });
    const keys = await app.database.prisma.user.findMany({ orderBy: { key: 'asc' }, take: 7 });
    expect(begun?.doneKey).toBe(keys.at(-1)?.key);
    expect(await answers()).toEqual(computed);
    await pass();
    expect(await storedIn()).toMatchObject({ asOf: begun?.startedAt, startedAt: null, doneKey: 0n });
    expect(await answers()).toEqual(computed);

    await record(100, 3);
    const at = new Date();
    await withConnection(async (client) => {
      await beginPass(client, 'test', { at, id: await lastId() });
      expect(await refreshNext(client, 'test', { users: 7, events: 30 })).toBe(true);
    });
    expect(await storedIn()).toMatchObject({ asOf: begun?.startedAt, startedAt: at });
    await pass();
    expect(await storedIn()).toMatchObject({ asOf: at, startedAt: null });
    const stored = await answers();
    await app.database.prisma.limitPass.deleteMany();
    expect(stored).toEqual(await answers());
  });

  test('of an earlier version, which kept no place in the ledger, is begun again', async () => {
    await record(20, 4);
    const asOf = new Date(Date.now() - 1_000);
    const began = { startedAt: asOf, doneKey: 2n ** 40n, asOf };
    await app.database.prisma.limitPass.create({ data: { environmentId: 'test', ...began } });
    await pass();
    const now = await storedIn();
    expect(now).toMatchObject({ startedAt: null, isSweeping: false, doneId: expect.any(BigInt) });
    expect(now?.asOf?.getTime()).toBeGreaterThan(asOf.getTime());
    const stored = await answers();
    await app.database.prisma.limitPass.deleteMany();
    expect(stored).toEqual(await answers());
  });

  test('reads what has changed since the last one; a sweep reads all', async () => {
    await pass();
    const { prisma } = app.database;
    const stored = await answers();
    await prisma.limitStanding.deleteMany();
    await pass();
    expect(await answers()).not.toEqual(stored);
    await pass({ sweepMinAgeMs: 0 });
    expect(await answers()).toEqual(stored);
    await prisma.limitPass.updateMany({ data: { sweepMs: 100_000 } });
    await prisma.limitStanding.deleteMany();
    await pass({ sweepMinAgeMs: 0, sweepRestFactor: 50 });
    expect(await answers()).not.toEqual(stored);
  });

  test('finds whose packages, grants and top-ups have changed, without a sweep', async () => {
    await pass();
    const { prisma } = app.database;
    const before = await answers();
    const change = `mutation ($userId: String!, $gets: Boolean!, $tops: Boolean!) {
      grantFeature(input: { userId: $userId, featureId: "messages", limit: 1 }) @include(if: $gets) { id }
      topUp(input: { userId: $userId, featureId: "messages", amount: 100 }) @include(if: $tops) { id } }`;
    for (const [index, userId] of userIds.slice(0, 24).entries())
      await app.ok(change, { userId, gets: index % 2 === 0, tops: index % 2 === 1 });
    const subscriptions = await prisma.subscription.findMany({
      where: { user: { id: { in: userIds.slice(24, 40) } }, endedAt: null, status: 'ACTIVE' },
    });
    expect(subscriptions.length).toBeGreaterThan(0);
    for (const { id } of subscriptions)
      await app.ok('mutation ($id: String!) { cancelSubscription(id: $id) { id } }', { id: `${id}` });
    expect(await prisma.limitChange.count()).toBeGreaterThan(0);
    await pass();
    expect(await prisma.limitChange.count()).toBe(0);
    const stored = await answers();
    expect(stored).not.toEqual(before);
    await prisma.limitPass.deleteMany();
    expect(stored).toEqual(await answers());
  });

  test('ends at its deadline, and waits as long as it is told between two', async () => {
    await pass({ budgetMs: 0 });
    expect(await storedIn()).toMatchObject({ asOf: null, doneKey: 0n });
    await pass();
    const { asOf } = (await storedIn()) ?? {};
    await pass({ minAgeMs: 3_600_000 });
    expect((await storedIn())?.asOf).toEqual(asOf);
    await app.database.prisma.limitPass.updateMany({ data: { workedMs: 100_000 } });
    await pass({ restFactor: 20 });
    expect((await storedIn())?.asOf).toEqual(asOf);
  });

  test('is not made where users are few: what is left of one is forgotten', async () => {
    await pass();
    await pass({ largeFrom: userIds.length + 1, sliceUsers: 1_000 });
    expect(await storedIn()).toBeNull();
    expect(await app.database.prisma.limitStanding.count()).toBe(0);
  });

  test('that is older than an hour is not read', async () => {
    const computed = await answers();
    await pass();
    await app.database.prisma.limitStanding.deleteMany();
    expect(await answers()).not.toEqual(computed);
    await app.database.prisma.$executeRaw`UPDATE limit_pass SET as_of = now() - interval '61 minutes'`;
    expect(await answers()).toEqual(computed);
  });

  test('runs beside recording, which does not wait for it, and beside another one', async () => {
    const recording = async () => {
      for (let seed = 10; seed < 15; seed += 1) await record(40, seed);
    };
    const passing = async () => {
      for (let count = 0; count < 3; count += 1) await pass({ sliceUsers: 10, sliceEvents: 20 });
    };
    await Promise.all([recording(), passing(), passing()]);
    // The first one ends what is under way.
    await pass();
    await pass();
    const stored = await answers();
    await app.database.prisma.limitPass.deleteMany();
    expect(stored).toEqual(await answers());
  });

  test('gives way to who holds the lock of merges, and leaves nothing of a user who is deleted or merged', async () => {
    const { prisma } = app.database;
    await prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT FROM usage_rollup WHERE environment_id = 'test' FOR UPDATE`;
      await pass();
    });
    expect(await storedIn()).toMatchObject({ asOf: null, doneKey: 0n });
    const gone = userIds.slice(40);
    const deleting = async () => {
      for (const [index, id] of gone.entries())
        if (index % 2 === 0) await app.ok('mutation ($id: String!) { deleteUser(id: $id) { id } }', { id });
        else
          await app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', {
            ids: [userIds[index], id],
          });
    };
    const passing = async () => {
      for (let count = 0; count < 5; count += 1) await pass({ sliceUsers: 10, sliceEvents: 20 });
    };
    await Promise.all([deleting(), passing()]);
    const orphans = await prisma.$queryRaw`
      SELECT s.user_key FROM limit_standing s
      WHERE NOT EXISTS (SELECT FROM "user" u WHERE u.key = s.user_key AND u.merged_into IS NULL)`;
    expect(orphans).toEqual([]);
    // The first one ends what is under way, which may have read a user before a change.
    await pass();
    await pass();
    const stored = await answers();
    await prisma.limitPass.deleteMany();
    expect(stored).toEqual(await answers());
  });
});
