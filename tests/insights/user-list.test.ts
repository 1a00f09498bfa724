import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { statusAt } from '../../src/subscriptions/status-rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { subscribeAtRandom } from '../helpers/random-subscriptions.ts';
import { statementsOf } from '../helpers/statements.ts';

const now = Date.now();
const userIds = Array.from({ length: 60 }, (_, index) => `user-${String(index).padStart(2, '0')}`);
let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await subscribeAtRandom(prisma, { seed: 7, now, userIds, oldest: 30, longest: 60, most: 3 });
  const names = fc.sample(fc.constantFrom('Ada', 'ada', 'Bob', 'Élan', '', null), { seed: 3, numRuns: 60 });
  for (const [index, name] of names.entries())
    await prisma.user.updateMany({ where: { id: userIds[index] as string }, data: { name } });
  await prisma.$executeRaw`
    UPDATE subscription SET status = (ARRAY['ACTIVE', 'TRIALING', 'PAST_DUE', 'CANCELLED'])[1 + id % 4]::"SubscriptionStatus",
      ended_at = CASE WHEN id % 4 = 3 THEN coalesce(ended_at, now()) ELSE ended_at END,
      trial_end = CASE WHEN id % 4 = 1 THEN now() + ((id % 3 - 1) * 3 + 1) * interval '1 day' END`;
});
afterAll(() => app.close());

interface Page {
  nodes: { id: string }[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null };
}

const query = `query ($filter: UserFilter, $order: UserOrder!, $first: Int, $after: String) {
  usersConnection(filter: $filter, order: $order, first: $first, after: $after) {
    nodes { id } edges { cursor node { id } } totalCount pageInfo { hasNextPage hasPreviousPage endCursor } } }`;

const pageOf = async (variables: object): Promise<Page> =>
  (await app.ok(query, { order: 'CREATED_ASC', ...variables })).usersConnection;

/** All pages of a list. */
async function listOf(variables: object): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | null = null; ; ) {
    const page = await pageOf({ ...variables, first: 7, after });
    found.push(...page.nodes.map(({ id }) => id));
    expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
    if (!page.pageInfo.hasNextPage) {
      expect(page.totalCount).toBe(found.length);
      return found;
    }
    after = page.pageInfo.endCursor;
  }
}

describe('the order', () => {
  test.each([
    ['CREATED_ASC', `created_at, id`],
    ['CREATED_DESC', `created_at desc, id desc`],
    ['NAME_ASC', `lower(coalesce(nullif(name, ''), id)), id`],
    ['NAME_DESC', `lower(coalesce(nullif(name, ''), id)) desc, id desc`],
  ])('%s holds over all pages', async (order, sql) => {
    const rows = await app.database.prisma.$queryRawUnsafe<{ id: string }[]>(
      `select id from "user" order by ${sql}`,
    );
    expect(await listOf({ order })).toEqual(rows.map(({ id }) => id));
  });
});

describe('the filter', () => {
  async function usersWith(matches: (packageId: string, status: string) => boolean): Promise<string[]> {
    const rows = await app.database.prisma.subscription.findMany({ include: { user: true } });
    const found = rows.filter((row) => matches(row.packageId, statusAt(row, new Date())));
    return [...new Set(found.map(({ user }) => user.id))].sort();
  }
  const isHeld = (status: string) =>
    ['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'].includes(status);

  test.each(['ACTIVE', 'TRIALING', 'PAST_DUE', 'CANCELLED'])('by status %s', async (status) => {
    const expected = await usersWith((_, its) => its === status);
    expect(expected.length).toBeGreaterThan(1);
    expect((await listOf({ filter: { status } })).sort()).toEqual(expected);
  });

  test('by package: who holds it now, or has it with a status', async () => {
    const filter = { packageId: 'daily' };
    const expected = await usersWith((id, status) => id === 'daily' && isHeld(status));
    expect(expected.length).toBeGreaterThan(0);
    expect((await listOf({ filter })).sort()).toEqual(expected);
    expect((await listOf({ filter: { ...filter, status: 'CANCELLED' } })).sort()).toEqual(
      await usersWith((id, status) => id === 'daily' && status === 'CANCELLED'),
    );
  });

  test('by words, with another filter', async () => {
    expect(await listOf({ filter: { search: 'user-1' } })).toEqual(
      userIds.filter((id) => id.startsWith('user-1')),
    );
    const active = await usersWith((_, status) => status === 'ACTIVE');
    expect(await listOf({ filter: { search: 'user-1', status: 'ACTIVE' } })).toEqual(
      active.filter((id) => id.startsWith('user-1')),
    );
  });

  test('by what was used of a limit', async () => {
    const input = userIds.map((userId) => ({ userId, featureId: 'messages', delta: 9 }));
    await app.ok(
      'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }',
      { input },
    );
    const near = '{ usersNearLimit(featureId: "messages", percent: 70) { user { id } } }';
    const { usersNearLimit } = await app.ok(near);
    const expected = usersNearLimit.map(({ user }: { user: { id: string } }) => user.id).sort();
    expect(expected.length).toBeGreaterThan(1);
    expect((await listOf({ filter: { featureId: 'messages', usedPercent: 70 } })).sort()).toEqual(expected);
  });
});

