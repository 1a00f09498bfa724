import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import { findDrawDifferences } from '../../src/usage/draws/store.ts';
import { findDifferences } from '../../src/usage/ledger/verify-store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { postEvents, trackEvent } from '../helpers/segment.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
let users = 0;
let userId: string;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'tokens' });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, { id: 'base', features: [{ id: 'tokens', limit: 100, resetPeriod: 'MONTH' }] });
});
afterAll(() => app.close());
beforeEach(async () => {
  userId = await subscriber();
});

/** A new user with a budget of 100 tokens. */
async function subscriber(days = 10): Promise<string> {
  users += 1;
  const id = `user-${users}`;
  await createUser(app.database.prisma, { id });
  const startedAt = DateTime.utc().minus({ days }).toJSDate();
  await createSubscription(app.database.prisma, { userId: id, packageId: 'base', startedAt });
  return id;
}

const topUpMutation = `mutation ($input: TopUpInput!) {
  topUp(input: $input) { id amount remaining priority expiresAt reason }
}`;
const topUp = async (input: object) =>
  (await app.ok(topUpMutation, { input: { userId, featureId: 'tokens', ...input } })).topUp;
const refusal = (input: object) =>
  app.fails(topUpMutation, { input: { userId, featureId: 'tokens', ...input } });

const consumption = 'consumption { used budget remaining topUp { granted remaining } }';
const check = async (delta = 1) =>
  (
    await app.ok(
      `query ($userId: String!, $delta: Int) {
        canUseFeature(userId: $userId, featureId: "tokens", delta: $delta) { access ${consumption} }
      }`,
      { userId, delta },
    )
  ).canUseFeature;
const record = async (input: object) =>
  (
    await app.ok(
      `mutation ($input: CreateUsageEventInput!) {
        recordUsage(input: $input) { recorded duplicate entitlement { access ${consumption} } }
      }`,
      { input: { userId, featureId: 'tokens', ...input } },
    )
  ).recordUsage;
const list = async () =>
  (
    await app.ok('query ($userId: String!) { topUps(userId: $userId) { amount remaining voidReason } }', {
      userId,
    })
  ).topUps;
const remains = async () => (await list()).map(({ remaining }: { remaining: number }) => remaining);

async function proven() {
  const everyone = [0n, 2n ** 62n] as const;
  expect(await findDifferences(app.database.hot, ...everyone)).toEqual([]);
  expect(await findDrawDifferences(app.database.hot, ...everyone)).toEqual([]);
}
const inDays = (days: number) => DateTime.utc().plus({ days }).toISO();

