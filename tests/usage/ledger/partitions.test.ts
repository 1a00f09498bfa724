import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { prove } from '../../../src/cli/findings.ts';
import { migrate, readMigrations } from '../../../src/database/migrations.ts';
import { sealLogs } from '../../../src/seals/seal.ts';
import { findKeyDifferences } from '../../../src/usage/ledger/keys-store.ts';
import { followPartitions } from '../../../src/usage/ledger/partitions.ts';
import { repair } from '../../../src/usage/ledger/verify.ts';
import { appendUsage } from '../../../src/usage/record/store.ts';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createEmptyDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

/*
 * A database of an earlier version is migrated, and lives on. The tests build on each other: each finds the ledger that the
 * one before it has left, in more and more partitions.
 */

const rangeSize = 2n ** 24n;

let testDatabase: TestDatabase;
let app: TestApp;
beforeAll(async () => {
  testDatabase = await createEmptyDatabase();
  const names = (await readMigrations()).map(({ name }) => name);
  const isEarlier = (name: string) => name < '20261130074500_usage_keys';
  await migrate(testDatabase.url, new Set(names.filter(isEarlier)));
  await earlierUsage(testDatabase.url);
  await migrate(testDatabase.url);
  app = await startTestApp({ databaseUrl: testDatabase.url });
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'f' });
  await createPackage(prisma, { id: 'p', features: ['f'] });
  for (const id of ['a', 'b', 'c', 'd']) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId: 'p' });
  }
  const keys = await prisma.user.findMany({ orderBy: { key: 'asc' }, select: { id: true, key: true } });
  expect(keys.slice(0, 2)).toEqual([
    { id: 'a', key: 1n },
    { id: 'b', key: 2n },
  ]);
});
afterAll(async () => {
  await app?.close();
  await testDatabase.drop();
});

