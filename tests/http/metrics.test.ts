import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createUser } from '../helpers/factories.ts';
import { parseFigures } from '../helpers/figures.ts';

const token = 'shown-to-prometheus-alone';
const metrics = createMetrics();
let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({
    metrics,
    metricsAccess: { token, readProcesses: () => metrics.registry.metrics() },
  });
  await createFeature(app.database.prisma, { id: 'api-calls' });
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(() => app.close());

async function figures() {
  const { status, text, headers } = await app.http.get('/metrics').set('Authorization', `Bearer ${token}`);
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return parseFigures(text);
}

/** How much each of these figures grew while something was done. */
async function growth(names: string[], work: () => Promise<unknown>) {
  const before = await figures();
  await work();
  const after = await figures();
  return names.map((name) => (after.get(name) ?? 0) - (before.get(name) ?? 0));
}

describe('who may read', () => {
  test.each([
    ['nobody without credentials', () => ''],
    ['no other token', () => `Bearer ${token}x`],
    ['no token of the same length', () => `Bearer ${'x'.repeat(token.length)}`],
    ['no private key', () => app.keys.live],
    ['no public key', () => app.keys.publicLive],
  ])('%s', async (_who, authorization) => {
    const { status, text, headers } = await app.http.get('/metrics').set('Authorization', authorization());
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect(JSON.parse(text).errors[0].extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      exception: { name: 'AuthenticationError' },
    });
  });

  test('where no token is configured, there is nothing', async () => {
    const closed = await startTestApp();
    const { status } = await closed.http.get('/metrics').set('Authorization', 'Bearer undefined');
    expect(status).toBe(404);
    await closed.close();
  });
});

const request = (operation: string, outcome: string, path = '/graphql') =>
  `kana_requests_total{path="${path}",operation="${operation}",outcome="${outcome}"}`;

test('requests are counted by what they asked for and how they ended', async () => {
  const counted = await growth(
    [
      request('users', 'ok'),
      request('entitlements', 'NOT_FOUND'),
      request('', 'GRAPHQL_VALIDATION_FAILED'),
      request('', 'UNAUTHENTICATED', '/client/graphql'),
      request('', 'NOT_FOUND', '(unknown)'),
      'kana_request_duration_seconds_count{path="/graphql",operation="users"}',
    ],
    async () => {
      await app.ok('{ users { id } }');
      await app.ok('query Named { users { name } }');
      await app.fails('{ entitlements(userId: "x") { access } }');
      await app.fails('{ users { wombat } }');
      await app.http.post('/client/graphql').send({ query: '{ currentUser { id } }' });
      await app.http.get('/wombat');
    },
  );
  expect(counted).toEqual([2, 1, 1, 1, 1, 2]);
});

test('no word of a client becomes a label', async () => {
  await app.http.get('/wombat1?wombat2=3');
  await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query: 'query wombat4 { wombat5: users { id } }' });
  await app.http.post('/graphql').send({ query: '{ wombat6 }', operationName: 'wombat7' });
  const { text } = await app.http.get('/metrics').set('Authorization', token);
  expect(text).not.toContain('wombat');
});

test('the batches of each lane are counted by their size', async () => {
  const record = 'mutation { recordUsage(input: {userId: "124", featureId: "api-calls"}) { recorded } }';
  const counted = await growth(
    [
      'kana_batch_size_sum{lane="record"}',
      'kana_batch_size_sum{lane="check"}',
      'kana_batch_duration_seconds_count{lane="check"}',
    ],
    async () => {
      await Promise.all([app.ok(record), app.ok(record), app.ok(record)]);
      await app.ok('{ canUseFeature(userId: "124", featureId: "api-calls") { access } }');
    },
  );
  expect(counted).toEqual([3, 1, 1]);
  expect((await figures()).get('kana_lane_waiting{lane="record"}')).toBe(0);
});

test('Segment events are counted by what became of them', async () => {
  const send = (events: object[]) =>
    app.http.post('/segment/events').set('Authorization', app.keys.test).send(events);
  const count = (outcome: string) => `kana_segment_events_total{outcome="${outcome}"}`;
  const event = {
    type: 'track',
    userId: '124',
    event: 'Called',
    messageId: 'm1',
    properties: { featureId: 'api-calls' },
  };
  const counted = await growth(['RECORDED', 'DUPLICATE', 'REFUSED', 'IGNORED', 'UNMATCHED'].map(count), () =>
    send([event, event, {}, { type: 'page', userId: '124' }, { type: 'track', userId: '124', event: 'x' }]),
  );
  expect(counted).toEqual([1, 1, 1, 1, 1]);
});

test('pools, the gate and the backlog are told', async () => {
  const told = await figures();
  for (const pool of ['requests', 'hot', 'work']) {
    expect(told.get(`kana_pool_limit{pool="${pool}"}`)).toBeGreaterThan(1);
    expect(told.get(`kana_pool_waiting{pool="${pool}"}`)).toBe(0);
  }
  for (const environment of ['test', 'live'])
    expect(told.get(`kana_requests_in_flight_limit{environment="${environment}"}`)).toBe(1_000);
  expect(told.get('kana_database_up')).toBe(1);
  expect(told.get('kana_segment_unprocessed')).toBe(0);
});

test('jobs that wait are told, with the age of the oldest', async () => {
  await app.database.prisma.$executeRaw`
    select graphile_worker.add_job('some-task', run_at => now() - interval '1 hour')`;
  await app.database.prisma.$executeRaw`select graphile_worker.add_job('some-task')`;
  const told = await figures();
  expect(told.get('kana_jobs_waiting{task="some-task"}')).toBe(2);
  expect(Math.round((told.get('kana_job_lag_seconds{task="some-task"}') ?? 0) / 60)).toBe(60);
});

test('jobs whose process has ended on the way are told, and are not given up', async () => {
  const { prisma } = app.database;
  await prisma.$executeRaw`select graphile_worker.add_job('left-task', max_attempts => 1)`;
  await prisma.$executeRaw`
    update graphile_worker._private_jobs set locked_at = now(), locked_by = 'pool-killed', attempts = 1
    where id in (select id from graphile_worker.jobs where task_identifier = 'left-task')`;
  const told = await figures();
  expect(told.get('kana_jobs_left{task="left-task"}')).toBe(1);
  expect(told.get('kana_jobs_left{task="some-task"}')).toBe(0);
  expect(told.get('kana_jobs_waiting{task="left-task"}')).toBe(0);
  expect(told.get('kana_jobs_given_up{task="left-task"}')).toBe(0);
});

test('figures are told while the database cannot be read', async () => {
  await app.database.prisma.$executeRaw`alter table segment_event rename to gone`;
  const told = await figures();
  expect(told.get('kana_database_up')).toBe(0);
  expect(told.get(request('users', 'ok'))).toBeGreaterThan(0);
  await app.database.prisma.$executeRaw`alter table gone rename to segment_event`;
});
