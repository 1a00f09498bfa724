import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

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
