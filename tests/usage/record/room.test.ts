import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { findDrawDifferences } from '../../../src/usage/draws/store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { someoneWaits } from '../../helpers/locks.ts';
import { countTrips } from '../../helpers/trips.ts';

// Usage of a user with top-ups is added in one step as long as the budget of the winner has room; else it is decided.

let app: TestApp;
let trips: { count: number };
let userId = '';
let users = 0;

beforeAll(async () => {
  app = await startTestApp();
  trips = countTrips(app.database.pools);
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  for (const [id, limit, resetPeriod] of [
    ['fifty-a-day', 50, 'DAY'],
    ['hundred', 100, null],
    ['thousand', 1_000, null],
    ['unlimited', null, null],
  ] as const)
    await createPackage(prisma, { id, isAddon: true, features: [{ id: 'calls', limit, resetPeriod }] });
  // So that it is known that there are users with top-ups.
  await newUser(['hundred']);
  await add(1);
});
afterAll(() => app.close());
beforeEach(() => newUser([]));

/** A user with a top-up of 60 and these packages, who becomes `userId`. */
async function newUser(packageIds: readonly string[]): Promise<void> {
  users += 1;
  userId = `user-${users}`;
  await createUser(app.database.prisma, { id: userId });
  for (const packageId of packageIds) await subscribe(packageId);
  await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
    input: { userId, featureId: 'calls', amount: 60 },
  });
}

const dayMs = 86_400_000;

/** So that a window of today begins an instant after the subscription did. */
const startedAt = new Date(Math.floor(Date.now() / dayMs) * dayMs - 9 * dayMs - 1);

const subscribe = (packageId: string, status?: 'UNPAID') =>
  createSubscription(app.database.prisma, { userId, packageId, startedAt, ...(status && { status }) });

/** Records usage, and returns in how many round trips, and what is left of the top-up. */
async function add(delta: number, more: object = {}): Promise<{ trips: number; left: number }> {
  trips.count = 0;
  const input = { userId, featureId: 'calls', delta, ...more };
  const { recordUsage } = await app.ok(
    'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }',
    { input },
  );
  expect(recordUsage).toEqual({ recorded: true });
  const { count } = trips;
  const { topUps } = await app.ok(`{ topUps(userId: "${userId}") { remaining } }`);
  return { trips: count, left: topUps[0].remaining };
}

test('up to the limit, and not beyond', async () => {
  await subscribe('hundred');
  expect(await add(90)).toEqual({ trips: 5, left: 60 });
  expect(await add(10)).toEqual({ trips: 1, left: 60 });
  expect(await add(1)).toEqual({ trips: 6, left: 59 });
});

test('without a bound if the budget is unlimited', async () => {
  await subscribe('unlimited');
  await add(1);
  expect(await add(1_000_000)).toEqual({ trips: 1, left: 60 });
});

test('the first usage of a window is decided, and draws what it must', async () => {
  await subscribe('hundred');
  expect(await add(110)).toEqual({ trips: 6, left: 50 });
});

test('the highest limit is the budget, whatever else has more room', async () => {
  await subscribe('fifty-a-day');
  await subscribe('hundred');
  const timestamp = new Date(startedAt.getTime() + dayMs).toISOString();
  await add(95, { timestamp });
  await add(0);
  expect(await add(4)).toEqual({ trips: 1, left: 60 });
  expect(await add(4)).toEqual({ trips: 6, left: 57 });
});

test('a subscription that is not live counts usage, and is not the budget', async () => {
  await subscribe('thousand', 'UNPAID');
  await subscribe('hundred');
  await add(95);
  expect(await add(10)).toEqual({ trips: 6, left: 55 });
});

test('a window that has drawn is followed, also when another one became the budget', async () => {
  await subscribe('hundred');
  expect(await add(110)).toEqual({ trips: 6, left: 50 });
  await app.ok('mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }', {
    input: { userId, featureId: 'calls', limit: 500 },
  });
  await add(1);
  expect((await add(1)).left).toBe(50);
  // 7 below what it was: 2 that were drawn from nothing, and 5 of the top-up.
  expect((await add(-7)).left).toBe(55);
  expect(await findDrawDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
});

test('what is given back needs no decision while nothing was drawn', async () => {
  await subscribe('hundred');
  await add(50);
  expect(await add(-20)).toEqual({ trips: 1, left: 60 });
});

test('what a list adds counts together', async () => {
  await subscribe('hundred');
  await add(50);
  const input = [20, -30, 20, 20].map((delta) => ({ userId, featureId: 'calls', delta }));
  await app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
    input,
  });
  expect((await add(20)).left).toBe(60);
  expect(await add(1)).toEqual({ trips: 6, left: 59 });
});

const recordMany =
  'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded error { code } } }';

/** Locks the counter of one window of a user, after the `skipped` oldest ones, until `work` is done. */
const whileCountersAreLocked = <Result>(id: string, skipped: number, work: () => Promise<Result>) =>
  app.database.prisma.$transaction(async (tx) => {
    const locked = await tx.$queryRaw<unknown[]>`
      select from usage_counter where (user_key, subscription_id, feature_id, window_start) in (
        select user_key, subscription_id, feature_id, window_start from usage_counter
        where user_key = (select key from "user" where id = ${id}) order by window_start offset ${skipped}::int limit 1
      ) for update`;
    expect(locked).toHaveLength(1);
    return work();
  });

test('lists of the same windows in any order never wait for each other for ever', async () => {
  await subscribe('fifty-a-day');
  const list = async (...days: number[]) => {
    const at = (day: number) => new Date(startedAt.getTime() + day * dayMs + 1_000).toISOString();
    const input = days.map((day) => ({ userId, featureId: 'calls', delta: 1, timestamp: at(day) }));
    return (await app.ok(recordMany, { input })).recordUsages;
  };
  await list(1, 2, 3);
  const lists = await whileCountersAreLocked(userId, 1, async () => {
    const first = list(1, 2, 3);
    await someoneWaits(app.database, 1);
    const second = list(3, 2, 1);
    await someoneWaits(app.database, 2);
    return [first, second];
  });
  const recorded = { recorded: true, error: null };
  for (const answers of await Promise.all(lists)) expect(answers).toEqual([recorded, recorded, recorded]);
});

test('what was drawn an instant ago is followed, in whichever window', async () => {
  await subscribe('hundred');
  const blocking = userId;
  await add(1);
  await newUser(['hundred']);
  await add(95);
  const timestamp = new Date().toISOString();
  await app.ok('mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }', {
    input: { userId, featureId: 'calls', limit: 500 },
  });
  await add(1);
  const added = await whileCountersAreLocked(blocking, 0, async () => {
    // The statement sees the state from before the next usage, and adds after it.
    const input = [blocking, userId].map((id) => ({ userId: id, featureId: 'calls', delta: 1 }));
    const waiting = app.ok(recordMany, { input });
    await someoneWaits(app.database, 1);
    // When it was used, the subscription was the budget.
    expect((await add(10, { timestamp, enforce: true })).left).toBe(54);
    return [waiting];
  });
  await Promise.all(added);
  expect(await findDrawDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
});
