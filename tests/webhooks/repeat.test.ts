import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Db } from '../../src/database/client.ts';
import { findIdBounds, repeatSpan } from '../../src/webhooks/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';

// What is sent again of a span of time. Nothing is sent here: what is due stays due until a test says that it was sent.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

async function createWebhook(): Promise<string> {
  const input = '{ url: "http://127.0.0.1:9/", events: ["user.*"] }';
  return (await app.ok(`mutation { createWebhook(input: ${input}) { webhook { id } } }`)).createWebhook
    .webhook.id;
}
/** Events with a delivery of each. */
const writeMany = (webhookId: string, count: number, state: string) =>
  app.database.work.query(
    `with e as (
       insert into webhook_event (environment_id, type, data)
       select 'test', 'user.deleted', jsonb_build_object('userId', n::text) from generate_series(1, ${count}) n
       returning id
     )
     insert into webhook_delivery (environment_id, webhook_id, event_id, retry_until, state)
     select 'test', $1, id, now() + interval '3 days', '${state}' from e order by id`,
    [webhookId],
  );
const span = 'from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z"';
async function repeat(id: string, state: string, after: string | null = null) {
  const query = `mutation ($id: String!, $state: WebhookDeliveryState, $after: String) {
    redeliverSpan(webhookId: $id, ${span}, state: $state, after: $after) { count more last }
  }`;
  return (await app.ok(query, { id, state, after })).redeliverSpan;
}
const nothing = { count: 0, last: null };

test('a large span is sent again in slices, each delivery once, and new messages wait for no more than a slice', async () => {
  const id = await createWebhook();
  await writeMany(id, 2_500, 'DELIVERED');
  let after: string | null = null;
  for (const expected of [1_000, 1_000, 500]) {
    const slice = await repeat(id, 'DELIVERED', after);
    expect(slice).toEqual({ count: expected, more: expected === 1_000, last: expect.any(String) });
    after = slice.last;
    if (expected === 1_000) expect(await repeat(id, 'DELIVERED', after)).toEqual({ ...nothing, more: true });
    await app.database.work.query(`update webhook_delivery set state = 'DELIVERED'`);
  }
  expect(await repeat(id, 'DELIVERED', after)).toEqual({ ...nothing, more: false });
  const { rows } = await app.database.work.query(
    `select count(*)::int as count from webhook_delivery where retry_until > created_at + interval '3 days'`,
  );
  expect(rows).toEqual([{ count: 2_500 }]);
});

test('a span that is sent again by several at once is sent once', async () => {
  const id = await createWebhook();
  await writeMany(id, 300, 'DEAD');
  const slices = await Promise.all(Array.from({ length: 4 }, () => repeat(id, 'DEAD')));
  expect(slices.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 300]);
});

describe('a span', () => {
  const write = (webhookId: string, count: number, ageMinutes: string) =>
    app.database.work.query(
      `with e as (
         insert into webhook_event (environment_id, type, data)
         select 'test', 'user.deleted', jsonb_build_object('userId', n::text) from generate_series(1, ${count}) n
         returning id
       )
       insert into webhook_delivery (environment_id, webhook_id, event_id, retry_until, state, created_at)
       select 'test', $1, id, now(), 'DEAD', now() - ${ageMinutes} * interval '1 minute' from e order by id`,
      [webhookId],
    );
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
  /** The rows and the entries of indexes that `work` reads of the deliveries. */
  async function countRead(work: (tx: Db) => Promise<unknown>): Promise<number> {
    const read = async (tx: Db) => {
      const [row] = await tx.$queryRaw<[{ count: number }]>`
        SELECT sum(pg_stat_get_xact_tuples_returned(c) + pg_stat_get_xact_tuples_fetched(c))::int AS count
        FROM (
          SELECT 'webhook_delivery'::regclass
          UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = 'webhook_delivery'::regclass
        ) t (c)`;
      return row.count;
    };
    return app.database.prisma.$transaction(async (tx) => {
      const before = await read(tx);
      await work(tx);
      return (await read(tx)) - before;
    });
  }

  test('is found without reading what came before and after it', async () => {
    const [id, other] = [await createWebhook(), await createWebhook()];
    for (const age of ['600', '400', '200']) {
      await write(id, age === '400' ? 20 : 3_000, age);
      await write(other, age === '400' ? 20 : 3_000, age);
    }
    await app.database.work.query('vacuum analyze webhook_delivery');
    const span = { environmentId: 'test', webhookId: id, from: ago(410), to: ago(390), after: 0n };
    let count = 0;
    const read = await countRead(async (tx) => {
      const bounds = await findIdBounds(tx, span.from, span.to);
      count = (await repeatSpan(tx, { ...span, state: 'DEAD' }, bounds, 1_000)).count;
    });
    expect(count).toBe(20);
    expect(read).toBeLessThan(2_000);
  });

  test('holds what a transaction wrote long after it began', async () => {
    const id = await createWebhook();
    // Ids in the order in which they were given: the first of the span was written last, and the last one first.
    for (const age of ['660', '500', '400', '430', '340', '370', '250']) await write(id, 1, age);
    await app.database.work.query('analyze webhook_delivery');
    const args = `webhookId: "${id}", from: "${ago(435).toISOString()}", to: "${ago(365).toISOString()}"`;
    const counts = await app.ok(`{ webhookDeliveryCounts(${args}) { dead } }`);
    expect(counts.webhookDeliveryCounts).toEqual({ dead: 3 });
    const sent = await app.ok(`mutation { redeliverSpan(${args}) { count } }`);
    expect(sent.redeliverSpan).toEqual({ count: 3 });
  });
});

test('nothing is sent again to a webhook that is disabled or deleted while the call waits for it', async () => {
  const span = 'from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z"';
  for (const [change, message] of [
    ['update webhook set disabled_at = now() where id = $1', ': the webhook is disabled: enable it first'],
    ['delete from webhook where id = $1', 'There is no webhook with the id'],
  ] as const) {
    const id = await createWebhook();
    await writeMany(id, 3, 'DEAD');
    for (const call of [
      `redeliverSpan(webhookId: "${id}", ${span}) { count }`,
      `testWebhook(id: "${id}") { id }`,
    ]) {
      if (change.startsWith('update'))
        await app.database.work.query('update webhook set disabled_at = null where id = $1', [id]);
      else if (call.startsWith('test')) continue;
      const changing = await app.database.work.connect();
      try {
        await changing.query('begin');
        await changing.query(change, [id]);
        const failed = app.fails(`mutation { ${call} }`);
        await someoneWaitsFor(app.database, changing);
        await changing.query('commit');
        expect((await failed).message).toContain(message);
      } finally {
        await changing.query('rollback');
        changing.release();
      }
    }
    const sql = `select count(*)::int as count from webhook_delivery where webhook_id = $1 and state = 'DEAD'`;
    expect((await app.database.work.query(sql, [id])).rows).toEqual([{ count: 3 }]);
  }
});

test('a span without an end after its start is refused, and an id that is none', async () => {
  const id = await createWebhook();
  const turned = `webhookId: "${id}", from: "2100-01-01T00:00:00Z", to: "2020-01-01T00:00:00Z"`;
  for (const call of [
    `mutation { redeliverSpan(${turned}) { count } }`,
    `{ webhookDeliveryCounts(${turned}) { dead } }`,
  ])
    expect((await app.fails(call)).message).toBe('to: must be after from');
  const odd = await app.fails(
    `mutation { redeliverSpan(webhookId: "${id}", ${span}, after: "x") { count } }`,
  );
  expect(odd.message).toBe('There is no delivery with the id "x".');
});
