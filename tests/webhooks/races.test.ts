import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { backfill } from '../../src/segment/mapping/backfill.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createRule, workOn } from '../helpers/segment.ts';

// Every way of recording at once over the same thresholds, on two servers with one database: each is told once.

let apps: [TestApp, TestApp];
beforeAll(async () => {
  const first = await startTestApp();
  apps = [first, await startTestApp({ databaseUrl: first.databaseUrl })];
  await first.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
  await first.ok(
    'mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: ["usage.*", "top_up.*"] }) { secret } }',
  );
  const entitlement = {
    ...{ limit: 200, resetPeriod: 'DAY', overageEnabled: true },
    ...{ alertAt: [25, 50, 75, 100], alertAtAmount: [77] },
  };
  await first.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
    input: { id: 'base', features: [{ id: 'calls', entitlement }] },
  });
  await first.ok('mutation { publishPackage(id: "base") { id } }');
});
afterAll(async () => {
  await apps[1].close();
  await apps[0].close();
});

let sent = 0;
/**
 * Sends to the two servers in turn. So many calls about one user wait for each other, on a busy machine too long: then
 * nothing has happened, and it is sent again.
 */
async function ok(query: string, variables: object = {}) {
  const [first, second] = apps;
  for (let attempt = 1; ; attempt += 1) {
    sent += 1;
    try {
      return await (sent % 2 === 0 ? first : second).ok(query, variables, first.keys.test);
    } catch (error) {
      if (attempt === 20 || !`${error}`.includes('Another request is changing the same data')) throw error;
    }
  }
}
const record = (input: object) =>
  ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', { input });
async function recordList(input: object[]): Promise<void> {
  const query =
    'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded error { code } } }';
  const { recordUsages: results } = await ok(query, { input });
  const left = input.filter((_, index) => results[index].error?.code === 'SERVICE_UNAVAILABLE');
  if (left.length > 0) await recordList(left);
}
const times = (count: number, call: (index: number) => Promise<unknown>) =>
  Array.from({ length: count }, (_, index) => call(index));

/** What was told since the last look, without what was used then. */
async function told(): Promise<string[]> {
  const { rows } = await apps[0].database.work.query<{ type: string; data: Record<string, unknown> }>(
    'with gone as (delete from webhook_event returning id, type, data) select type, data from gone',
  );
  return rows
    .map(
      ({ type, data }) =>
        `${type} ${data.threshold ?? data.thresholdAmount ?? ''} ${data.topUpId ? 'top-up' : ''}`,
    )
    .map((text) => text.trim())
    .sort();
}

const ofWindow = [
  'usage.limit_reached 100',
  'usage.threshold_reached 100',
  'usage.threshold_reached 25',
  'usage.threshold_reached 50',
  'usage.threshold_reached 75',
  'usage.threshold_reached 77',
];

/** More than sixty calls that add 206 in all. */
async function raceByAllWays(userId: string): Promise<void> {
  const usage = { userId, featureId: 'calls', delta: 3 };
  const { delta } = usage;
  const eventOf = (facts: object) => ({ type: 'track', userId, messageId: `${Math.random()}`, ...facts });
  await Promise.all(
    times(16, () =>
      ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
        event: eventOf({ event: `Late ${userId}` }),
      }),
    ),
  );
  await record({ ...usage, userId: `${userId}-twin`, delta: 30 });
  await createRule(apps[0], { name: userId, featureId: 'calls', eventName: `Late ${userId}` });
  expect(await told()).toEqual([]);
  await Promise.all([
    ...times(10, () => record(usage)),
    ...times(16, (index) => record({ ...usage, idempotencyKey: `key-${index >> 1}` })),
    ...times(8, () => record({ ...usage, enforce: true })),
    ...times(4, () => recordList([usage, { ...usage, enforce: true }, usage])),
    ...times(8, () =>
      ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
        event: eventOf({ event: 'E', properties: { featureId: 'calls', delta } }),
      }),
    ),
    ...times(4, async () => {
      const input = { userId, featureId: 'calls', amount: 1 };
      const { reserveUsage } = await ok(
        'mutation ($input: ReserveUsageInput!) { reserveUsage(input: $input) { id } }',
        { input },
      );
      await Promise.all(
        times(2, () =>
          ok(
            'mutation ($id: String!, $amount: Amount!) { commitReservation(id: $id, amount: $amount) { recorded } }',
            {
              id: reserveUsage.id,
              amount: delta,
            },
          ),
        ),
      );
    }),
    ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', {
      csv: `id,usage:calls\n${userId},10\n`,
    }),
    ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', { ids: [userId, `${userId}-twin`] }),
    ...apps.map((app) => backfill(workOn(app), 'test')),
  ]);
}

test.each(['first', 'second', 'third'])(
  'each threshold is told once, by whatever way it was crossed: %s',
  async (userId) => {
    await ok('mutation ($id: String!) { createUser(input: { id: $id }) { id } }', { id: userId });
    await ok('mutation ($id: String!) { createUser(input: { id: $id }) { id } }', { id: `${userId}-twin` });
    await ok('mutation ($id: String!) { subscribe(userId: $id, packageIds: ["base"]) { id } }', {
      id: userId,
    });
    const { work } = apps[0].database;
    await work.query(`update subscription set started_at = started_at - interval '1 hour'`);
    const topUp = { userId, featureId: 'calls', amount: 5, alertAt: [60] };
    await ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', { input: topUp });
    await raceByAllWays(userId);
    const { canUseFeature } = await ok(
      'query ($userId: String!) { canUseFeature(userId: $userId, featureId: "calls") { consumption { used } } }',
      { userId },
    );
    expect(canUseFeature.consumption.used).toBe(206);
    expect(await told()).toEqual(
      [...ofWindow, 'top_up.exhausted  top-up', 'usage.threshold_reached 60 top-up'].sort(),
    );

    // Below and above again in the same window: nothing.
    const use = (delta: number) =>
      Promise.all(
        times(64, (index) => record({ userId, featureId: 'calls', delta, enforce: index % 3 === 0 })),
      );
    await use(-3);
    await use(4);
    expect(await told()).toEqual([]);
    // In the next window: once more, but the top-up is used up.
    await work.query(
      `update subscription set started_at = started_at - interval '1 day' - interval '1 hour'`,
    );
    await use(4);
    expect(await told()).toEqual(ofWindow);
  },
);
