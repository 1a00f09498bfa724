import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rollUp } from '../../src/usage/rollup/rollup.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { day, featureIds, subscribeAtRandom } from '../helpers/random-subscriptions.ts';
import { statementsOf } from '../helpers/statements.ts';

// Questions over many users, held to what the API tells of each user.

const hour = 3_600_000;
const now = Date.now();
const userIds = Array.from({ length: 80 }, (_, index) => `user-${index}`);
const featureId = 'messages';
let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const spread = { seed: 19, now, userIds, oldest: 25, longest: 90, most: 2 };
  await subscribeAtRandom(app.database.prisma, spread);
  const usage = fc.record({
    userId: fc.constantFrom(...userIds),
    featureId: fc.constantFrom(...featureIds),
    delta: fc.constantFrom(-1, 0.5, 2, 3, 9, 60),
    timestamp: fc.integer({ min: 1, max: 25 * 24 * 60 }).map((ago) => new Date(now - ago * 60_000)),
  });
  const record = (numRuns: number, seed: number) =>
    app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
      input: fc.sample(usage, { seed, numRuns }),
    });
  await record(600, 1);
  await rollUp({ pool: app.jobs, stop: new AbortController().signal });
  await record(100, 2);
});
afterAll(() => app.close());

const span = {
  from: new Date(Math.floor(now / hour) * hour - 20 * day).toISOString(),
  to: new Date(Math.floor(now / hour) * hour - 2 * day).toISOString(),
};

/** The usage of each user in each hour, in a month that contains the span. */
async function hoursOfUsers(): Promise<{ userId: string; start: string; used: number }[]> {
  const query = `query ($featureId: String!, $userId: String!, $from: DateTime, $to: DateTime) {
    usageSeries(featureId: $featureId, userId: $userId, from: $from, to: $to, bucket: HOUR) { start used } }`;
  const series = userIds.map(async (userId) => {
    const { usageSeries } = await app.ok(query, { featureId, userId, ...span });
    return usageSeries.map((each: object) => ({ userId, ...each }));
  });
  return (await Promise.all(series)).flat().filter(({ used }) => used !== 0);
}

/** Sums by key. Halves add up exactly. */
function sumBy<Item extends { used: number }>(items: readonly Item[], keyOf: (item: Item) => string) {
  const sums = new Map<string, number>();
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + item.used);
  return [...sums].sort(([, a], [, b]) => b - a);
}

test('the users who used most are those with the highest sums', async () => {
  const query = `query ($featureId: String!, $from: DateTime, $to: DateTime, $first: Int) {
    topUsers(featureId: $featureId, from: $from, to: $to, first: $first) { user { id } used } }`;
  const { topUsers } = await app.ok(query, { featureId, ...span, first: 100 });
  const sums = sumBy(await hoursOfUsers(), ({ userId }) => userId).filter(([, used]) => used > 0);
  expect(topUsers.length).toBeGreaterThan(10);
  expect(topUsers.map(({ used }: { used: number }) => used)).toEqual(sums.map(([, used]) => used));
  expect(
    new Map(topUsers.map(({ user, used }: { user: { id: string }; used: number }) => [user.id, used])),
  ).toEqual(new Map(sums));
  expect(await app.ok(query, { featureId, ...span, first: 2 })).toEqual({ topUsers: topUsers.slice(0, 2) });
});

test('active users are those of whom usage was recorded, before and after the rollup, and before that time', async () => {
  const query = `query ($from: DateTime, $to: DateTime) { userActivity(from: $from, to: $to) { active activeBefore } }`;
  const activeIn = async (from: number, to: number) => {
    const rows = await app.database.prisma.usageEvent.findMany({
      where: { occurredAt: { gte: new Date(from), lt: new Date(to) } },
      distinct: ['userKey'],
    });
    return rows.length;
  };
  const [from, to] = [Date.parse(span.from) + 12 * day, Date.parse(span.to)];
  const { userActivity } = await app.ok(query, { ...span, from: new Date(from).toISOString() });
  const before = await activeIn(2 * from - to, from);
  expect(userActivity).toEqual({ active: await activeIn(from, to), activeBefore: before });
  expect(before).toBeGreaterThan(10);
  expect(await app.fails(query, { from: span.to, to: span.from })).toMatchObject({
    message: 'from: must be before to',
    extensions: { code: 'BAD_USER_INPUT' },
  });
});

