import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { createPost } from '../../src/http/outbound.ts';
import { type Dispatcher, type Post, startDispatcher } from '../../src/webhooks/deliver.ts';
import {
  cleanUpOnce,
  findDue,
  leaseDue,
  type Position,
  saveAttempts,
} from '../../src/webhooks/delivery-store.ts';
import { batchSizes } from '../../src/webhooks/schedule-rules.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';
import { type Receiver, startReceiver } from '../helpers/receiver.ts';

let app: TestApp;
let receiver: Receiver;
let dispatchers: Dispatcher[] = [];
/** More receivers of one test. */
const others: Receiver[] = [];

beforeAll(async () => {
  app = await startTestApp();
  receiver = await startReceiver();
  dispatch();
});
afterAll(async () => {
  await Promise.all(dispatchers.map((each) => each.stop()));
  await receiver.close();
  await app.close();
});
/** Ends the deliveries of a test and waits until none is under way: a late one would arrive in the next test. */
afterEach(async () => {
  await Promise.all(others.splice(0).map((each) => each.close()));
  await app.database.work.query('delete from webhook_event');
  await until(nobodySends);
  await app.database.work.query('delete from webhook');
  receiver.received.length = 0;
  receiver.answerWith((_message, response) => response.writeHead(204).end());
});

async function startOther(): Promise<Receiver> {
  const other = await startReceiver();
  others.push(other);
  return other;
}

/** Whether no webhook has a lease: what was due is settled, and what is due next is read anew. */
async function nobodySends(): Promise<boolean> {
  const { rows } = await app.database.work.query('select from webhook where leased_until > now()');
  return rows.length === 0;
}

function dispatch(post: Post = createPost(true)): Dispatcher {
  const { work: pool, isBusy } = app.database;
  const parts = { pool, encryption: testEncryption, sendMail: null, log: pino({ level: 'silent' }) };
  const started = startDispatcher({ ...parts, isBusy, post, intervalMs: 20 });
  dispatchers.push(started);
  return started;
}

interface Created {
  webhook: { id: string };
  secret: string;
}
async function createWebhook(input: object = {}, key = app.keys.test): Promise<Created> {
  const { createWebhook: created } = await app.ok(
    'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } secret } }',
    { input: { url: receiver.url, events: ['user.*'], ...input } },
    key,
  );
  return created;
}
let users = 0;
async function createUser(key = app.keys.test): Promise<string> {
  users += 1;
  const id = `user-${users}`;
  await app.ok(`mutation { createUser(input: { id: "${id}", email: "${id}@example.com" }) { id } }`, {}, key);
  return id;
}

interface Delivery {
  id: string;
  type: string;
  state: string;
  attempts: number;
  messageId: string;
  responseStatus: number | null;
  responseBody: string | null;
  problem: string | null;
  nextAttemptAt: string | null;
  payload: unknown;
}
async function deliveriesOf(webhookId: string, state: string | null = null): Promise<Delivery[]> {
  const fields =
    'id type state attempts messageId responseStatus responseBody problem nextAttemptAt lastAttemptAt durationMs payload';
  const query = `query ($id: String!, $state: WebhookDeliveryState) { webhookDeliveries(webhookId: $id, state: $state, first: 100) { ${fields} } }`;
  return (await app.ok(query, { id: webhookId, state })).webhookDeliveries;
}
async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it did not happen');
    await sleep(20);
  }
}
async function deliveredOf(webhookId: string): Promise<number> {
  const { rows } = await app.database.work.query(
    `select count(*)::int as count from webhook_delivery where webhook_id = $1 and state = 'DELIVERED'`,
    [webhookId],
  );
  return rows[0].count;
}
/** As if its pauses were over. */
const hurry = () =>
  app.database.work.query(
    `with d as (update webhook_delivery set next_attempt_at = now() where state = 'PENDING') update webhook set paused_until = null`,
  );

/** Events with a delivery of each for a webhook, as the outbox writes them. */
const writeMany = (webhookId: string, count: number, dueAt = 'now()') =>
  app.database.work.query(
    `with e as (
       insert into webhook_event (environment_id, type, data)
       select 'test', 'user.deleted', jsonb_build_object('userId', n::text) from generate_series(1, ${count}) n
       returning id
     )
     insert into webhook_delivery (environment_id, webhook_id, event_id, retry_until, next_attempt_at)
     select 'test', $1, id, now() + interval '3 days', ${dueAt} from e order by id`,
    [webhookId],
  );

