import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { transaction } from '../../src/database/transaction.ts';
import { type Attempt, saveAttempts } from '../../src/webhooks/delivery-store.ts';
import { saveMailed } from '../../src/webhooks/email/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';

// Who changes deliveries and their webhook beside each other never waits in a circle.

let app: TestApp;
let webhookId: string;
let ids: string[];
let retryUntil: Date;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.work.query('delete from webhook_event');
  await app.database.work.query('delete from webhook');
  const { createWebhook } = await app.ok(
    'mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: ["user.*"] }) { webhook { id } } }',
  );
  webhookId = createWebhook.webhook.id;
  for (const id of ['a', 'b', 'c'])
    await app.ok(`mutation { createUser(input: { id: "${id}-${webhookId}" }) { id } }`);
  const { rows } = await app.database.work.query(
    `update webhook_delivery set retry_until = now() + interval '3 days' returning id, retry_until`,
  );
  ids = rows.map(({ id }) => id).toSorted((a, b) => a - b);
  retryUntil = rows[0].retry_until;
  await app.database.work.query(
    'update webhook set leased_by = gen_random_uuid(), failures = 1, paused_until = now()',
  );
});

const span = '2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z';
const changes: [string, () => string][] = [
  ['deleteWebhook', () => `deleteWebhook(id: "${webhookId}") { id }`],
  ['redeliver', () => `redeliver(id: "${ids[1]}") { id }`],
  [
    'redeliverSpan',
    () => `redeliverSpan(webhookId: "${webhookId}", from: "${span}", state: PENDING) { count }`,
  ],
  ['testWebhook', () => `testWebhook(id: "${webhookId}") { id }`],
  ['updateWebhook', () => `updateWebhook(id: "${webhookId}", input: { url: "http://127.0.0.1:8/" }) { id }`],
];

interface Leased {
  environmentId: string;
  id: string;
  lease: string;
}

/** How many statements wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await app.database.work.query(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0].count;
}

/** Saves the attempts in another order than that of the ids, and stops at the last id until the answered function is called. */
async function saveSlowly(save: (order: string[], leased: Leased) => Promise<unknown>) {
  const [first = '', second = '', third = ''] = ids;
  const { rows } = await app.database.work.query('select leased_by as lease from webhook');
  const leased = { environmentId: 'test', id: webhookId, lease: rows[0].lease };
  const holder = await app.database.work.connect();
  await holder.query('begin');
  await holder.query('select from webhook_delivery where id = $1 for update', [third]);
  const saved = save([second, third, first], leased);
  saved.catch(() => undefined);
  await someoneWaitsFor(app.database, holder);
  return {
    async goOn() {
      await holder.query('rollback');
      holder.release();
      await saved;
    },
  };
}

const at = new Date();
const attemptOf = (id: string): Attempt => ({
  ...{ id, state: 'PENDING', attempts: 1, retryUntil, nextAttemptAt: at, at },
  ...{ durationMs: 1, status: 500, body: '', problem: null },
});
const health = { failures: 1, failingSince: at, pausedUntil: null, disabledReason: null };

const saves: [string, (order: string[], leased: Leased) => Promise<unknown>][] = [
  [
    'attempts',
    async (order, leased) => {
      const client = await app.database.work.connect();
      const save = () => saveAttempts(client, leased, order.map(attemptOf), { ...health, isBack: false });
      await transaction(client, save).finally(() => client.release());
    },
  ],
  [
    'attempts whose lease has ended',
    async (order, leased) => {
      const client = await app.database.work.connect();
      const lost = { ...leased, lease: '00000000-0000-4000-8000-000000000000' };
      const save = () => saveAttempts(client, lost, order.map(attemptOf), { ...health, isBack: false });
      await transaction(client, save).finally(() => client.release());
    },
  ],
  [
    'a mail',
    async (order, leased) => {
      const client = await app.database.work.connect();
      const mailed = { ids: order, at, durationMs: 1, problem: 'Refused.', pauseMs: 1 };
      await transaction(client, () => saveMailed(client, leased as never, mailed)).finally(() =>
        client.release(),
      );
    },
  ],
];

test.each(saves.flatMap(([saved, save]) => changes.map(([name, call]) => ({ saved, save, name, call }))))(
  '$name beside a save of $saved',
  async ({ save, call }) => {
    const saving = await saveSlowly(save);
    let isOver = false;
    const changed = app.ok(`mutation { ${call()} }`).finally(() => {
      isOver = true;
    });
    changed.catch(() => undefined);
    while (!isOver && (await waiting()) < 2) await sleep(5);
    const ends = await Promise.allSettled([saving.goOn(), changed]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  },
);
