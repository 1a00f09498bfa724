import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { z } from 'zod';
import { expiryJob, expiryJobs } from '../../src/allowances/expiry/expire.ts';
import { alertJobs, alertsJob, followAlerts } from '../../src/usage/alerts/follow.ts';
import { type EventType, eventData } from '../../src/webhooks/outbox/rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature } from '../helpers/factories.ts';

// What happens because time has passed is told by jobs, once, whatever races and however often they run.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'calls' });
  await app.ok('mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: ["*"] }) { secret } }');
  await createPackage('daily', { limit: 10, resetPeriod: 'DAY', alertOnReset: true });
  await createPackage('quiet', { limit: 10, resetPeriod: 'DAY', alertAt: [50] });
  await createPackage('bigger', { limit: 99, resetPeriod: 'YEAR' }, ['daily']);
});
afterAll(() => app.close());

async function createPackage(id: string, entitlement: object, basePackages?: string[]): Promise<void> {
  const features = [{ id: 'calls', entitlement }];
  const input = { id, features, isAddon: basePackages !== undefined, basePackages };
  await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', { input });
  await app.ok(`mutation { publishPackage(id: "${id}") { id } }`);
}

let users = 0;
let user: string;
beforeEach(async () => {
  users += 1;
  user = `user-${users}`;
  await app.ok(`mutation { createUser(input: { id: "${user}" }) { id } }`);
});
const subscribe = (packageId: string, userId = user) =>
  app.ok(`mutation { subscribe(userId: "${userId}", packageIds: ["${packageId}"]) { id } }`);
const record = (usage: object = {}) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId: user, featureId: 'calls', ...usage },
  });

/** Runs the jobs in several processes at once, and again. */
async function runJobs(): Promise<void> {
  const context = { pool: app.jobs, log: pino({ level: 'silent' }), stop: new AbortController().signal };
  const run = () => [alertJobs[alertsJob]?.({}, context), expiryJobs[expiryJob]?.({}, context)];
  await Promise.all([...run(), ...run(), ...run()]);
  await Promise.all(run());
}

type Told = { type: EventType; data: Record<string, unknown> };

/** What the jobs tell; each fits its schema. */
async function told(): Promise<Told[]> {
  await app.database.work.query('delete from webhook_event');
  await runJobs();
  const { rows } = await app.database.work.query<Told>(
    'with gone as (delete from webhook_event returning id, type, data) select type, data from gone order by id',
  );
  for (const { type, data } of rows) z.strictObject(eventData[type].shape).parse(data);
  return rows;
}

/** Lets time pass for what there is: all its instants move into the past. */
async function pass(span: string): Promise<void> {
  await app.database.work.query(`
    update subscription set started_at = started_at - interval '${span}', ended_at = ended_at - interval '${span}';
    update usage_counter set window_start = window_start - interval '${span}';
    update usage_alert set window_start = window_start - interval '${span}', created_at = created_at - interval '${span}',
      due_at = due_at - interval '${span}';
    update top_up set created_at = created_at - interval '${span}', expires_at = expires_at - interval '${span}';
    update feature_grant set starts_at = starts_at - interval '${span}', ends_at = ends_at - interval '${span}'`);
}