describe('top-ups', () => {
  test('are used once the budget is spent, soonest to expire first, and given back', async () => {
    await topUp({ amount: 30, reason: 'bought' });
    await topUp({ amount: 20, expiresAt: inDays(30) });
    expect(await check(150)).toEqual({
      access: true,
      consumption: { used: 0, budget: 100, remaining: 150, topUp: { granted: 50, remaining: 50 } },
    });
    expect((await check(151)).access).toBe(false);
    const after = await record({ delta: 125 });
    expect(after.entitlement.consumption).toEqual({
      used: 125,
      budget: 100,
      remaining: 25,
      topUp: { granted: 50, remaining: 25 },
    });
    expect(await remains()).toEqual([25, 0]);
    await record({ delta: -10 });
    expect(await remains()).toEqual([30, 5]);
    await record({ delta: 90, action: 'SET' });
    expect(await remains()).toEqual([30, 20]);
    await record({ delta: 200, action: 'SET' });
    expect(await check(0)).toMatchObject({ access: false, consumption: { remaining: 0 } });
    await proven();
  });

  test('tell which usage drew how much, and what was given back, in as many statements for many', async () => {
    const first = await topUp({ amount: 30 });
    const second = await topUp({ amount: 20, expiresAt: inDays(30) });
    await record({ delta: 90 });
    await record({ delta: 35 });
    await record({ delta: -8, note: 'refund' });
    const asked = `draws(first: $first, before: $before) {
      id amount createdAt periodStart usageEvent { delta note drawnFromTopUps feature { id } }
    }`;
    const draws = async (id: string, page: object = {}) =>
      (
        await app.ok(
          `query ($id: String!, $first: Int! = 100, $before: String) { topUp(id: $id) { ${asked} } }`,
          { id, ...page },
        )
      ).topUp.draws;
    const [last, ...rest] = await draws(second.id);
    expect([last, ...rest]).toMatchObject([
      { amount: -3, usageEvent: { delta: -8, note: 'refund', drawnFromTopUps: -8 } },
      {
        amount: 20,
        usageEvent: { delta: 35, note: null, drawnFromTopUps: 25, feature: { id: 'tokens' } },
      },
    ]);
    expect(await draws(second.id, { first: 1 })).toEqual([last]);
    expect(await draws(second.id, { before: last.id })).toEqual(rest);
    expect((await draws(first.id)).map(({ amount }: { amount: number }) => amount)).toEqual([-5, 5]);
    const { usageEvents } = await app.ok(
      'query ($userId: String!) { usageEvents(userId: $userId) { delta drawnFromTopUps } }',
      { userId },
    );
    expect(usageEvents).toEqual([
      { delta: 90, drawnFromTopUps: 0 },
      { delta: 35, drawnFromTopUps: 25 },
      { delta: -8, drawnFromTopUps: -8 },
    ]);
    const everything =
      'query ($userId: String!, $first: Int) { topUps(userId: $userId, first: $first) { draws { usageEvent { id feature { name } } } } }';
    const counted = async (count: number) =>
      (await statementsOf(() => app.ok(everything, { userId, first: count }))).length;
    expect(await counted(2)).toBe(await counted(1));
  });

  test.each([
    ['first', 0, 'first: must be at least 1'],
    ['first', 1001, 'first: must be at most 1000'],
    ['before', 'x', 'before: is not the id of a draw'],
  ])('have no draws by %s %p', async (field, value, message) => {
    const { id } = await topUp({ amount: 5 });
    const query = `query ($id: String!, $first: Int! = 100, $before: String) {
      topUp(id: $id) { draws(first: $first, before: $before) { id } }
    }`;
    expect(await app.fails(query, { id, [field]: value })).toMatchObject({
      message,
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  test('cover an enforced SET as far as the window has drawn from them already', async () => {
    await topUp({ amount: 50 });
    await record({ delta: 150 });
    const set = async (delta: number) => (await record({ delta, action: 'SET', enforce: true })).recorded;
    expect([await set(151), await set(150), await set(140)]).toEqual([false, true, true]);
    expect(await remains()).toEqual([10]);
    await app.database.prisma.topUp.updateMany({
      where: { user: { id: userId } },
      data: { expiresAt: new Date(Date.now() - 1) },
    });
    // What was drawn while it was alive stays paid.
    expect([await set(141), await set(140), await set(120)]).toEqual([false, true, true]);
    await proven();
  });

  test('500 enforced calls against a budget of 100 and top-ups of 30 and 20 record exactly 150', async () => {
    await Promise.all([topUp({ amount: 30 }), topUp({ amount: 20 })]);
    const results = await Promise.all(Array.from({ length: 500 }, () => record({ delta: 1, enforce: true })));
    expect(results.filter(({ recorded }) => recorded)).toHaveLength(150);
    expect(await check()).toEqual({
      access: false,
      consumption: { used: 150, budget: 100, remaining: 0, topUp: { granted: 50, remaining: 0 } },
    });
    await proven();
  });

  test('while they are bought, plain usage and Segment events beside them draw exactly what they should', async () => {
    const events = Array.from({ length: 20 }, () =>
      trackEvent({ userId, properties: { featureId: 'tokens', delta: 2 } }),
    );
    await Promise.all([
      ...Array.from({ length: 40 }, () => record({ delta: 2 })),
      topUp({ amount: 25 }),
      postEvents(app, events),
      ...Array.from({ length: 20 }, () => record({ delta: 2 })),
    ]);
    expect((await check()).consumption).toMatchObject({ used: 160, topUp: { granted: 25 } });
    await proven();
  });

  test('cover usage at the time when they were alive, not before they were given or after they ended', async () => {
    await record({ delta: 100, timestamp: inDays(-5) });
    const { id } = await topUp({ amount: 10 });
    await record({ delta: 4, timestamp: inDays(-4) });
    expect(await remains()).toEqual([10]);
    await record({ delta: 3 });
    expect(await remains()).toEqual([7]);
    const { prisma } = app.database;
    await prisma.topUp.updateMany({
      where: { id: BigInt(id) },
      data: { expiresAt: new Date(Date.now() - 1) },
    });
    expect(await check()).toMatchObject({ access: false, consumption: { remaining: 0, topUp: null } });
    await record({ delta: 2 });
    expect(await remains()).toEqual([7]);
    await proven();
  });

  test('are told by showUsage for the current period only, without what reservations hold', async () => {
    userId = await subscriber(40);
    await topUp({ amount: 30 });
    await record({ delta: 110 });
    await app.ok('mutation ($input: ReserveUsageInput!) { reserveUsage(input: $input) { reserved } }', {
      input: { userId, featureId: 'tokens', amount: 5 },
    });
    const { showUsage } = await app.ok(
      `query ($userId: String!) {
        showUsage(userId: $userId, featureId: "tokens") { current { ${consumption} } past { ${consumption} } }
      }`,
      { userId },
    );
    expect(showUsage.current.consumption).toEqual((await check()).consumption);
    expect(showUsage.current.consumption).toMatchObject({
      remaining: 15,
      topUp: { granted: 30, remaining: 20 },
    });
    expect(showUsage.past).toMatchObject([{ consumption: { topUp: null } }]);
  });

  test('keep the precision of their feature from being lowered', async () => {
    await createFeature(app.database.prisma, { id: 'credits', precision: 3 });
    await topUp({ featureId: 'credits', amount: 1.25 });
    const lower =
      'mutation ($to: Int) { updateFeature(id: "credits", input: { precision: $to }) { precision } }';
    expect((await app.fails(lower, { to: 1 })).message).toContain('input.precision: must be at least 2');
    expect((await app.ok(lower, { to: 2 })).updateFeature.precision).toBe(2);
  });

  test('do not cover what was used beyond the budget before', async () => {
    await record({ delta: 130 });
    await topUp({ amount: 10 });
    expect(await check(10)).toMatchObject({ access: true, consumption: { remaining: 10 } });
    await record({ delta: 1 });
    expect(await remains()).toEqual([9]);
    await proven();
  });

  test('end when they are voided; what was drawn stays drawn', async () => {
    const { id } = await topUp({ amount: 10 });
    await record({ delta: 104 });
    const mutation = `mutation ($id: String!, $reason: String) {
      voidTopUp(id: $id, reason: $reason) { remaining voidedAt voidReason }
    }`;
    const { voidTopUp } = await app.ok(mutation, { id, reason: 'refunded' });
    expect(voidTopUp).toMatchObject({ remaining: 6, voidReason: 'refunded' });
    expect((await app.ok(mutation, { id, reason: 'again' })).voidTopUp).toEqual(voidTopUp);
    expect(await check()).toMatchObject({ access: false, consumption: { topUp: null } });
    const { auditLog } = await app.ok(
      'query ($userId: String!) { auditLog(userId: $userId) { action after } }',
      {
        userId,
      },
    );
    expect(auditLog).toMatchObject([
      { action: 'voidTopUp', after: { voidReason: 'refunded' } },
      { action: 'topUp', after: { userId, amount: 10 } },
    ]);
    await proven();
  });

  test('are voided while they are drawn from: every draw came before, and nothing more is used', async () => {
    const { id } = await topUp({ amount: 30 });
    await record({ delta: 100 });
    const [results] = await Promise.all([
      Promise.all(Array.from({ length: 60 }, () => record({ delta: 1, enforce: true }))),
      app.ok('mutation ($id: String!) { voidTopUp(id: $id) { id } }', { id }),
    ]);
    const drawn = results.filter(({ recorded }) => recorded).length;
    expect(await remains()).toEqual([30 - drawn]);
    expect(await check()).toMatchObject({ access: false, consumption: { used: 100 + drawn, topUp: null } });
    await record({ delta: -drawn });
    expect(await remains()).toEqual([30]);
    expect(await check()).toMatchObject({ access: false, consumption: { used: 100, remaining: 0 } });
    await proven();
  });

  test("of two users who are merged are the survivor's; a merge draws nothing, and a deletion takes all", async () => {
    await topUp({ amount: 30, idempotencyKey: 'k' });
    await record({ delta: 110 });
    const first = userId;
    userId = await subscriber();
    await topUp({ amount: 20, idempotencyKey: 'k' });
    await record({ delta: 105 });
    await app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', { ids: [first, userId] });
    await proven();
    expect(await remains()).toEqual([20, 15]);
    const { topUps: merged } = await app.ok(
      'query ($userId: String!) { topUps(userId: $userId) { draws { amount usageEvent { delta } } } }',
      { userId: first },
    );
    expect(merged.map(({ draws }: { draws: object[] }) => draws.at(-1))).toEqual([
      { amount: 10, usageEvent: { delta: 110 } },
      { amount: 5, usageEvent: { delta: 105 } },
    ]);
    expect((await check()).consumption).toMatchObject({ used: 215, remaining: 35 });
    await record({ delta: 5 });
    expect(await remains()).toEqual([15, 15]);
    await proven();
    await app.ok('mutation ($id: String!) { deleteUser(id: $id) { id } }', { id: first });
    await proven();
  });

  test('with the same idempotency key are the first one; with other values it is a conflict', async () => {
    const made = await Promise.all(
      Array.from({ length: 5 }, () => topUp({ amount: 5, idempotencyKey: 'once' })),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect((await refusal({ amount: 6, idempotencyKey: 'once' })).extensions.code).toBe('CONFLICT');
    expect(await list()).toHaveLength(1);
  });

  test.each([
    ['an amount of 0', { amount: 0 }, 'input.amount: must be more than 0'],
    ['a negative amount', { amount: -1 }, 'input.amount: must be more than 0'],
    [
      'a fraction that the feature has not',
      { amount: 0.5 },
      expect.stringContaining('input.amount: must be a whole'),
    ],
    ['an expiry in the past', { amount: 1, expiresAt: inDays(-1) }, 'input.expiresAt: must be in the future'],
    ['a negative priority', { amount: 1, priority: -1 }, 'input.priority: must be 0 or more'],
    [
      'a BINARY feature',
      { amount: 1, featureId: 'sso' },
      expect.stringContaining('input.featureId: is a BINARY'),
    ],
  ])('are refused with %s', async (_what, input, message) => {
    expect(await refusal(input)).toMatchObject({ message, extensions: { code: 'BAD_USER_INPUT' } });
  });

  test('of an unknown feature or user, or that are unknown themselves, are not found', async () => {
    const names = [
      await refusal({ amount: 1, featureId: 'nothing' }),
      await refusal({ amount: 1, userId: 'nobody' }),
      await app.fails('mutation { voidTopUp(id: "999999") { id } }'),
      await app.fails('{ topUp(id: "999999") { id } }'),
    ].map(({ extensions }) => extensions.exception?.name);
    expect(names).toEqual([
      'FeatureNotFoundError',
      'UserNotFoundError',
      'TopUpNotFoundError',
      'TopUpNotFoundError',
    ]);
  });
});
