import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['124', 'beside', 'changing']) await createUser(prisma, { id });
  await createFeature(prisma, { id: 'calls', type: 'CONSUMABLE' });
  for (const id of ['pro', 'p0', 'p1', 'p2'])
    await createPackage(prisma, { id, features: [{ id: 'calls' }] });
});
afterAll(() => app.close());

const rename = 'mutation { updateUser(id: "124", input: { id: "124", name: "Ada" }) { name } }';

/** Resolves once so many statements wait for locks. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const { rows } = await app.database.work.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (rows.length >= count) return;
    await sleep(5);
  }
}

test('changes of one held user keep no other request waiting, in no environment', async () => {
  const holder = await app.database.work.connect();
  await holder.query(`begin; select from "user" where id = '124' for update`);
  const changes = Array.from({ length: 20 }, () =>
    app.http.post('/graphql').set('Authorization', app.keys.test).send({ query: rename }),
  );
  const answers = Promise.all(changes);
  await waiting(1);

  for (const key of [app.keys.test, app.keys.live]) {
    expect(await app.ok('{ users(first: 1) { name } }', {}, key)).toBeTruthy();
    const created = 'mutation { createUser(input: { id: "other" }) { id } }';
    expect(await app.ok(created, {}, key)).toEqual({ createUser: { id: 'other' } });
  }
  const unknown = `prv_test_${'x'.repeat(32)}`;
  for (const path of ['/graphql', '/segment/events', '/cli/publish']) {
    const { status } = await app.http
      .post(path)
      .set('Authorization', unknown)
      .send({ query: '{ users { id } }' });
    expect([path, status]).toEqual([path, 401]);
  }
  expect((await app.http.get('/health/ready')).status).toBe(200);

  await holder.query('rollback');
  holder.release();
  // On a slow machine the requests above take longer than a change waits for its user.
  for (const { body } of await answers)
    if (body.errors?.[0].extensions.code !== 'SERVICE_UNAVAILABLE')
      expect(body).toEqual({ data: { updateUser: { name: 'Ada' } } });
});

const subscribe = 'mutation { subscribe(userId: "124", packageIds: ["pro"]) { id } }';
const record = (userId: string) =>
  `mutation { recordUsage(input: { userId: "${userId}", featureId: "calls" }) { recorded } }`;

test('whoever needs a held user is told to come back, and everybody else is served', async () => {
  const holder = await app.database.work.connect();
  await holder.query(`begin; select from "user" where id = '124' for update`);
  const refused = Promise.all([subscribe, rename, rename, record('124')].map((query) => app.fails(query)));
  await waiting(1);
  expect(await app.ok(record('beside'))).toEqual({ recordUsage: { recorded: true } });
  for (const { extensions } of await refused) expect(extensions.code).toBe('SERVICE_UNAVAILABLE');
  await holder.query('rollback');
  holder.release();
  expect(await app.ok(record('124'))).toEqual({ recordUsage: { recorded: true } });
});

test('a lock of somebody else on the ledger refuses usage instead of holding it for ever', async () => {
  const holder = await app.database.work.connect();
  await holder.query('begin; lock table usage_event in share mode');
  const refused = await Promise.all(Array.from({ length: 5 }, () => app.fails(record('beside'))));
  for (const { extensions } of refused) expect(extensions.code).toBe('SERVICE_UNAVAILABLE');
  await holder.query('rollback');
  holder.release();
  expect(await app.ok(record('beside'))).toEqual({ recordUsage: { recorded: true } });
});

test('usage is recorded while the package of its user changes without a pause', async () => {
  let done = false;
  const change = async (index: number) => {
    for (let round = index; !done; round += 1)
      await app.ok(
        `mutation { changePackage(userId: "changing", packageId: "p${round % 3}") { subscription { id } } }`,
      );
  };
  await app.ok('mutation { subscribe(userId: "changing", packageIds: ["p2"]) { id } }');
  const changers = Array.from({ length: 16 }, (_each, index) => change(index).catch(() => change(index + 1)));
  const answers = await Promise.all(
    Array.from({ length: 12 }, async () => (await app.ok(record('changing'))).recordUsage.recorded),
  );
  const { status } = await app.http
    .post('/segment/events')
    .set('Authorization', app.keys.test)
    .send({ type: 'track', userId: 'changing', event: 'Call', properties: { featureId: 'calls' } });
  done = true;
  await Promise.allSettled(changers);
  expect({ answers, status }).toEqual({ answers: Array(12).fill(true), status: 200 });
});

test('live is served while every connection of test is taken', async () => {
  const { prisma, pools } = app.database;
  for (const id of ['bystander', 'leaving']) await createUser(prisma, { id }, { in: 'live' });
  await createFeature(prisma, { id: 'calls', type: 'CONSUMABLE' }, { in: 'live' });
  const taken = await Promise.all(
    ['test_requests', 'test_hot', 'test_work'].flatMap((name) =>
      Array.from({ length: pools[name]?.options.max ?? 0 }, () => pools[name]?.connect()),
    ),
  );
  // They also hold what the environments share tables of: the row of the rollup.
  await taken[0]?.query(
    `begin; insert into usage_rollup (environment_id) values ('test') on conflict do nothing`,
  );
  await taken[0]?.query(`select from usage_rollup where environment_id = 'test' for update`);
  const asLive = (query: string) => app.ok(query, {}, app.keys.live);
  expect(await asLive(record('bystander'))).toEqual({ recordUsage: { recorded: true } });
  expect(await asLive('{ users(first: 1) { id } }')).toBeTruthy();
  expect(await asLive('{ usageSeries(featureId: "calls", userId: "bystander") { used } }')).toBeTruthy();
  const { status, body } = await app.http
    .post('/segment/events')
    .set('Authorization', app.keys.live)
    .send({ type: 'track', userId: 'bystander', event: 'Call', properties: { featureId: 'calls' } });
  expect({ status, outcome: body.outcome }).toEqual({ status: 200, outcome: 'RECORDED' });
  expect(await asLive('mutation { deleteUser(id: "leaving") { id } }')).toEqual({
    deleteUser: { id: 'leaving' },
  });
  await taken[0]?.query('rollback');
  for (const client of taken) client?.release();
});
