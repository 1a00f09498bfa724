import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { expiryJob, expiryJobs } from '../../src/allowances/expiry/expire.ts';
import { createPost } from '../../src/http/outbound.ts';
import { backfill } from '../../src/segment/mapping/backfill.ts';
import { type Dispatcher, startDispatcher } from '../../src/webhooks/deliver.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { type Received, type Receiver, startReceiver } from '../helpers/receiver.ts';
import { createRule, workOn } from '../helpers/segment.ts';

/*
 * Random usage by every way at once, with reverts and refusals, and merges, imports and grants, while the receiver fails
 * and goes away, and those who send stop, are killed, and start: what arrives, each message once, is what a model says.
 * None is missing, none is invented.
 */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
  const features = [
    {
      id: 'calls',
      entitlement: {
        limit: 100,
        resetPeriod: 'YEAR',
        alertAt: thresholds,
        alertAtAmount: amounts,
        overageEnabled: true,
      },
    },
  ];
  await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
    input: { id: 'base', features },
  });
  const quiet = [{ id: 'calls', entitlement: { limit: 100, resetPeriod: 'YEAR' } }];
  await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
    input: { id: 'quiet', features: quiet },
  });
  for (const id of ['base', 'quiet']) await app.ok(`mutation { publishPackage(id: "${id}") { id } }`);
  await app.ok('mutation { createFeature(input: { id: "extra", type: BINARY }) { id } }');
});
afterAll(() => app.close());

const thresholds = [20, 50, 80, 100, 150];
const amounts = [33, 111];
const topUp = { amount: 20, alertAt: [50], alertAtAmount: [3, 15] };
const users = ['u1', 'u2', 'u3', 'u4'];
const toppedUp = ['u3', 'u4'];
const { random } = Math;
const upTo = (most: number) => 1 + Math.floor(random() * most);

const recordOne = (input: object) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', { input });
const recordList = (input: object[]) =>
  app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
    input,
  });
const segment = (event: object) =>
  app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', { event });

/** Every way of recording usage. Each one counts it once. */
const ways: ((usage: { userId: string; featureId: string; delta: number }) => Promise<unknown>)[] = [
  (usage) => recordOne(usage),
  (usage) => recordOne({ ...usage, enforce: true }),
  (usage) => {
    const keyed = { ...usage, idempotencyKey: `${random()}` };
    return Promise.all([recordOne(keyed), recordOne(keyed)]);
  },
  ({ delta, ...usage }) => recordList([{ ...usage, delta: delta - 1 }, usage]),
  (usage) => {
    const keyed = { ...usage, idempotencyKey: `${random()}` };
    return recordList([keyed, keyed, { ...usage, userId: 'nobody' }]);
  },
  ({ userId, ...properties }) => segment({ type: 'track', userId, event: 'E', properties }),
];

async function record(userId: string, delta: number): Promise<void> {
  await ways[upTo(ways.length) - 1]?.({ userId, featureId: 'calls', delta });
}

/** What each user has used, and the most that it was. */
type Totals = Map<string, { now: number; most: number }>;

/** What is told of a user whose usage was so much at most. */
function alertsOf(id: string, most: number, isToppedUp = toppedUp.includes(id)): string[] {
  const drawn = isToppedUp ? Math.min(topUp.amount, Math.max(0, most - 100)) : 0;
  const reached = [
    ...thresholds.filter((each) => most >= each),
    ...amounts.filter((each) => most >= each).map((each) => `amount ${each}`),
    ...topUp.alertAt.filter((each) => drawn * 100 >= topUp.amount * each).map((each) => `top-up ${each}`),
    ...topUp.alertAtAmount.filter((each) => drawn >= each).map((each) => `top-up amount ${each}`),
  ].map((each) => `usage.threshold_reached ${id} ${each}`);
  return [
    ...reached,
    ...(most >= 100 ? [`usage.limit_reached ${id} 100`] : []),
    ...(drawn === topUp.amount ? [`top_up.exhausted ${id} top-up`] : []),
  ];
}

/** A message as the model writes it. */
function written({ payload: { type, data } }: Received): string {
  const parts = [
    ...(data.topUpId === undefined ? [] : ['top-up']),
    ...(data.thresholdAmount === undefined ? [] : ['amount', data.thresholdAmount]),
    ...(data.threshold === undefined ? [] : [data.threshold]),
  ];
  return [type, data.userId ?? data.eventName, ...parts].join(' ');
}