test('usage by package is that of the users who held it in each hour', async () => {
  const query = `query ($featureId: String!, $from: DateTime, $to: DateTime) {
    usageByPackage(featureId: $featureId, from: $from, to: $to) { package { id } used userCount } }`;
  const { usageByPackage } = await app.ok(query, { featureId, ...span });
  const held = await app.database.prisma.subscription.findMany({ include: { user: true } });
  const used = (await hoursOfUsers()).flatMap((each) => {
    const start = Date.parse(each.start);
    const then = held.filter(
      ({ user, startedAt, endedAt }) =>
        user.id === each.userId &&
        startedAt.getTime() < start + hour &&
        (endedAt === null || endedAt.getTime() > start),
    );
    const packageIds: (string | null)[] = then.length === 0 ? [null] : then.map(({ packageId }) => packageId);
    return packageIds.map((packageId) => ({ ...each, packageId: packageId ?? '-' }));
  });
  const users = (id: string) =>
    new Set(used.filter(({ packageId }) => packageId === id).map(({ userId }) => userId));
  expect(usageByPackage.length).toBeGreaterThan(3);
  expect(
    new Map(
      usageByPackage.map((row: { package: { id: string } | null; used: number; userCount: number }) => [
        row.package?.id ?? '-',
        [row.used, row.userCount],
      ]),
    ),
  ).toEqual(
    new Map(sumBy(used, ({ packageId }) => packageId).map(([id, sum]) => [id, [sum, users(id).size]])),
  );
});

interface Near {
  user: { id: string };
  used: number;
  budget: number;
  entitlement: { access: boolean };
}

const nearQuery = `query ($percent: Int, $first: Int, $after: String) {
  usersNearLimit(featureId: "messages", percent: $percent, first: $first, after: $after) {
    user { id } used budget usedPercent entitlement { access consumption { used budget } } } }`;

test.each([1, 80, 100])(
  'users who have used at least %i %% are those whose entitlement says so',
  async (percent) => {
    const { usersNearLimit } = await app.ok(nearQuery, { percent });
    const standing = `query ($userId: String!) {
    canUseFeature(userId: $userId, featureId: "messages") { access consumption { used budget } } }`;
    const all = userIds.map(async (userId) => ({
      userId,
      ...(await app.ok(standing, { userId })).canUseFeature,
    }));
    const expected = (await Promise.all(all)).filter(
      ({ consumption }) =>
        consumption?.budget != null &&
        consumption.used > 0 &&
        consumption.used * 100 >= percent * consumption.budget,
    );
    expect(expected.length).toBeGreaterThan(2);
    const found: Near[] = usersNearLimit;
    expect(new Map(found.map(({ user, entitlement }) => [user.id, entitlement]))).toEqual(
      new Map(expected.map(({ userId, access, consumption }) => [userId, { access, consumption }])),
    );
    const ratios = found.map(({ used, budget }) => used / budget);
    expect(ratios).toEqual([...ratios].sort((a, b) => b - a));
  },
);

test('users near a limit are paged, and every page is a constant number of statements', async () => {
  const { usersNearLimit: all } = await app.ok(nearQuery, { percent: 1 });
  const pages: Near[] = [];
  for (let after: string | null = null; pages.length < all.length; after = pages.at(-1)?.user.id ?? null) {
    const { usersNearLimit } = await app.ok(nearQuery, { percent: 1, first: 3, after });
    expect(usersNearLimit.length).toBeGreaterThan(0);
    pages.push(...usersNearLimit);
  }
  expect(pages).toEqual(all);
  const count = async (first: number) =>
    (await statementsOf(() => app.ok(nearQuery, { percent: 1, first }))).length;
  expect(await count(1)).toBe(await count(20));
});

