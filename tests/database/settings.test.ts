import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { openSession } from '../../src/database/session.ts';
import { everySession } from '../../src/database/settings.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { onServer } from '../helpers/server.ts';

/** What an operator's database may be set to, for each parameter that our sessions rely on. */
const contrary: Record<keyof typeof everySession, string> = {
  TimeZone: 'Europe/Berlin',
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  client_encoding: 'LATIN1',
  bytea_output: 'escape',
  extra_float_digits: '-10',
  standard_conforming_strings: 'off',
  search_path: 'pg_catalog',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  array_nulls: 'off',
  transform_null_equals: 'on',
  idle_in_transaction_session_timeout: '1s',
  idle_session_timeout: '1min',
  gin_fuzzy_search_limit: '1',
  exit_on_error: 'on',
};

let testDatabase: TestDatabase;
let database: Database;

async function setDatabase(settings: Record<string, string>): Promise<void> {
  const name = new URL(testDatabase.url).pathname.slice(1);
  for (const [parameter, value] of Object.entries(settings))
    await onServer(testDatabase.url, `alter database ${name} set ${parameter} = '${value}'`);
}

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  await setDatabase(contrary);
  database = openDatabase(testDatabase.url);
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** PostgreSQL tells durations in the largest unit that fits. */
const expected = { ...everySession, idle_in_transaction_session_timeout: '1min' };
const names = Object.keys(everySession);
const readSql = (list: string) => `select name, current_setting(name) as value from unnest(${list}) name`;
const valuesOf = (rows: { name: string; value: string }[]) =>
  Object.fromEntries(rows.map(({ name, value }) => [name, value]));

test.each(['requests', 'hot', 'work', 'lookups'])(
  'connections of the pool %s have the settings that statements rely on',
  async (name) => {
    const pool = database.pools[name] as Pool;
    const { rows } = await pool.query(readSql('$1::text[]'), [names]);
    expect(valuesOf(rows)).toEqual(expected);
  },
);

test('so do those of Prisma, and the one that prepares a start', async () => {
  const rows: { name: string; value: string }[] = await database.prisma.$queryRawUnsafe(
    readSql('$1::text[]'),
    names,
  );
  expect(valuesOf(rows)).toEqual(expected);

  const session = await openSession(testDatabase.url);
  const answer = await session.query(readSql('$1::text[]'), [names]);
  await session.end();
  expect(valuesOf(answer.rows)).toEqual(expected);
});

test('an instant that Prisma writes and reads is the one that PostgreSQL has', async () => {
  const instant = new Date('2026-07-01T12:00:00.123Z');
  await database.prisma.environment.create({ data: { id: 'test', appId: 'a', createdAt: instant } });
  const read = await database.prisma.environment.findUniqueOrThrow({ where: { id: 'test' } });
  expect(read.createdAt).toEqual(instant);
  const { rows } = await database.hot.query<{ epoch: string }>(
    'select extract(epoch from created_at)::text as epoch from environment',
  );
  expect(rows).toEqual([{ epoch: '1782907200.123000' }]);
});

test('a commit is on disk before it is answered, unless the operator asks for more', async () => {
  const level = async () => {
    const session = await openSession(testDatabase.url);
    const { rows } = await session.query(`select current_setting('synchronous_commit') as level`);
    await session.end();
    return rows[0].level;
  };
  await setDatabase({ synchronous_commit: 'off' });
  expect(await level()).toBe('on');
  await setDatabase({ synchronous_commit: 'remote_apply' });
  expect(await level()).toBe('remote_apply');
});

test('triggers run, whatever session_replication_role the database has', async () => {
  await setDatabase({ session_replication_role: 'replica' });
  const roleOf = async () => {
    const session = await openSession(testDatabase.url);
    const { rows } = await session.query("select current_setting('session_replication_role') as role");
    await session.end();
    return rows[0].role;
  };
  expect(await roleOf()).toBe('origin');

  // Only a superuser may change it back.
  const url = new URL(testDatabase.url);
  const role = `plain_${randomUUID().slice(0, 8)}`;
  await onServer(testDatabase.url, `create role ${role} login password 'plain'`);
  try {
    [url.username, url.password] = [role, 'plain'];
    await expect(openSession(url.toString())).rejects.toThrow(
      /^The database at \S+ cannot be used: session_replication_role is replica for the database or the role, so no trigger runs; reset it: /,
    );
  } finally {
    await onServer(testDatabase.url, `drop role ${role}`);
    await setDatabase({ session_replication_role: 'origin' });
  }
});
