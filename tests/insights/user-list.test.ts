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

test('a page is a constant number of statements', async () => {
  const count = async (first: number) => (await statementsOf(() => pageOf({ first }))).length;
  expect(await count(1)).toBe(await count(50));
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