test('by use, those who used the highest part of a limit come first, each once and over all pages', async () => {
  const filter = { limit: 'NEAR', usedPercent: 1 };
  const found = await listOf({ filter, order: 'USE_DESC' });
  expect(found.length).toBeGreaterThan(10);
  expect([...found].sort()).toEqual((await listOf({ filter })).sort());
  const { usersConnection } = await app.ok(`{ usersConnection(first: 1000) {
    edges { node { id } highestUse { usedPercent } } } }`);
  type Edge = { node: { id: string }; highestUse: { usedPercent: number | null } | null };
  const percents = new Map(
    (usersConnection.edges as Edge[]).map(({ node, highestUse }) => [
      node.id,
      highestUse === null ? 0 : (highestUse.usedPercent ?? Number.POSITIVE_INFINITY),
    ]),
  );
  const shares = found.map((id) => percents.get(id) ?? 0);
  expect(shares).toEqual([...shares].sort((a, b) => b - a));
  expect(new Set(shares).size).toBeGreaterThan(1);
});

test('the order by use needs to know of which limit', async () => {
  const { message } = await app.fails(query, { order: 'USE_DESC' });
  expect(message).toContain('USE_DESC needs a filter');
});

test('the filter by a limit that refuses more finds who may not use one more, of one feature and of any', async () => {
  const input = userIds.slice(0, 30).map((userId) => ({ userId, featureId: 'messages', delta: 4 }));
  await app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
    input,
  });
  const refusedOf = async (featureId: string) => {
    const { usersNearLimit } = await app.ok(
      `query ($featureId: String!) {
        usersNearLimit(featureId: $featureId, percent: 100) { user { id } used budget entitlement { access } }
      }`,
      { featureId },
    );
    type Row = { user: { id: string }; used: number; budget: number; entitlement: { access: boolean } };
    return (usersNearLimit as Row[]).filter(({ entitlement }) => !entitlement.access);
  };
  const { features } = await app.ok('{ features { id type } }');
  const counted = (features as { id: string; type: string }[]).filter(({ type }) => type === 'CONSUMABLE');
  const refused = (await Promise.all(counted.map(({ id }) => refusedOf(id)))).flat();
  const idsOf = (rows: typeof refused) => [...new Set(rows.map(({ user }) => user.id))].sort();
  const ofMessages = await refusedOf('messages');
  expect(ofMessages.length).toBeGreaterThan(1);
  const reached = { limit: 'REACHED' };
  expect((await listOf({ filter: reached })).sort()).toEqual(idsOf(refused));
  expect((await listOf({ filter: { ...reached, featureId: 'messages' } })).sort()).toEqual(idsOf(ofMessages));
  // A top-up with something left makes it possible again.
  const [first] = idsOf(ofMessages);
  await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
    input: { userId: first, featureId: 'messages', amount: 5 },
  });
  expect(await listOf({ filter: { ...reached, featureId: 'messages' } })).not.toContain(first);
});

test('each user of a list tells what is held, the limit of which most is used, and the last use', async () => {
  const asked = `{ usersConnection(first: 100) { edges {
    node { id } lastUsedAt subscriptions { userId status package { id } }
    highestUse { feature { id } used budget usedPercent } } } }`;
  const { usersConnection } = await app.ok(asked);
  interface Edge {
    node: { id: string };
    lastUsedAt: string | null;
    subscriptions: { userId: string; status: string }[];
    highestUse: { feature: { id: string }; used: number; budget: number } | null;
  }
  const edges = usersConnection.edges as Edge[];
  expect(edges).toHaveLength(userIds.length);
  expect(edges.filter(({ highestUse }) => highestUse !== null).length).toBeGreaterThan(5);
  for (const { node, lastUsedAt, subscriptions, highestUse } of edges.slice(0, 30)) {
    const its = await app.ok(
      `query ($id: String!) { entitlements(userId: $id) { feature { id } consumption { used budget } }
        usageEvents(userId: $id, first: 1, newestFirst: true) { recordedAt } }`,
      { id: node.id },
    );
    expect(lastUsedAt).toBe(its.usageEvents[0]?.recordedAt ?? null);
    expect(subscriptions.every(({ userId, status }) => userId === node.id && status !== 'CANCELLED')).toBe(
      true,
    );
    const shares = (
      its.entitlements as { consumption: { used: number; budget: number | null } | null }[]
    ).flatMap(({ consumption }) =>
      consumption?.budget == null || consumption.used === 0 ? [] : [consumption.used / consumption.budget],
    );
    expect(highestUse === null ? [] : [highestUse.used / highestUse.budget]).toEqual(
      shares.length === 0 ? [] : [Math.max(...shares)],
    );
  }
});

test('a page is a constant number of statements', async () => {
  const asked = `query ($first: Int) { usersConnection(first: $first) { totalCount edges {
    node { id } lastUsedAt subscriptions { package { name } } highestUse { feature { name } used } } } }`;
  const count = async (first: number) => (await statementsOf(() => app.ok(asked, { first }))).length;
  expect(await count(10)).toBe(await count(50));
});

test.each([
  [{ first: 0 }, 'first'],
  [{ first: 1_001 }, 'first'],
  [{ after: 'nonsense' }, 'after'],
  [{ after: Buffer.from('["NAME_ASC","a","b"]').toString('base64url') }, 'after'],
  [{ after: Buffer.from('["CREATED_ASC","a","b"]').toString('base64url') }, 'after'],
  [{ filter: { usedPercent: 0 } }, 'filter.usedPercent'],
])('%j is refused, and the error names %s', async (variables, field) => {
  const error = await app.fails(query, { order: 'CREATED_ASC', ...variables });
  expect(error).toMatchObject({
    message: expect.stringContaining(field),
    extensions: { code: 'BAD_USER_INPUT' },
  });
});