test('a message is signed as Standard Webhooks says, and its delivery is shown', async () => {
  const { webhook, secret } = await createWebhook();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/=]{44}$/);
  const userId = await createUser();

  const [message] = await receiver.count(1);
  const verified = new Webhook(secret).verify(
    message?.body ?? '',
    message?.headers as Record<string, string>,
  );
  expect(verified).toEqual({
    type: 'user.created',
    version: 1,
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    environment: 'test',
    data: { userId },
  });
  await until(async () => (await deliveriesOf(webhook.id, 'DELIVERED')).length === 1);
  expect(await deliveriesOf(webhook.id)).toEqual([
    expect.objectContaining({
      type: 'user.created',
      state: 'DELIVERED',
      attempts: 1,
      messageId: message?.headers['webhook-id'],
      responseStatus: 204,
      problem: null,
      nextAttemptAt: null,
      payload: message?.payload,
    }),
  ]);
  expect(JSON.stringify(await app.ok('{ webhooks { id url events } auditLog { after } }'))).not.toContain(
    secret,
  );
});

test('jobs do not take deliveries for requests: their connections have a name of their own', async () => {
  const { rows } = await app.database.work.query(`select current_setting('application_name') as name`);
  expect(rows).toEqual([{ name: 'open-kana deliveries' }]);
});

test('two secrets sign during a rotation', async () => {
  const { webhook, secret } = await createWebhook();
  const { rotateWebhookSecret: rotated } = await app.ok(
    'mutation ($id: String!) { rotateWebhookSecret(id: $id) { secret webhook { previousSecretUntil } } }',
    { id: webhook.id },
  );
  await createUser();
  const [message] = await receiver.count(1);
  for (const each of [secret, rotated.secret])
    new Webhook(each).verify(message?.body ?? '', message?.headers as Record<string, string>);
  await until(nobodySends);
  await app.database.work.query('update webhook set previous_secret_until = now()');
  await createUser();
  const second = (await receiver.count(2))[1];
  const verify = (each: string) =>
    new Webhook(each).verify(second?.body ?? '', second?.headers as Record<string, string>);
  verify(rotated.secret);
  expect(() => verify(secret)).toThrow();
});