/** What happens to a server that is killed: nothing of it reaches the database any more. */
function mortal(pool: Pool): { pool: Pool; kill(): void } {
  let isDead = false;
  const living = new Proxy(pool, {
    get(target, name) {
      if (isDead && (name === 'query' || name === 'connect'))
        return () => Promise.reject(new Error('killed'));
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    pool: living,
    kill() {
      isDead = true;
    },
  };
}

async function setUsage(totals: Totals): Promise<void> {
  for (const [id, used] of [
    ['u1', 81],
    ['u2', 160],
  ] as const) {
    await recordOne({ userId: id, featureId: 'calls', action: 'SET', delta: used });
    const most = Math.max(totals.get(id)?.most ?? 0, used);
    totals.set(id, { now: used, most });
  }
}

/** Events that no rule claims at first; a rule comes, and is applied to them. Returns what is told, without usage. */
async function lateEvents(totals: Totals): Promise<string[]> {
  for (const id of users) {
    const count = upTo(9);
    await Promise.all(
      Array.from({ length: count }, () =>
        segment({ type: 'track', messageId: `${random()}`, userId: id, event: 'Late' }),
      ),
    );
    const total = totals.get(id);
    if (total) total.now += count;
  }
  await createRule(app, { name: 'late', featureId: 'calls', eventName: 'Late' });
  await backfill(workOn(app), 'test');
  for (const total of totals.values()) total.most = Math.max(total.most, total.now);
  return ['segment.event_unmatched Late'];
}

/** Users that are imported and merged, and a grant that expires. Returns what is told. */
async function others(): Promise<string[]> {
  const csv = 'id,name\nm1,One\nm2,Two\nm3,Three\n';
  await app.ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', { csv });
  await app.ok('mutation { subscribe(userId: "m1", packageIds: ["base"]) { id } }');
  await app.ok('mutation { subscribe(userId: "m2", packageIds: ["quiet"]) { id } }');
  await app.database.work.query(`
    update subscription set started_at = started_at - interval '1 hour'
    from "user" u where u.key = user_key and u.id like 'm%'`);
  await recordList([
    { userId: 'm1', featureId: 'calls', delta: 45 },
    { userId: 'm2', featureId: 'calls', delta: 45 },
  ]);
  await app.ok('mutation { mergeUsers(ids: ["m1", "m2"]) { id } }');
  await app.ok(`mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }`, {
    input: { userId: 'm3', featureId: 'extra', endsAt: new Date(Date.now() + 3_600_000) },
  });
  await app.database.work.query(`
    update feature_grant set starts_at = starts_at - interval '2 hours', ends_at = ends_at - interval '2 hours'`);
  const context = { pool: app.jobs, log: pino({ level: 'silent' }), stop: new AbortController().signal };
  await Promise.all([expiryJobs[expiryJob]?.({}, context), expiryJobs[expiryJob]?.({}, context)]);
  return [
    ...['m1', 'm2', 'm3'].map((id) => `user.created ${id}`),
    ...['m1', 'm2'].map((id) => `subscription.created ${id}`),
    'user.merged m1',
    // Nobody has two base packages.
    'subscription.cancelled m1',
    'grant.expired m3',
    ...alertsOf('m1', 90),
  ];
}

/** Waits until nothing is pending, without the pauses after failures. */
async function allSent(): Promise<void> {
  const deadline = performance.now() + 20_000;
  const pending = async () => {
    const { rows } = await app.database.work.query(
      `with hurry as (update webhook set paused_until = null),
        now_due as (update webhook_delivery set next_attempt_at = now() where state = 'PENDING' returning id)
       select count(*)::int as count from now_due`,
    );
    return rows[0].count > 0;
  };
  while ((await pending()) && performance.now() < deadline) await sleep(100);
}

test('what arrives is what a model says', async () => {
  let receiver: Receiver = await startReceiver();
  const port = Number(new URL(receiver.url).port);
  const arrived: Received[] = [];
  const log = pino({ level: 'silent' });
  const send = (): Dispatcher & { kill(): void } => {
    const { pool, kill } = mortal(app.database.work);
    const parts = { pool, encryption: testEncryption, sendMail: null, log, isBusy: app.database.isBusy };
    return { ...startDispatcher({ ...parts, post: createPost(true), intervalMs: 10 }), kill };
  };
  let dispatcher = send();
  await app.ok('mutation ($url: String!) { createWebhook(input: { url: $url, events: ["*"] }) { secret } }', {
    url: receiver.url,
  });
  const expected: string[] = [];
  for (const id of users) {
    await app.ok(`mutation { createUser(input: { id: "${id}" }) { id } }`);
    await app.ok(`mutation { subscribe(userId: "${id}", packageIds: ["base"]) { id } }`);
    const input = { userId: id, featureId: 'calls', ...topUp };
    if (toppedUp.includes(id))
      await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', { input });
    expected.push(`user.created ${id}`, `subscription.created ${id}`);
  }
  const totals = new Map(users.map((id) => [id, { now: 0, most: 0 }]));
  const use = (sign: 1 | -1) =>
    Promise.all(
      Array.from({ length: 25 }, async () => {
        const id = users[upTo(users.length) - 1] ?? '';
        const delta = sign * upTo(12);
        const total = totals.get(id);
        if (total) total.now += delta;
        await record(id, delta);
      }),
    );
  for (let round = 0; round < 6; round += 1) {
    receiver.answerWith((_message, response) => response.writeHead(random() < 0.3 ? 500 : 200).end());
    await use(round % 3 === 2 ? -1 : 1);
    for (const total of totals.values()) total.most = Math.max(total.most, total.now);
    // Refused, or failed: never told.
    await app.fails('mutation { createUser(input: { id: "u1" }) { id } }');
    if (round % 2 === 0) {
      if (round % 4 === 0) dispatcher.kill();
      await dispatcher.stop();
      // As if the leases of the killed one had run out.
      await app.database.work.query('update webhook set leased_until = now()');
      dispatcher = send();
    } else {
      arrived.push(...receiver.received);
      await receiver.close();
      receiver = await startReceiver(port);
    }
  }
  await setUsage(totals);
  expected.push(...(await lateEvents(totals)), ...(await others()));
  for (const [id, { most }] of totals) expected.push(...alertsOf(id, most));

  await allSent();
  await dispatcher.stop();
  await receiver.close();
  const byId = new Map([...arrived, ...receiver.received].map((each) => [each.headers['webhook-id'], each]));
  const told = [...byId.values()].map(written);
  expect(told.sort()).toEqual(expected.sort());
});
