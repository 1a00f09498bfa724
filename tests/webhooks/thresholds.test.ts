import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { type EventType, eventData } from '../../src/webhooks/outbox/rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

// Thresholds are told by the statement that crosses them, whatever way usage is recorded, once in a window.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
  await app.ok(
    'mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: ["usage.*", "top_up.*"] }) { secret } }',
  );
  await createPackage('base', { limit: 100, resetPeriod: 'MONTH', alertAt: [100, 80, 80] });
  await createPackage('quiet', { limit: 100, resetPeriod: 'MONTH' });
  await createPackage('more', { limit: 1_000, resetPeriod: 'MONTH', alertAt: [50] }, ['base']);
});
afterAll(() => app.close());

async function createPackage(
  id: string,
  entitlement: object,
  bases?: string[],
  featureId = 'calls',
): Promise<void> {
  const input = {
    id,
    features: [{ id: featureId, entitlement }],
    isAddon: bases !== undefined,
    basePackages: bases,
  };
  await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', { input });
  await app.ok(`mutation { publishPackage(id: "${id}") { id } }`);
}

let users = 0;
let user: string;
beforeEach(async () => {
  users += 1;
  user = `user-${users}`;
  await createUser(user);
});
async function createUser(id: string, packageId = 'base'): Promise<void> {
  await app.ok(`mutation { createUser(input: { id: "${id}" }) { id } }`);
  await app.ok(`mutation { subscribe(userId: "${id}", packageIds: ["${packageId}"]) { id } }`);
}

const record = (usage: object) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId: user, featureId: 'calls', ...usage },
  });

/** What was told since the last look, as `type threshold used`; each fits its schema. */
async function told(): Promise<string[]> {
  const { rows } = await app.database.work.query<{ type: EventType; data: Record<string, unknown> }>(
    'with gone as (delete from webhook_event returning id, type, data) select type, data from gone order by id',
  );
  for (const { type, data } of rows) z.strictObject(eventData[type].shape).parse(data);
  return rows.map(({ type, data }) => `${type} ${data.threshold ?? data.thresholdAmount} ${data.used}`);
}

test('they are told once in a window, in order, and a revert does not arm them again', async () => {
  await record({ delta: 79 });
  expect(await told()).toEqual([]);
  await record({ delta: 1 });
  expect(await told()).toEqual(['usage.threshold_reached 80 80']);
  await record({ delta: -40 });
  await record({ delta: 45 });
  expect(await told()).toEqual([]);
  await record({ delta: 115 });
  expect(await told()).toEqual(['usage.threshold_reached 100 200', 'usage.limit_reached 100 200']);
  await record({ delta: 1 });
  expect(await told()).toEqual([]);
  // Another window.
  await app.database.work.query(`update subscription set started_at = started_at - interval '20 days'`);
  await record({ delta: 85 });
  expect(await told()).toEqual(['usage.threshold_reached 80 85']);
});

test('what was told of a user is listed, newest first', async () => {
  await record({ delta: 80 });
  await record({ delta: 20 });
  const query = `query ($userId: String!, $first: Int) { usageAlerts(userId: $userId, featureId: "calls", first: $first) {
    feature { id } threshold thresholdAmount reachedAt toldAt } }`;
  const { usageAlerts } = await app.ok(query, { userId: user });
  const at = expect.stringMatching(/Z$/);
  const both = [100, 80].map((threshold) => ({
    feature: { id: 'calls' },
    threshold,
    thresholdAmount: null,
    reachedAt: at,
    toldAt: at,
  }));
  expect(usageAlerts).toEqual(both);
  expect((await app.ok(query, { userId: user, first: 1 })).usageAlerts).toEqual(both.slice(0, 1));
  await told();
});

test('one call that jumps over both tells of both', async () => {
  await record({ delta: 150 });
  expect(await told()).toEqual([
    'usage.threshold_reached 80 150',
    'usage.threshold_reached 100 150',
    'usage.limit_reached 100 150',
  ]);
});

