import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createPost } from '../../src/http/outbound.ts';
import { type Dispatcher, startDispatcher } from '../../src/webhooks/deliver.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { type Receiver, startReceiver } from '../helpers/receiver.ts';

// Many webhooks share few connections to the database: none of them keeps one that it does not use.

let app: TestApp;
let dispatcher: Dispatcher;
const receivers: Receiver[] = [];

beforeAll(async () => {
  app = await startTestApp();
  const { work: pool, isBusy } = app.database;
  const parts = { pool, encryption: testEncryption, sendMail: null, log: pino({ level: 'silent' }) };
  dispatcher = startDispatcher({ ...parts, isBusy, post: createPost(true), intervalMs: 20 });
});
afterAll(async () => {
  await Promise.all(receivers.map((each) => each.close()));
  await dispatcher.stop();
  await app.close();
});

async function start(): Promise<Receiver> {
  const receiver = await startReceiver();
  receivers.push(receiver);
  return receiver;
}
async function createWebhook(url: string, environment: 'live' | 'test' = 'test'): Promise<string> {
  const { createWebhook } = await app.ok(
    'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } } }',
    { input: { url, events: ['user.*'] } },
    app.keys[environment],
  );
  return createWebhook.webhook.id;
}
async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it did not happen');
    await sleep(20);
  }
}
const createUser = (id: string, environment: 'live' | 'test') =>
  app.ok(`mutation { createUser(input: { id: "${id}" }) { id } }`, {}, app.keys[environment]);
async function countDelivered(ids: readonly string[]): Promise<number> {
  const { rows } = await app.database
    .of('live')
    .work.query(
      `select count(*)::int as count from webhook_delivery where webhook_id = any ($1) and state = 'DELIVERED'`,
      [ids],
    );
  return rows[0].count;
}

test('a change of some webhooks that takes long holds up no others', async () => {
  const held: ServerResponse[] = [];
  const slow = await start();
  slow.answerWith((_message, response) => {
    held.push(response);
  });
  const changed = await Promise.all(Array.from({ length: 12 }, () => createWebhook(slow.url)));
  await createUser('first', 'test');
  await until(async () => held.length === changed.length);

  // As redeliverSpan and deleteWebhook do: they lock the webhook first.
  const change = await app.database.of('test').work.connect();
  try {
    await change.query('begin');
    await change.query('select from webhook for no key update');
    slow.answerWith((_message, response) => response.writeHead(204).end());
    for (const response of held) response.writeHead(204).end();
    const good = await start();
    const [here, there] = [await createWebhook(good.url), await createWebhook(good.url, 'live')];
    await createUser('second', 'test');
    await createUser('second', 'live');
    await until(async () => (await countDelivered([here, there])) === 2);
    expect(good.received).toHaveLength(2);
    expect(await countDelivered(changed)).toBe(0);
  } finally {
    await change.query('rollback');
    change.release();
  }
  // What was answered meanwhile is saved, and not sent again.
  await until(async () => (await countDelivered(changed)) === 2 * changed.length);
  expect(slow.received).toHaveLength(2 * changed.length);
});