test('all features with users near a limit are told at once, each with the first of them', async () => {
  const query = `query ($percent: Int, $first: Int) { featuresNearLimit(percent: $percent, first: $first) {
    feature { id } users { user { id } used budget usedPercent } } }`;
  const alone = `query ($featureId: String!) { usersNearLimit(featureId: $featureId, percent: 80, first: 2) {
    user { id } used budget usedPercent } }`;
  const { features } = await app.ok('{ features { id type } }');
  const each = features
    .filter(({ type }: { type: string }) => type === 'CONSUMABLE')
    .map(async ({ id }: { id: string }) => ({
      feature: { id },
      users: (await app.ok(alone, { featureId: id })).usersNearLimit,
    }));
  const expected = (await Promise.all(each)).filter(({ users }) => users.length > 0);
  expect(expected.length).toBeGreaterThan(1);
  const { featuresNearLimit } = await app.ok(query, { first: 2 });
  expect(featuresNearLimit).toEqual(expected);
  const count = async (percent: number) =>
    (await statementsOf(() => app.ok(query, { percent, first: 100 }))).length;
  expect(await count(1)).toBe(await count(100));
  expect((await app.ok(query, { percent: 1000 }, app.keys.live)).featuresNearLimit).toEqual([]);
});

test('users near a limit are counted in all and by the package whose limit it is', async () => {
  const { limitCounts } = await app.ok(
    '{ limitCounts(percent: 50) { near reached packages { package { id } near reached } } }',
  );
  const count = async (filter: object): Promise<number> => {
    const query = 'query ($filter: UserFilter) { usersConnection(filter: $filter) { totalCount } }';
    return (await app.ok(query, { filter })).usersConnection.totalCount;
  };
  expect(limitCounts.near).toBe(await count({ limit: 'NEAR', usedPercent: 50 }));
  expect(limitCounts.reached).toBe(await count({ limit: 'REACHED' }));
  expect(limitCounts.reached).toBeGreaterThan(0);
  // By package: of every user near a limit, the package that counts.
  const { features } = await app.ok('{ features { id type } }');
  const of = new Map<string, Set<string>>();
  for (const { id, type } of features as { id: string; type: string }[]) {
    if (type !== 'CONSUMABLE') continue;
    const { usersNearLimit } = await app.ok(
      `query ($id: String!) { usersNearLimit(featureId: $id, percent: 50, first: 1000) {
        user { id } } }`,
      { id },
    );
    for (const { user } of usersNearLimit) {
      const { entitlements } = await app.ok(
        'query ($id: String!) { entitlements(userId: $id) { feature { id } subscription { package { id } } } }',
        { id: user.id },
      );
      type Entitled = { feature: { id: string }; subscription: { package: { id: string } } | null };
      const its = (entitlements as Entitled[]).find(({ feature }) => feature.id === id);
      const packageId = its?.subscription?.package.id;
      if (packageId !== undefined) of.set(packageId, (of.get(packageId) ?? new Set()).add(user.id));
    }
  }
  type Row = { package: { id: string }; near: number };
  const found = new Map((limitCounts.packages as Row[]).map((each) => [each.package.id, each.near]));
  expect(found).toEqual(new Map([...of].map(([id, users]) => [id, users.size])));
  expect(found.size).toBeGreaterThan(0);
  const { limitCounts: ofLive } = await app.ok(
    '{ limitCounts { near packages { near } } }',
    {},
    app.keys.live,
  );
  expect(ofLive).toEqual({ near: 0, packages: [] });
});

test.each([
  ['{ limitCounts(percent: 101) { near } }', 'ValidationError'],
  ['{ featuresNearLimit(first: 0) { feature { id } } }', 'ValidationError'],
  ['{ topUsers(featureId: "none") { used } }', 'FeatureNotFoundError'],
  ['{ usageByPackage(featureId: "none") { used } }', 'FeatureNotFoundError'],
  ['{ usersNearLimit(featureId: "none") { used } }', 'FeatureNotFoundError'],
  ['{ topUsers(featureId: "messages", first: 101) { used } }', 'ValidationError'],
  [
    '{ topUsers(featureId: "messages", from: "2024-01-02T00:00Z", to: "2024-01-01T00:00Z") { used } }',
    'ValidationError',
  ],
  ['{ usersNearLimit(featureId: "messages", percent: 0) { used } }', 'ValidationError'],
  ['{ usersNearLimit(featureId: "messages", after: "nobody") { used } }', 'ValidationError'],
])('%s is %s', async (query, name) => {
  expect(await app.fails(query)).toMatchObject({ extensions: { exception: { name } } });
});