describe('usage.window_reset', () => {
  test('a window in which something was used, when it ends, once', async () => {
    await subscribe('daily');
    await record({ delta: 3 });
    await record({ delta: 4, enforce: true });
    expect(await told()).toEqual([]);
    await pass('25 hours');
    const [first, ...others] = await told();
    expect(others).toEqual([]);
    const { rows } = await app.database.work.query('select max(started_at) as began from subscription');
    const began = rows[0].began.getTime();
    expect(first).toEqual({
      type: 'usage.window_reset',
      data: {
        userId: user,
        featureId: 'calls',
        subscriptionId: expect.any(String),
        packageId: 'daily',
        limit: 10,
        previousUsed: 7,
        previousWindowStart: new Date(began).toISOString(),
        windowStart: new Date(began + 86_400_000).toISOString(),
      },
    });
    // Usage that arrives late does not end the window once more.
    await record({ delta: 1, timestamp: new Date(began + 1_000) });
    expect(await told()).toEqual([]);
    await pass('24 hours');
    expect(await told()).toEqual([]);
    await record({ delta: 1 });
    await pass('24 hours');
    expect(await told()).toMatchObject([{ type: 'usage.window_reset', data: { previousUsed: 1 } }]);
  });

  test('a window that was over when it was first used is not told', async () => {
    await subscribe('daily');
    await pass('25 hours');
    await record({ delta: 1, timestamp: new Date(Date.now() - 20 * 3_600_000) });
    await pass('25 hours');
    expect(await told()).toEqual([]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a package that does not ask', () => subscribe('quiet')],
    [
      'a subscription that ended before',
      async () => {
        await subscribe('daily');
        await record();
        const { subscriptions } = await app.ok(`{ subscriptions(userId: "${user}") { id } }`);
        await app.ok(`mutation { cancelSubscription(id: "${subscriptions[0].id}") { id } }`);
      },
    ],
    [
      'a subscription that no longer limits the user',
      async () => {
        await subscribe('daily');
        await record();
        await subscribe('bigger');
      },
    ],
    [
      'a user who was deleted',
      async () => {
        await subscribe('daily');
        await record();
        await app.ok(`mutation { deleteUser(id: "${user}") { id } }`);
        user = 'user-1';
      },
    ],
  ])('is not told of %s', async (_case, prepare) => {
    await prepare();
    await record();
    await told();
    await pass('25 hours');
    const own = (await told()).filter(({ data }) => data.userId === user);
    expect(own.map(({ type }) => type)).toEqual(user === 'user-1' ? ['usage.window_reset'] : []);
  });

  test('after a merge it is told of the survivor, once', async () => {
    await subscribe('daily');
    await record();
    await app.ok('mutation { createUser(input: { id: "survivor" }) { id } }');
    await app.ok(`mutation { mergeUsers(ids: ["survivor", "${user}"]) { id } }`);
    await pass('25 hours');
    expect(await told()).toMatchObject([{ data: { userId: expect.stringMatching(/survivor|user/) } }]);
  });

  test('what was told long ago is forgotten, and not told again', async () => {
    await app.database.work.query('delete from usage_alert');
    await subscribe('quiet');
    await record({ delta: 6 });
    await pass('25 hours');
    await record({ delta: 6 });
    const alerts = async () =>
      (await app.database.work.query('select window_start from usage_alert')).rows.length;
    expect([await alerts(), await told(), await alerts()]).toEqual([2, [], 2]);
    await pass('90 days');
    await runJobs();
    expect(await alerts()).toBe(1);
    await pass('2 days');
    await runJobs();
    expect(await alerts()).toBe(0);
    const { rows } = await app.database.work.query('select max(started_at) as began from subscription');
    await app.database.work.query('delete from webhook_event');
    await record({ delta: 1, timestamp: new Date(rows[0].began.getTime() + 1_000) });
    expect(await told()).toEqual([]);
    expect(await alerts()).toBe(0);
  });

  test('many that are due together are told in batches', async () => {
    await subscribe('daily');
    await record();
    await pass('25 hours');
    const { rows } = await app.database.work.query(`
      with more as (
        insert into "user" (environment_id, id, updated_at) select 'test', 'many-' || n, now() from generate_series(1, 25) n
        returning key
      ), held as (
        insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
        select key, 'test', 'daily', false, now() - interval '30 hours' from more returning user_key, id, started_at
      )
      insert into usage_alert (user_key, subscription_id, feature_id, window_start, threshold, environment_id, data, created_at, due_at)
      select user_key, id, 'calls', started_at, 0, 'test', '{}', started_at, started_at from held returning 1`);
    expect(rows).toHaveLength(25);
    await app.database.work.query('delete from webhook_event');
    const context = { pool: app.jobs, stop: new AbortController().signal };
    await Promise.all([followAlerts(context, 10), followAlerts(context, 3)]);
    const events = await app.database.work.query(
      `select 1 from webhook_event where data ->> 'userId' like 'many-%'`,
    );
    expect(events.rows).toHaveLength(25);
  });
});

describe('what expires', () => {
  const ahead = () => new Date(Date.now() + 3_600_000);
  const topUp = async (input: object = {}) =>
    (
      await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
        input: { userId: user, featureId: 'calls', amount: 5, expiresAt: ahead(), ...input },
      })
    ).topUp.id as string;
  const grant = async (input: object = {}) =>
    (
      await app.ok('mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }', {
        input: { userId: user, featureId: 'calls', limit: 5, endsAt: ahead(), ...input },
      })
    ).grantFeature.id as string;

  test('top-ups of which something remains, and grants, once', async () => {
    const [topUpId, grantId] = [await topUp(), await grant()];
    await topUp({ expiresAt: null });
    await grant({ endsAt: null });
    expect(await told()).toEqual([]);
    await pass('2 hours');
    const expiredAt = expect.any(String);
    const common = { userId: user, featureId: 'calls', expiredAt };
    // Several processes run the job: what expired at the same moment comes in either order.
    const events = await told();
    expect(events.toSorted((one, other) => one.type.localeCompare(other.type))).toEqual([
      { type: 'grant.expired', data: { ...common, grantId } },
      { type: 'top_up.expired', data: { ...common, topUpId, amount: 5, remaining: 5 } },
    ]);
    expect(await told()).toEqual([]);
  });

  test('not what was used up, voided or revoked, and not what was given while nobody listened', async () => {
    await subscribe('quiet');
    await topUp({ amount: 2 });
    await record({ delta: 12 });
    await app.ok(`mutation { voidTopUp(id: "${await topUp()}") { id } }`);
    await app.ok(`mutation { revokeGrant(id: "${await grant()}") { id } }`);
    await pass('2 hours');
    expect(await told()).toEqual([]);
    await topUp();
    await pass('2 hours');
    await app.database.work.query(`update webhook set events = '{user.created}'`);
    expect(await told()).toEqual([]);
    await app.database.work.query(`update webhook set events = '{*}'`);
    expect(await told()).toEqual([]);
  });

  test('a merge does not tell again', async () => {
    await topUp();
    await grant();
    await pass('2 hours');
    expect(await told()).toHaveLength(2);
    await app.ok('mutation { createUser(input: { id: "heir" }) { id } }');
    await app.ok(`mutation { mergeUsers(ids: ["heir", "${user}"]) { id } }`);
    expect(await told()).toEqual([]);
  });
});
