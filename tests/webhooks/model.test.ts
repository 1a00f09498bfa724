import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createPost } from '../../src/http/outbound.ts';
import { type Dispatcher, startDispatcher } from '../../src/webhooks/deliver.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { type Received, type Receiver, startReceiver } from '../helpers/receiver.ts';

/*
 * Random usage by several ways at once, with reverts and refusals, while the receiver fails and goes away, and those who
 * send stop and start: what arrives, each message once, is what a model says. None is missing, none is invented.
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
  await app.ok('mutation { publishPackage(id: "base") { id } }');
});
afterAll(() => app.close());

const thresholds = [20, 50, 80, 100, 150];
const amounts = [33, 111];
const topUp = { amount: 20, alertAt: [50], alertAtAmount: [3, 15] };
const users = ['u1', 'u2', 'u3', 'u4'];
const toppedUp = ['u3', 'u4'];
const { random } = Math;
const upTo = (most: number) => 1 + Math.floor(random() * most);

async function record(userId: string, delta: number): Promise<void> {
  const way = Math.floor(random() * 4);
  if (way === 0) {
    const event = { type: 'track', userId, event: 'E', properties: { featureId: 'calls', delta } };
    await app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', { event });
    return;
  }
  const more = [{}, { idempotencyKey: `${random()}` }, { enforce: true }][way - 1];
  const input = { userId, featureId: 'calls', delta, ...more };
  await app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input,
  });
}

/** What is told of a user whose usage was so much at most. */
function alertsOf(id: string, most: number): string[] {
  const drawn = toppedUp.includes(id) ? Math.min(topUp.amount, Math.max(0, most - 100)) : 0;
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
  return [type, data.userId, ...parts].join(' ');
}

test('what arrives is what a model says', async () => {
  let receiver: Receiver = await startReceiver();
  const port = Number(new URL(receiver.url).port);
  const arrived: Received[] = [];
  const send = (): Dispatcher => {
    const parts = { pool: app.database.work, encryption: testEncryption, log: pino({ level: 'silent' }) };
    return startDispatcher({ ...parts, post: createPost(true), intervalMs: 10 });
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
      await dispatcher.stop();
      dispatcher = send();
    } else {
      arrived.push(...receiver.received);
      await receiver.close();
      receiver = await startReceiver(port);
    }
  }
  for (const [id, { most }] of totals) expected.push(...alertsOf(id, most));

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
  await dispatcher.stop();
  await receiver.close();
  const byId = new Map([...arrived, ...receiver.received].map((each) => [each.headers['webhook-id'], each]));
  const told = [...byId.values()].map(written);
  expect(told.sort()).toEqual(expected.sort());
});