test('a secret that is rotated twice within a day signs until its own day is over; a third rotation is refused', async () => {
  const { webhook, secret } = await createWebhook();
  const rotate = `mutation { rotateWebhookSecret(id: "${webhook.id}") { secret } }`;
  const second = (await app.ok(rotate)).rotateWebhookSecret.secret;
  const third = (await app.ok(rotate)).rotateWebhookSecret.secret;
  expect((await app.fails(rotate)).message).toMatch(
    /^id: was rotated twice within 24 hours; the next rotation is possible after \d{4}-/,
  );
  await createUser();
  const verifies = (each: string, message: Receiver['received'][number] | undefined) => {
    try {
      new Webhook(each).verify(message?.body ?? '', message?.headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  };
  const [first] = await receiver.count(1);
  expect([secret, second, third].map((each) => verifies(each, first))).toEqual([true, true, true]);
  await until(nobodySends);
  await app.database.work.query('update webhook set older_secret_until = now()');
  await createUser();
  const [, later] = await receiver.count(2);
  expect([secret, second, third].map((each) => verifies(each, later))).toEqual([false, true, true]);
  await until(nobodySends);
  const fourth = (await app.ok(rotate)).rotateWebhookSecret.secret;
  await createUser();
  const [, , last] = await receiver.count(3);
  expect([second, third, fourth].map((each) => verifies(each, last))).toEqual([true, true, true]);
});

test('a secret in an address is for admins', async () => {
  const { webhook } = await createWebhook({ url: `${receiver.url}?key=s3cret` });
  const { createApiKey } = await app.ok(
    'mutation { createApiKey(kind: PRIVATE, name: "reader", scopes: [read]) { key } }',
  );
  const read = (key?: string) => app.ok('{ webhooks { id url } }', {}, key);
  expect(await read()).toEqual({ webhooks: [{ id: webhook.id, url: `${receiver.url}?key=s3cret` }] });
  expect(await read(createApiKey.key)).toEqual({ webhooks: [{ id: webhook.id, url: `${receiver.url}?…` }] });
});

test('only who opts in gets more than ids about a person', async () => {
  await createWebhook({ includePersonalData: true });
  const id = await createUser();
  const [message] = await receiver.count(1);
  expect(message?.payload.data).toEqual({
    userId: id,
    user: { id, name: null, email: `${id}@example.com`, billingId: null, metadata: {} },
  });
});

test('testWebhook sends whatever the webhook wants to be told', async () => {
  const { webhook } = await createWebhook({ events: ['package.published'] });
  const test = 'mutation ($id: String!) { testWebhook(id: $id) { id state type } }';
  expect((await app.ok(test, { id: webhook.id })).testWebhook).toMatchObject({ type: 'webhook.test' });
  const [message] = await receiver.count(1);
  expect(message?.payload).toMatchObject({ type: 'webhook.test', data: { webhookId: webhook.id } });
});

describe('what fails', () => {
  test('is sent again with the same id and another signature, then given up, and can be sent again', async () => {
    const { webhook, secret } = await createWebhook();
    receiver.answerWith((_message, response) => response.writeHead(500).end('out of order'));
    await createUser();
    await until(async () => (await deliveriesOf(webhook.id))[0]?.attempts === 1);
    const [failed] = await deliveriesOf(webhook.id);
    expect(failed).toMatchObject({ state: 'PENDING', responseStatus: 500, responseBody: 'out of order' });
    expect(Date.parse(failed?.nextAttemptAt ?? '')).toBeGreaterThan(Date.now() + 3_000);

    await app.database.work.query(`update webhook_delivery set retry_until = now()`);
    await hurry();
    await until(async () => (await deliveriesOf(webhook.id, 'DEAD')).length === 1);

    receiver.answerWith((_message, response) => response.writeHead(200).end('ok'));
    const redeliver = 'mutation ($id: String!) { redeliver(id: $id) { id state attempts } }';
    expect((await app.ok(redeliver, { id: failed?.id })).redeliver.state).toBe('PENDING');
    await until(async () => (await deliveriesOf(webhook.id, 'DELIVERED')).length === 1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    for (const { body, headers } of receiver.received)
      new Webhook(secret).verify(body, headers as Record<string, string>);
  });

  test('a span is sent again', async () => {
    const { webhook } = await createWebhook();
    for (let user = 0; user < 3; user += 1) await createUser();
    await until(async () => (await deliveriesOf(webhook.id, 'DELIVERED')).length === 3);
    const span = { id: webhook.id, from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' };
    const repeat = (state: string) =>
      app.ok(
        'mutation ($id: String!, $from: DateTime!, $to: DateTime!, $state: WebhookDeliveryState) { redeliverSpan(webhookId: $id, from: $from, to: $to, state: $state) { count more } }',
        { ...span, state },
      );
    expect((await repeat('DEAD')).redeliverSpan).toEqual({ count: 0, more: false });
    expect((await repeat('DELIVERED')).redeliverSpan).toEqual({ count: 3, more: false });
    await receiver.count(6);
  });

  test('nothing is sent again to a webhook that is disabled or deleted: the call says so', async () => {
    const { webhook } = await createWebhook();
    await createUser();
    await until(async () => (await deliveriesOf(webhook.id, 'DELIVERED')).length === 1);
    const [delivery] = await deliveriesOf(webhook.id);
    const fails = async (call: string) => (await app.fails(`mutation { ${call} }`)).message;
    const update = `mutation { updateWebhook(id: "${webhook.id}", input: { enabled: false }) { id } }`;
    await app.ok(update);
    const span = 'from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z"';
    const problem = 'the webhook is disabled: enable it first';
    expect(await fails(`redeliver(id: "${delivery?.id}") { id }`)).toBe(`id: ${problem}`);
    expect(await fails(`testWebhook(id: "${webhook.id}") { id }`)).toBe(`id: ${problem}`);
    expect(await fails(`redeliverSpan(webhookId: "${webhook.id}", ${span}) { count }`)).toBe(
      `webhookId: ${problem}`,
    );
    await app.database.work.query('delete from webhook');
    expect(await fails(`redeliver(id: "${delivery?.id}") { id }`)).toBe(
      `There is no webhook with the id "${webhook.id}".`,
    );
    const { rows } = await app.database.work.query('select state from webhook_delivery');
    expect(rows).toEqual([{ state: 'DELIVERED' }]);
  });

  test('a few test messages may wait, and more are refused: they come before what happened', async () => {
    const { webhook } = await createWebhook();
    await app.database.work.query(`update webhook set paused_until = now() + interval '1 hour'`);
    await writeMany(webhook.id, 20);
    // Each test ends the pause; the receiver does not answer.
    const waiting: ServerResponse[] = [];
    receiver.answerWith((_message, response) => waiting.push(response));
    const calls = Array.from({ length: 30 }, () =>
      app.ok(`mutation { testWebhook(id: "${webhook.id}") { id } }`).then(
        () => '',
        (error: Error) => error.message,
      ),
    );
    const refused = (await Promise.all(calls)).filter((problem) =>
      problem.includes('10 test messages wait to be sent to it already'),
    );
    expect(refused).toHaveLength(20);
    receiver.answerWith((_message, response) => response.writeHead(204).end());
    for (const response of waiting) response.writeHead(204).end();
    await until(async () => (await deliveredOf(webhook.id)) === 30);
  });

  test('a receiver that asks to be left alone gets nothing more until then', async () => {
    const { webhook } = await createWebhook();
    receiver.answerWith((_message, response) => response.writeHead(429, { 'retry-after': '600' }).end());
    await writeMany(webhook.id, 100);
    await until(async () => (await deliveriesOf(webhook.id)).some(({ attempts }) => attempts > 0));
    await until(nobodySends);
    const { rows } = await app.database.work.query(
      `select paused_until > now() + interval '9 minutes' as rests, failures < 9 as few from webhook`,
    );
    expect(rows).toEqual([{ rests: true, few: true }]);
    expect(receiver.received.length).toBeLessThanOrEqual(8);
  });

  /** Messages that failed long ago and are to be sent only in hours, as after a night without the receiver. */
  async function waitingSinceOutage(lastAttempt: string): Promise<string> {
    const { webhook } = await createWebhook();
    receiver.answerWith((_message, response) => response.writeHead(503).end());
    for (let user = 0; user < 3; user += 1) await createUser();
    await until(async () => (await deliveriesOf(webhook.id)).every(({ attempts }) => attempts > 0));
    await until(nobodySends);
    await app.database.work.query(
      `update webhook_delivery set next_attempt_at = now() + interval '4 hours',
         last_attempt_at = now() - $1::interval, attempts = 12`,
      [lastAttempt],
    );
    receiver.answerWith((_message, response) => response.writeHead(204).end());
    return webhook.id;
  }
  const deliveredCount = async (id: string) => (await deliveriesOf(id, 'DELIVERED')).length;

  test('after an outage, the first message that is taken brings what waits forward', async () => {
    const id = await waitingSinceOutage('3 hours');
    await app.database.work.query(
      `update webhook set failures = 9, failing_since = now() - interval '5 hours', paused_until = null`,
    );
    await createUser();
    await until(async () => (await deliveredCount(id)) === 4);
  });

  test('a test message is sent at once and before what waits, and brings it forward', async () => {
    const id = await waitingSinceOutage('3 hours');
    await app.database.work.query(
      `update webhook set failures = 9, failing_since = now() - interval '5 hours', paused_until = now() + interval '5 minutes'`,
    );
    await createUser();
    receiver.received.length = 0;
    await app.ok('mutation ($id: String!) { testWebhook(id: $id) { id } }', { id });
    await until(async () => (await deliveredCount(id)) === 5);
    expect(receiver.received[0]?.payload.type).toBe('webhook.test');
  });

  test('each waits for a minute after its last attempt, so that a weak receiver is not overrun', async () => {
    const id = await waitingSinceOutage('20 seconds');
    await app.ok('mutation ($id: String!) { testWebhook(id: $id) { id } }', { id });
    await until(async () => (await deliveredCount(id)) === 1);
    const waits = (await deliveriesOf(id, 'PENDING')).map(({ nextAttemptAt }) =>
      Date.parse(nextAttemptAt ?? ''),
    );
    expect(waits).toHaveLength(3);
    for (const at of waits) expect(at).toBeLessThan(Date.now() + 60_000);
  });

  test.each([
    ['another address', () => ({ url: `${receiver.url}?again` })],
    ['being enabled again', () => ({ enabled: true })],
  ])('%s brings what waits forward', async (_what, input) => {
    const id = await waitingSinceOutage('3 hours');
    if ('enabled' in input()) await app.database.work.query('update webhook set disabled_at = now()');
    await app.ok(
      'mutation ($id: String!, $input: UpdateWebhookInput!) { updateWebhook(id: $id, input: $input) { id } }',
      { id, input: input() },
    );
    await until(async () => (await deliveredCount(id)) === 3);
  });

  test('what waits can be sent at once, and is counted', async () => {
    const id = await waitingSinceOutage('3 hours');
    await app.database.work.query(
      `update webhook set failures = 9, paused_until = now() + interval '5 minutes'`,
    );
    const span = { id, from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' };
    const counts =
      'query ($id: String!, $from: DateTime!, $to: DateTime!) { webhookDeliveryCounts(webhookId: $id, from: $from, to: $to) { pending delivered dead } }';
    const counted = async (given: object = {}) =>
      (await app.ok(counts, { ...span, ...given })).webhookDeliveryCounts;
    expect(await counted()).toEqual({ pending: 3, delivered: 0, dead: 0 });
    expect(await counted({ to: '2020-01-02T00:00:00Z' })).toEqual({ pending: 0, delivered: 0, dead: 0 });
    const repeat =
      'mutation ($id: String!, $from: DateTime!, $to: DateTime!) { redeliverSpan(webhookId: $id, from: $from, to: $to, state: PENDING) { count } }';
    expect((await app.ok(repeat, span)).redeliverSpan.count).toBe(3);
    await until(async () => (await deliveredCount(id)) === 3);
    expect(await counted()).toEqual({ pending: 0, delivered: 3, dead: 0 });
  });

  test('redirects are not followed', async () => {
    const { webhook } = await createWebhook();
    receiver.answerWith((_message, response) => response.writeHead(307, { Location: '/hooks' }).end());
    await createUser();
    await until(async () => (await deliveriesOf(webhook.id))[0]?.responseStatus === 307);
    expect(receiver.received).toHaveLength(1);
  });

  test('a webhook that fails for days is disabled, and others are told', async () => {
    const watching = await startOther();
    await createWebhook({ url: watching.url, events: ['flag.raised'] });
    const { webhook } = await createWebhook();
    await app.database.work.query(
      `update webhook set failures = 20, failing_since = now() - interval '73 hours' where id = $1`,
      [webhook.id],
    );
    receiver.answerWith((_message, response) => response.writeHead(500).end());
    await createUser();
    const [flag] = await watching.count(1);
    expect(flag?.payload).toMatchObject({
      type: 'flag.raised',
      data: { flag: 'WEBHOOK_DISABLED', webhookId: webhook.id },
    });
    const { webhooks } = await app.ok('{ webhooks { id disabledAt disabledReason } }');
    expect(webhooks[1]).toMatchObject({ id: webhook.id, disabledReason: 'It failed for three days.' });
    const told = receiver.received.length;
    await createUser();
    expect((await deliveriesOf(webhook.id)).length).toBe(1);
    await app.database.work.query(`update webhook_delivery set retry_until = now() - interval '1 second'`);
    await cleanUpOnce(app.database.work, 10);
    expect((await deliveriesOf(webhook.id, 'DEAD')).length).toBe(1);
    expect(receiver.received).toHaveLength(told);
  });
});

test('one that hangs delays no other, and is asked by few requests at once', async () => {
  const slow = await startOther();
  slow.answerWith(() => undefined);
  await createWebhook({ url: slow.url });
  await createWebhook();
  for (let user = 0; user < 30; user += 1) await createUser();
  await receiver.count(30);
  expect(slow.open().most).toBeLessThanOrEqual(8);
});

test('nothing more goes to the former address than the batch that was under way', async () => {
  const former = receiver;
  const hold = (held: ServerResponse[]) => (_message: unknown, response: ServerResponse) => {
    held.push(response);
  };
  const release = (from: Receiver, held: ServerResponse[]) => {
    from.answerWith((_message, response) => response.writeHead(204).end());
    for (const response of held) response.writeHead(204).end();
  };
  const atFormer: ServerResponse[] = [];
  const atNext: ServerResponse[] = [];
  const next = await startOther();
  former.answerWith(hold(atFormer));
  next.answerWith(hold(atNext));
  const { webhook } = await createWebhook();
  await writeMany(webhook.id, 150);
  await until(async () => atFormer.length > 0);
  await app.ok(
    'mutation ($id: String!, $url: String!) { updateWebhook(id: $id, input: { url: $url }) { id } }',
    { id: webhook.id, url: next.url },
  );
  await until(async () => atNext.length > 0);
  release(former, atFormer);
  await former.count(batchSizes.first);
  await until(async () => (await deliveredOf(webhook.id)) === batchSizes.first);
  release(next, atNext);
  await until(async () => (await deliveredOf(webhook.id)) === 150);
  expect(former.received).toHaveLength(batchSizes.first);
});

describe('what reading costs', () => {
  type Work = (pool: { query: Pool['query'] }) => Promise<unknown>;
  /** The entries of an index that `work` reads, on a connection whose plans are made now. */
  const entriesRead = (index: string, work: Work) =>
    countRead('pg_stat_get_xact_tuples_returned($1::regclass)', index, work);
  /** The rows of a table that it reads, by indexes or all of them. */
  const rowsRead = (table: string, work: Work) =>
    countRead(
      'pg_stat_get_xact_tuples_returned($1::regclass) + pg_stat_get_xact_tuples_fetched($1::regclass)',
      table,
      work,
    );
  async function countRead(countSql: string, relation: string, work: Work): Promise<number> {
    const client = await app.database.work.connect();
    const read = async () => {
      const { rows } = await client.query(`select (${countSql})::int as count`, [relation]);
      return rows[0].count;
    };
    try {
      await client.query('begin');
      const before = await read();
      await work(client);
      return (await read()) - before;
    } finally {
      await client.query('rollback');
      client.release();
    }
  }
  async function besideOldTransaction(work: () => Promise<unknown>): Promise<void> {
    const old = await app.database.work.connect();
    try {
      await old.query('begin isolation level repeatable read');
      await old.query('select');
      await work();
    } finally {
      await old.query('rollback');
      old.release();
    }
  }
  const pending = 'webhook_delivery_pending_idx';
  const front = { nextAttemptAt: null, id: '0' };
  const pause = () => app.database.work.query(`update webhook set paused_until = now() + interval '1 hour'`);

  test('a look does not read what waits for webhooks that are not served now', async () => {
    const { webhook } = await createWebhook();
    await pause();
    await writeMany(webhook.id, 2_000);
    await createWebhook();
    for (const look of ['ALL', 'RECENT'] as const)
      expect(
        await entriesRead(pending, (pool) => leaseDue(pool, 10, { look, withMailboxes: false })),
      ).toBeLessThan(10);
  });

  test('a batch reads its own events only, also by a plan that was made for few events', async () => {
    const { webhook } = await createWebhook();
    await pause();
    // A clean-up beside an old transaction: the planner believes that the table stays empty.
    await writeMany(webhook.id, 100);
    await besideOldTransaction(async () => {
      await app.database.work.query('delete from webhook_event');
      await app.database.work.query('vacuum analyze webhook_event');
    });
    await writeMany(webhook.id, 2_000, `now() - id * interval '1 second'`);
    const read = await entriesRead('webhook_event_pkey', async (pool) => {
      expect(await findDue(pool, webhook.id, front, 100)).toHaveLength(100);
    });
    expect(read).toBeLessThanOrEqual(100);
  });

  test('a look and a batch read no more than they take, also by plans that were made for a small table', async () => {
    const { webhook } = await createWebhook();
    await pause();
    await writeMany(webhook.id, 100);
    await app.database.work.query(`update webhook_delivery set webhook_id = 'other-' || id % 50`);
    await app.database.work.query('vacuum analyze webhook_event, webhook_delivery');
    const look = (pool: { query: Pool['query'] }) =>
      leaseDue(pool, 10, { look: 'ALL', withMailboxes: false });
    const read = await rowsRead('webhook_delivery', async (pool) => {
      // Now the plans are made.
      expect(await look(pool)).toEqual([]);
      expect(await findDue(pool, webhook.id, front, 100)).toEqual([]);
      await writeMany(webhook.id, 2_000, `now() - interval '1 minute'`);
      expect(await findDue(pool, webhook.id, front, 100)).toHaveLength(100);
      await pool.query('update webhook set paused_until = null');
      expect(await look(pool)).toHaveLength(1);
    });
    expect(read).toBeLessThan(500);
  });

  test('to save a batch reads its own deliveries only, also by a plan that was made for few of them', async () => {
    const { webhook } = await createWebhook();
    await pause();
    await writeMany(webhook.id, 100);
    await besideOldTransaction(async () => {
      await app.database.work.query('delete from webhook_delivery');
      await app.database.work.query('vacuum analyze webhook_delivery');
    });
    await writeMany(webhook.id, 2_000, `now() - id * interval '1 second'`);
    const due = await findDue(app.database.work, webhook.id, front, 100);
    const at = new Date();
    const attempts = due.map(({ id, retryUntil }) => ({
      ...{ id, retryUntil, state: 'DELIVERED' as const, attempts: 1, nextAttemptAt: at },
      ...{ at, durationMs: 1, status: 200, body: '', problem: null },
    }));
    const health = {
      failures: 0,
      failingSince: null,
      pausedUntil: null,
      disabledReason: null,
      isBack: false,
    };
    const leased = { environmentId: 'test', id: webhook.id, lease: '00000000-0000-4000-8000-000000000000' };
    const read = await entriesRead('webhook_delivery_pkey', (client) =>
      saveAttempts(client, leased, attempts, health),
    );
    expect(read).toBeLessThanOrEqual(200);
  });

  test('what was delivered while an old transaction lives is read now and then, not in each batch or look', async () => {
    const { webhook } = await createWebhook();
    await pause();
    await besideOldTransaction(async () => {
      await writeMany(webhook.id, 2_000, `now() - interval '1 minute'`);
      await app.database.work.query(`update webhook_delivery set state = 'DELIVERED'`);
      await app.database.work.query('update webhook set paused_until = null');
      const look = (look: 'ALL' | 'RECENT') =>
        entriesRead(pending, (pool) => leaseDue(pool, 10, { look, withMailboxes: false }));
      expect(await look('ALL')).toBeGreaterThanOrEqual(2_000);
      expect(await look('RECENT')).toBeLessThan(10);
      await pause();
      await writeMany(webhook.id, 200);
      let after: Position = front;
      const batch = async (pool: { query: Pool['query'] }) => {
        const due = await findDue(pool, webhook.id, after, 100);
        after = due.at(-1) ?? after;
      };
      expect(await entriesRead(pending, batch)).toBeGreaterThanOrEqual(2_100);
      expect(await entriesRead(pending, batch)).toBeLessThanOrEqual(101);
    });
  });

  test('to clean up reads what its time has come for, not all that waits', async () => {
    const { webhook } = await createWebhook();
    await app.database.work.query('update webhook set disabled_at = now()');
    // The planner believes that the tables stay empty: it would read them whole, and join them.
    await app.database.work.query('vacuum analyze webhook_event, webhook_delivery');
    await writeMany(webhook.id, 2_000);
    await app.database.work.query(
      `update webhook_delivery set retry_until = now() - interval '1 second'
       where id in (select id from webhook_delivery order by id limit 3)`,
    );
    await writeMany(webhook.id, 2);
    await app.database.work.query(
      `with old as (
         update webhook_event set created_at = now() - interval '15 days'
         where id in (select id from webhook_event order by id desc limit 2) returning id
       )
       update webhook_delivery d set state = 'DELIVERED', retry_until = now() - interval '12 days',
         created_at = now() - interval '15 days' from old where d.event_id = old.id`,
    );
    for (const table of ['webhook_delivery', 'webhook_event'])
      expect(await rowsRead(table, (pool) => cleanUpOnce(pool, 1_000))).toBeLessThan(30);
    await cleanUpOnce(app.database.work, 1_000);
    const { rows } = await app.database.work.query(
      'select state, count(*)::int as count from webhook_delivery group by state order by 1',
    );
    expect(rows).toEqual([
      { state: 'PENDING', count: 1_997 },
      { state: 'DEAD', count: 3 },
    ]);
    const events = await app.database.work.query('select count(*)::int as count from webhook_event');
    expect(events.rows).toEqual([{ count: 2_000 }]);
  });

  test('a message that appears as if it was due since long is sent soon', async () => {
    const { webhook } = await createWebhook();
    await createUser();
    await receiver.count(1);
    await writeMany(webhook.id, 1, `now() - interval '1 hour'`);
    await receiver.count(2);
  });
});

test('two processes send each message once; what a killed one was sending is sent again', async () => {
  dispatch();
  const { webhook } = await createWebhook();
  for (let user = 0; user < 20; user += 1) await createUser();
  await until(async () => (await deliveriesOf(webhook.id, 'DELIVERED')).length === 20);
  expect(receiver.received).toHaveLength(20);

  // As a process leaves it that was killed: the lease runs out.
  await until(nobodySends);
  await app.database.work.query(
    `update webhook set leased_by = gen_random_uuid(), leased_until = now() + interval '1 second'`,
  );
  await createUser();
  await receiver.count(21);
});

test('what could not be saved is saved again, and not sent again', async () => {
  const { webhook } = await createWebhook();
  const held: ServerResponse[] = [];
  receiver.answerWith((_message, response) => {
    held.push(response);
  });
  await createUser();
  await until(async () => held.length > 0);
  const holder = await app.database.work.connect();
  try {
    await holder.query('begin');
    await holder.query('select from webhook_delivery for update');
    held[0]?.writeHead(204).end();
    await someoneWaitsFor(app.database, holder);
    // The connection of the save breaks.
    await holder.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))`,
    );
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  receiver.answerWith((_message, response) => response.writeHead(204).end());
  await until(async () => (await deliveredOf(webhook.id)) === 1);
  await until(nobodySends);
  expect(receiver.received).toHaveLength(1);
});

test('the recipe of the guide leads from nothing to a message, and sends it again', async () => {
  const guide = await readFile('docs/guides/webhooks.md', 'utf8');
  const recipe = guide.slice(guide.indexOf('## From nothing'), guide.indexOf('## Create one'));
  const lines = recipe.split('\n').map((line) => line.trim());
  const kana = lines.find((line) => line.startsWith('kana() {')) ?? '';
  const calls = lines.filter((line) => line.startsWith("kana '"));
  expect(calls).toHaveLength(10);
  const values: Record<string, string> = { KANA: app.url, KEY: app.keys.test, HOOK: receiver.url };
  const run = async (call: string) => {
    const env = { ...process.env, ...values };
    const { stdout } = await promisify(execFile)('bash', ['-c', `${kana}\n${call}`], { env });
    const answer = JSON.parse(stdout);
    expect(answer.errors).toBeUndefined();
    return answer.data;
  };
  const { webhook, secret } = (await run(calls[0] ?? '')).createWebhook;
  values.ID = webhook.id;
  for (const call of calls.slice(1, 7)) await run(call);
  const [message] = await receiver.count(1);
  expect(message?.payload).toMatchObject({ type: 'usage.threshold_reached', data: { threshold: 80 } });
  new Webhook(secret).verify(message?.body ?? '', message?.headers as Record<string, string>);
  const [delivery] = (await run(calls[7] ?? '')).webhookDeliveries;
  await run(calls[8] ?? '');
  await receiver.count(2);
  await run((calls[9] ?? '').replace('1', delivery.id));
  const again = (await receiver.count(3))[2];
  expect(again?.headers['webhook-id']).toBe(message?.headers['webhook-id']);
});

test('a message to an address that has become private is not sent', async () => {
  await Promise.all(dispatchers.map((each) => each.stop()));
  dispatchers = [];
  dispatch(createPost(false));
  // localhost stands for a name that resolves to an address of a private network.
  const { webhook } = await createWebhook({ url: receiver.url.replace('127.0.0.1', 'localhost') });
  const literal = await createWebhook();
  await createUser();
  for (const id of [webhook.id, literal.webhook.id])
    await until(async () => (await deliveriesOf(id))[0]?.problem === 'The address is in a private network.');
  expect(receiver.received).toEqual([]);
});