/** Usage of the first two users, as the earlier version recorded it. */
async function earlierUsage(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at, idempotency_key)
    values (1, 'test', 'f', 'ADD', 5, now() - interval '1 minute', 'early'),
      (2, 'test', 'f', 'ADD', 3, now() - interval '1 minute', 'both'), (2, 'test', 'f', 'ADD', 1, now() - interval '1 minute', null)`);
  await client.end();
}

const sql = async (text: string, values: unknown[] = []) =>
  (await app.database.work.query(text, values)).rows;

/** Each partition with its number of rows; those without rows are left out. */
async function filled(): Promise<Record<string, number>> {
  const rows = await sql(
    'select tableoid::regclass::text as name, count(*)::int as count from usage_event group by 1 order by 1',
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

async function record(userId: string, idempotencyKey: string | null, more = ''): Promise<unknown> {
  const key = idempotencyKey === null ? '' : `, idempotencyKey: "${idempotencyKey}"`;
  const { recordUsage } = await app.ok(
    `mutation { recordUsage(input: { userId: "${userId}", featureId: "f", delta: 5${key}${more} }) { recorded duplicate } }`,
  );
  return recordUsage;
}
const recorded = { recorded: true, duplicate: false };
const repeated = { recorded: true, duplicate: true };

const follow = () => followPartitions({ pool: app.database.work });

/** How many differences verify finds, after the jobs have run. */
async function findDifferences(): Promise<number> {
  const { work, hot } = app.database;
  const stop = new AbortController().signal;
  await rollUp({ pool: work, stop });
  await sealLogs({ pool: work, stop });
  const { differences } = await prove(hot, () => undefined);
  return differences;
}

test('what was recorded before is the first partition, and its keys are known', async () => {
  expect(await filled()).toEqual({ usage_event_first: 3 });
  expect(await record('a', 'early')).toEqual(repeated);
  expect(await record('a', 'early', ', enforce: true')).toEqual(repeated);
  expect(
    await app.fails(
      `mutation { recordUsage(input: { userId: "a", featureId: "f", delta: 6, idempotencyKey: "early" }) { recorded } }`,
    ),
  ).toMatchObject({ extensions: { code: 'CONFLICT' } });
  // Until the ids move on, the first partition grows.
  expect(await record('a', 'between')).toEqual(recorded);
  expect(await record('a', 'between')).toEqual(repeated);
  expect(await filled()).toEqual({ usage_event_first: 4 });
});

test('the ids move on from it, once, and keys are known across partitions', async () => {
  await follow();
  await follow();
  expect(await record('a', 'early')).toEqual(repeated);
  expect(await record('a', 'between')).toEqual(repeated);
  expect(await record('a', 'late')).toEqual(recorded);
  expect(await record('a', 'late', ', enforce: true')).toEqual(repeated);
  expect(await record('b', 'decided', ', enforce: true')).toEqual(recorded);
  expect(await record('b', 'decided')).toEqual(repeated);
  expect(await filled()).toEqual({ usage_event_2: 2, usage_event_first: 4 });
  expect(await findDifferences()).toBe(0);
});

test('with a month the ids move on, and there are always partitions ahead', async () => {
  const last = async () => BigInt((await sql('select last_value as last from usage_event_id_seq'))[0].last);
  const before = await last();
  await follow();
  expect(await last()).toBe(before);
  await sql(
    `update usage_event set recorded_at = recorded_at - interval '40 days' where tableoid = 'usage_event_2'::regclass`,
  );
  await sql(`delete from seal`);
  await follow();
  expect(await last()).toBe(3n * rangeSize);
  await follow();
  expect(await last()).toBe(3n * rangeSize);
  expect(await record('a', 'next month')).toEqual(recorded);
  expect(await record('a', 'late')).toEqual(repeated);
  expect(await filled()).toEqual({ usage_event_2: 2, usage_event_3: 1, usage_event_first: 4 });
  const [{ count }] = await sql(
    `select count(*)::int as count from pg_inherits where inhparent = 'usage_event'::regclass and inhrelid::regclass::text = any($1)`,
    [[4, 5, 6, 7].map((number) => `usage_event_${number}`)],
  );
  expect(count).toBe(4);
});

test('near the end of a range the ids skip the next one: no id is drawn twice meanwhile', async () => {
  await sql(`select setval('usage_event_id_seq', $1)`, [`${4n * rangeSize - 10n}`]);
  await sql(
    `update usage_event set recorded_at = recorded_at - interval '40 days' where tableoid = 'usage_event_3'::regclass`,
  );
  await follow();
  expect((await sql('select last_value as last from usage_event_id_seq'))[0].last).toBe(`${5n * rangeSize}`);
});

test('two who record one key at once, across partitions, record it once', async () => {
  const results = await Promise.all([1, 2, 3, 4].map(() => record('c', 'at once')));
  expect(results.filter((result) => (result as { duplicate: boolean }).duplicate)).toHaveLength(3);
  expect(await sql(`select from usage_event where idempotency_key = 'at once'`)).toHaveLength(1);
});

test('recording looks into the first partition for earlier keys, and into the one that it writes', async () => {
  const client = await app.database.hot.connect();
  const usage = {
    environmentId: 'test',
    userId: 'd',
    featureId: 'f',
    source: 'API',
    action: 'ADD',
    delta: 1_000_000n,
    timestamp: null,
    enforce: false,
  } as const;
  try {
    await client.query('begin');
    for (const idempotencyKey of ['k', 'k', null])
      await appendUsage(client, [{ usage: { ...usage, idempotencyKey }, withStanding: true }], 'skip');
    const { rows } = await client.query(
      `select distinct relation::regclass::text as name from pg_locks
       where pid = pg_backend_pid() and relation::regclass::text ~ '^usage_event_(first|\\d+)$' order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['usage_event_5', 'usage_event_first']);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('of a key that merged users have used in several partitions, the first use keeps it', async () => {
  // The earlier version recorded it for b; a records it now.
  expect(await record('a', 'both')).toEqual(recorded);
  expect(await record('c', 'late')).toEqual(recorded);
  await app.ok('mutation { mergeUsers(ids: ["a", "b", "c"]) { id } }');
  const keys = await sql(
    `select idempotency_key as key, tableoid::regclass::text as partition from usage_event
     where idempotency_key is not null order by 1`,
  );
  expect(keys).toEqual([
    { key: 'at once', partition: 'usage_event_5' },
    { key: 'between', partition: 'usage_event_first' },
    { key: 'both', partition: 'usage_event_first' },
    { key: 'decided', partition: 'usage_event_2' },
    { key: 'early', partition: 'usage_event_first' },
    { key: 'late', partition: 'usage_event_2' },
    { key: 'next month', partition: 'usage_event_3' },
  ]);
  expect(await findDifferences()).toBe(0);
  for (const { key } of keys) if (key !== 'both') expect(await record('c', key)).toEqual(repeated);
  expect(
    await app.fails(
      'mutation { recordUsage(input: { userId: "a", featureId: "f", delta: 5, idempotencyKey: "both" }) { recorded } }',
    ),
  ).toMatchObject({ extensions: { code: 'CONFLICT' } });
});

test('verify names keys that differ from the ledger, and --repair makes them again', async () => {
  await sql(`update usage_key set delta = 7 where idempotency_key = 'decided'`);
  await sql(`delete from usage_key where idempotency_key = 'next month'`);
  await sql(`update usage_key set idempotency_key = 'nobody' where idempotency_key = 'at once'`);
  const find = () => findKeyDifferences(app.database.hot, 0n, 2n ** 62n);
  const found = await find();
  expect(found.map(({ what }) => what).sort()).toEqual(['MISSING', 'MISSING', 'OTHER', 'SURPLUS']);
  expect(await findDifferences()).toBe(4);
  const [difference] = found;
  await repair(app.database.prisma, difference?.userKey ?? 0n);
  expect(await find()).toEqual([]);
  expect(await record('a', 'next month')).toEqual(repeated);
});

test('deleting a user deletes the keys in all partitions', async () => {
  await app.ok('mutation { deleteUser(id: "a") { id } }');
  expect(await sql('select from usage_key')).toEqual([]);
  expect(await sql('select from usage_event where idempotency_key is not null')).toEqual([]);
  expect(await findDifferences()).toBe(0);
});
