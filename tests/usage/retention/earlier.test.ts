import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, type Pool } from 'pg';
import { load } from '../../../src/backup/load-store.ts';
import { openSnapshot } from '../../../src/backup/snapshot-store.ts';
import { prove } from '../../../src/cli/findings.ts';
import { migrate, readMigrations } from '../../../src/database/migrations.ts';
import { openPool } from '../../../src/database/pool.ts';
import { grantServerRights } from '../../../src/database/roles.ts';
import { migrateQueue } from '../../../src/jobs/queue.ts';
import { sealLogs } from '../../../src/seals/seal.ts';
import { followPartitions } from '../../../src/usage/ledger/partitions.ts';
import { retain } from '../../../src/usage/retention/retain.ts';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createEmptyDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

/*
 * The first partition of a database of an earlier version, in which recording looks for keys of that version, is replaced by
 * a server whose role owns nothing. The tests build on each other.
 */

const role = `kana_app_${randomUUID().slice(0, 8)}`;
const stop = new AbortController().signal;
let testDatabase: TestDatabase;
let restored: TestDatabase;
let app: TestApp;
let pool: Pool;

beforeAll(async () => {
  testDatabase = await createEmptyDatabase();
  restored = await createEmptyDatabase();
  const names = (await readMigrations()).map(({ name }) => name);
  await migrate(testDatabase.url, new Set(names.filter((name) => name < '20261130074500_usage_keys')));
  const client = new Client({ connectionString: testDatabase.url });
  await client.connect();
  const at = `now() - interval '1 minute', now() - interval '10 months'`;
  await client.query(`insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at, recorded_at, idempotency_key)
    values (1, 'test', 'f', 'ADD', 5, ${at}, 'early'), (1, 'test', 'f', 'ADD', 2, ${at}, null),
      (2, 'test', 'f', 'ADD', 3, ${at}, 'early'), (2, 'test', 'f', 'ADD', 1, ${at}, 'other')`);
  await client.query(`create role ${role} login password 'secret'`);
  await migrate(
    testDatabase.url,
    new Set(names.filter((name) => name < '20261130180000_retention_in_pieces')),
  );
  await sumAsBefore(client);
  await client.end();
  await migrate(testDatabase.url);
  await migrateQueue(testDatabase.url);
  app = await startTestApp({ databaseUrl: testDatabase.url });
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'f' });
  await createPackage(prisma, { id: 'p', features: ['f'] });
  for (const id of ['a', 'b']) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId: 'p', startedAt: new Date('2020-01-01') });
  }
  await sql(`insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
    select s.user_key, s.id, 'f', s.started_at, 'test', case s.user_key when 1 then 7 else 4 end from subscription s`);
  const url = new URL(testDatabase.url);
  url.username = role;
  url.password = 'secret';
  await grantServerRights(testDatabase.url, url.href);
  ({ pool } = openPool({ connectionString: url.href, application_name: 'open-kana jobs', max: 2 }));
});
afterAll(async () => {
  await pool?.end();
  await app?.close();
  await restored.drop();
  const client = new Client({ connectionString: testDatabase.url });
  await client.connect();
  await client.query(`drop owned by ${role}`);
  await client.query(`drop role ${role}`);
  await client.end();
  await testDatabase.drop();
});

const sql = async (text: string, values: unknown[] = []) =>
  (await app.database.work.query(text, values)).rows;

/** What an earlier version left of the partition that it had begun to sum: the first user, and not the second. */
async function sumAsBefore(client: Client): Promise<void> {
  await client.query(`
    insert into ledger_summing (to_id, summed_key, amended_to)
    select substring(pg_get_expr(relpartbound, oid) from 'TO \\(''?(\\d+)')::bigint, 1, 0
    from pg_class where relname = 'usage_event_first'`);
  await client.query('insert into ledger_summed_user (user_key, revision) values (1, 0)');
  await client.query(`
    insert into usage_sum (user_key, id, environment_id, feature_id, action, delta, occurred_at, recorded_at, source, note)
    select 1, max(id), 'test', 'f', 'ADD', sum(delta), min(occurred_at), max(recorded_at), 'API', 'by an earlier version'
    from usage_event where user_key = 1`);
  await client.query(`
    insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
    select user_key, idempotency_key, id, 'test', 'f', action, delta from usage_event_first
    where user_key = 1 and idempotency_key is not null`);
}

async function record(userId: string, delta: number, idempotencyKey: string): Promise<unknown> {
  const { recordUsage } = await app.ok(
    'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded duplicate } }',
    { input: { userId, featureId: 'f', delta, idempotencyKey } },
  );
  return recordUsage;
}

async function findDifferences(): Promise<number> {
  await rollUp({ pool, stop });
  await sealLogs({ pool, stop });
  return (await prove(app.database.hot, () => undefined)).differences;
}

test('it is replaced, and keys of earlier versions are known', async () => {
  await followPartitions({ pool });
  expect(await record('a', 1, 'now')).toEqual({ recorded: true, duplicate: false });
  expect(await findDifferences()).toBe(0);
  expect(await retain({ pool, stop }, 3)).toMatchObject({ state: 'DROPPED' });
  expect(await findDifferences()).toBe(0);
  expect(
    await sql(
      'select user_key, delta::int as delta, idempotency_key, note from usage_event_first order by 1',
    ),
  ).toEqual([
    // What was summed already is kept.
    { user_key: '1', delta: 7, idempotency_key: null, note: 'by an earlier version' },
    { user_key: '2', delta: 4, idempotency_key: null, note: null },
  ]);
  expect(await record('a', 5, 'early')).toEqual({ recorded: true, duplicate: true });
  expect(await record('b', 1, 'other')).toEqual({ recorded: true, duplicate: true });
});

test.each([
  'insert into ledger_drop (to_id, amended_to) values (1, 1)',
  'delete from usage_event_first',
  'select * from usage_event_2',
])('its role may not: %s', async (text) => {
  await expect(pool.query(text)).rejects.toMatchObject({ code: '42501' });
});

test('the sums of the next partition can be made with the same role', async () => {
  await pool.query('delete from usage_sum');
  await pool.query('select * from usage_event_first limit 1');
});

test('a backup holds the sums, and says the same', async () => {
  const proveIt = (db: Parameters<typeof prove>[0]) => prove(db, () => undefined);
  const snapshot = await openSnapshot(testDatabase.url, { isLast: false, prove: proveIt });
  try {
    expect(await load(restored.url, snapshot, { prove: proveIt })).toMatchObject({ differences: 0 });
  } finally {
    await snapshot.close();
  }
});

test('a merge keeps the first of two equal keys', async () => {
  await app.ok('mutation { mergeUsers(ids: ["a", "b"]) { id } }');
  expect(await sql('select user_key, idempotency_key from usage_key order by idempotency_key')).toEqual([
    { user_key: '1', idempotency_key: 'early' },
    { user_key: '1', idempotency_key: 'now' },
    { user_key: '1', idempotency_key: 'other' },
  ]);
  expect(await record('b', 5, 'early')).toEqual({ recorded: true, duplicate: true });
  expect(await findDifferences()).toBe(0);
});