describe('every way of recording tells', () => {
  const eighty = ['usage.threshold_reached 80 80'];

  test.each<[string, () => Promise<unknown>]>([
    ['a key', () => record({ delta: 80, idempotencyKey: 'k' })],
    ['SET', () => record({ delta: 80, action: 'SET' })],
    ['enforce', () => record({ delta: 80, enforce: true })],
    [
      'a list',
      () =>
        app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
          input: [40, 40].map((delta) => ({ userId: user, featureId: 'calls', delta })),
        }),
    ],
    [
      'Segment',
      () =>
        app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
          event: { type: 'track', userId: user, event: 'E', properties: { featureId: 'calls', delta: 80 } },
        }),
    ],
  ])('%s', async (_way, use) => {
    await use();
    expect(await told()).toEqual(eighty);
  });

  test('a merge', async () => {
    await createUser('other', 'quiet');
    await app.database.work.query(`update subscription set started_at = started_at - interval '1 hour'`);
    await record({ delta: 45 });
    await record({ userId: 'other', delta: 45 });
    expect(await told()).toEqual([]);
    await app.ok(`mutation { mergeUsers(ids: ["${user}", "other"]) { id } }`);
    expect(await told()).toEqual(['usage.threshold_reached 80 90']);
    await record({ delta: 1 });
    expect(await told()).toEqual([]);
  });

  test('a merge does not tell again what one of them was told', async () => {
    await record({ delta: 80 });
    expect(await told()).toEqual(eighty);
    await createUser('third', 'quiet');
    await app.ok(`mutation { mergeUsers(ids: ["third", "${user}"]) { id } }`);
    await record({ delta: 5 });
    expect(await told()).toEqual([]);
  });
});

test('calls that race tell of each threshold once', async () => {
  await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      record(index % 3 === 0 ? { delta: 2, enforce: index % 2 === 0 } : { delta: 2 }),
    ),
  );
  const types = (await told()).map((each) => each.split(' ').slice(0, 2).join(' '));
  expect(types.sort()).toEqual([
    'usage.limit_reached 100',
    'usage.threshold_reached 100',
    'usage.threshold_reached 80',
  ]);
});

test('only the holding that limits the user is told of', async () => {
  await app.ok(`mutation { subscribe(userId: "${user}", packageIds: ["more"]) { id } }`);
  await record({ delta: 200 });
  expect(await told()).toEqual([]);
  await record({ delta: 300 });
  expect(await told()).toEqual(['usage.threshold_reached 50 500']);
});

test('nothing is told of what is refused, and nothing written without a threshold or a webhook', async () => {
  await record({ delta: 101, enforce: true });
  expect(await told()).toEqual([]);
  await createUser('silent', 'quiet');
  await record({ userId: 'silent', delta: 500 });
  expect(await told()).toEqual([]);
  await app.database.work.query(`update webhook set events = '{user.created}'`);
  await record({ delta: 90 });
  await app.database.work.query(`update webhook set events = '{usage.threshold_reached}'`);
  expect(await told()).toEqual([]);
  // A webhook that is created later learns of it with the next usage.
  await record({ delta: 1 });
  expect(await told()).toEqual(['usage.threshold_reached 80 91']);
  await app.database.work.query(`update webhook set events = '{usage.*,top_up.*}'`);
});

describe('absolute thresholds', () => {
  beforeAll(async () => {
    await app.ok(
      'mutation { createFeature(input: { id: "tokens", type: CONSUMABLE, precision: 2 }) { id } }',
    );
    const alertAtAmount = [1_000_000_000.5, 0.25];
    const entitlement = { resetPeriod: 'DAY', alertAtAmount };
    await createPackage('metered', entitlement, undefined, 'tokens');
  });
  beforeEach(async () => {
    await createUser(`${user}-metered`, 'metered');
    user = `${user}-metered`;
  });
  const use = (usage: object) => record({ featureId: 'tokens', ...usage });

  test('they need no limit, and are told once in a window', async () => {
    await use({ delta: 0.24 });
    expect(await told()).toEqual([]);
    await use({ delta: 0.01 });
    await use({ delta: -0.25 });
    await use({ delta: 0.3, action: 'SET' });
    await use({ delta: 1_000_000_000, enforce: true });
    expect(await told()).toEqual(['usage.threshold_reached 0.25 0.25']);
    await use({ delta: 0.2, idempotencyKey: 'k' });
    await use({ delta: 0.2, idempotencyKey: 'k' });
    expect(await told()).toEqual(['usage.threshold_reached 1000000000.5 1000000000.5']);
    await app.database.work.query(`update subscription set started_at = started_at - interval '30 hours'`);
    await use({ delta: 5 });
    expect(await told()).toEqual(['usage.threshold_reached 0.25 5']);
  });

  test('calls that race tell of each once', async () => {
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => use({ delta: 0.05, enforce: index % 2 === 0 })),
    );
    expect((await told()).map((each) => each.split(' ', 2).join(' '))).toEqual([
      'usage.threshold_reached 0.25',
    ]);
  });

  test('the package tells them, its next version keeps them', async () => {
    await app.ok('mutation { createPackageVersion(packageId: "metered") { id } }');
    const { package: metered } = await app.ok(
      '{ package(id: "metered") { features { alertAtAmount } draft { features { alertAtAmount alertOnReset } } } }',
    );
    const alertAtAmount = [0.25, 1_000_000_000.5];
    expect(metered.features).toEqual([{ alertAtAmount }]);
    expect(metered.draft.features).toEqual([{ alertAtAmount, alertOnReset: false }]);
  });
});

describe('top-ups', () => {
  const topUp = async (input: object): Promise<string> => {
    const made = await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id alertAt } }', {
      input: { userId: user, featureId: 'calls', ...input },
    });
    return made.topUp.id;
  };

  test('thresholds are told once each, and a top-up that is used up', async () => {
    await topUp({ amount: 10, alertAt: [50, 90, 50], alertAtAmount: [7] });
    await record({ delta: 104 });
    await told();
    await record({ delta: 1 });
    expect(await told()).toEqual(['usage.threshold_reached 50 5']);
    await record({ delta: -3 });
    await record({ delta: 6, enforce: true });
    expect(await told()).toEqual(['usage.threshold_reached 7 8']);
    await record({ delta: 10 });
    expect(await told()).toEqual(['usage.threshold_reached 90 10', 'top_up.exhausted undefined undefined']);
    await record({ delta: -20 });
    await record({ delta: 20 });
    expect(await told()).toEqual([]);
  });

  test('of several, each is told of; calls that race tell once', async () => {
    await topUp({ amount: 5, alertAt: [100] });
    await topUp({ amount: 5, alertAtAmount: [2] });
    await record({ delta: 100 });
    await told();
    await Promise.all(Array.from({ length: 20 }, () => record({ delta: 1 })));
    expect((await told()).map((each) => each.split(' ', 2).join(' ')).sort()).toEqual([
      'top_up.exhausted undefined',
      'top_up.exhausted undefined',
      'usage.threshold_reached 100',
      'usage.threshold_reached 2',
    ]);
  });

  test('the same call without thresholds is known again; what they may be', async () => {
    const first = await topUp({ amount: 5, idempotencyKey: 'k' });
    expect(await topUp({ amount: 5, idempotencyKey: 'k', alertAt: null })).toBe(first);
    const refused = async (input: object) =>
      (
        await app.fails('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
          input: { userId: user, featureId: 'calls', amount: 5, ...input },
        })
      ).message;
    expect(await refused({ idempotencyKey: 'k', alertAt: [5] })).toContain('idempotency key');
    expect(await refused({ alertAt: [101] })).toBe('input.alertAt: must be at most 100');
    expect(await refused({ alertAtAmount: [5.5] })).toMatch(/^input.alertAtAmount.0: .*precision/);
    expect(await refused({ alertAtAmount: [6] })).toBe('input.alertAtAmount.0: must be at most the amount');
    expect(await refused({ alertAtAmount: [0] })).toBe('input.alertAtAmount.0: must be more than 0');
  });
});

test('a threshold needs a limit, and is a whole number of percent', async () => {
  const create = (entitlement: object) =>
    app.fails('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
      input: {
        id: 'wrong',
        features: [{ id: 'calls', entitlement: { resetPeriod: 'DAY', ...entitlement } }],
      },
    });
  expect((await create({ alertAt: [80] })).message).toContain(
    'input.features.0.entitlement.alertAt: needs a limit',
  );
  expect((await create({ limit: 5, alertAt: [0] })).message).toContain('alertAt.0');
  expect((await create({ alertAtAmount: [-1] })).message).toContain('alertAtAmount.0: must be more than 0');
  expect((await create({ alertAtAmount: [1.5] })).message).toContain('alertAtAmount.0: ');
  const { package: base } = await app.ok('{ package(id: "base") { features { alertAt } } }');
  expect(base.features).toEqual([{ alertAt: [80, 100] }]);
});
