import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { readMigrations } from '../../src/database/migrations.ts';
import { findUnvalidated } from '../../src/database/unvalidated.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/* What the database refuses, whoever writes: each bad row by SQL. */

let database: TestDatabase;
let client: Client;

async function connect(url: string): Promise<Client> {
  const opened = new Client({ connectionString: url });
  await opened.connect();
  return opened;
}

const rowsSql = `
  insert into environment (id, app_id) values ('test', 't'), ('live', 'l');
  insert into "user" (key, environment_id, id, updated_at) values (1, 'test', 'anna', now()), (2, 'live', 'anna', now());
  insert into "user" (key, environment_id, id, updated_at, merged_into) values (3, 'test', 'bert', now(), 1);
  insert into feature (environment_id, id, name, type, updated_at) values ('test', 'f', 'f', 'CONSUMABLE', now());
  insert into package (environment_id, id, name, updated_at)
    values ('test', 'p', 'p', now()), ('live', 'p', 'p', now()), ('live', 'q', 'q', now());
  insert into subscription (user_key, id, environment_id, package_id, is_addon, started_at)
    values (1, 1001, 'test', 'p', false, now())`;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await connect(database.url);
  await client.query(rowsSql);
});

beforeEach(() => client.query('rollback'));

afterAll(async () => {
  await client.end();
  await database.drop();
});

const subscription = (columns: string, values: string) => `
  insert into subscription (user_key, environment_id, package_id, is_addon, started_at, status, ${columns})
  values (1, 'test', 'p', true, now(), ${values})`;

test.each([
  [
    'a live subscription of a test user',
    `insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
     values (1, 'live', 'q', true, now())`,
    'subscription_environment_id_user_key_fkey',
  ],
  [
    'a subscription that moves to another environment',
    `update subscription set environment_id = 'live' where id = 1001`,
    'subscription_environment_id_user_key_fkey',
  ],
  [
    'a user merged into one of another environment',
    `update "user" set merged_into = 2 where key = 3`,
    'user_environment_id_merged_into_fkey',
  ],
  [
    'the loss of a survivor, which would revive the merged ids',
    'delete from subscription; delete from "user" where key = 1',
    'user_environment_id_merged_into_fkey',
  ],
  [
    'a user merged into itself',
    'update "user" set merged_into = 2 where key = 2',
    'user_not_merged_into_itself',
  ],
  [
    'a subscription that ends before it begins',
    subscription('ended_at', `'CANCELLED', now() - interval '1 second'`),
    'subscription_ends_after_it_starts',
  ],
  [
    'a cancelled subscription without an end',
    subscription('ended_at', `'CANCELLED', null`),
    'subscription_cancelled_has_end',
  ],
  [
    'a SET below 0',
    `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
     values (1, 'test', 'f', 'SET', -5, now())`,
    'usage_event_amount_set_not_negative',
  ],
  [
    'a limit below 0',
    `insert into package_feature (environment_id, package_id, feature_id, position, name, "limit")
     values ('test', 'p', 'f', 0, 'f', -1)`,
    'package_feature_limit_not_negative',
  ],
  [
    'a position below 0',
    `insert into package_feature (environment_id, package_id, feature_id, position, name)
     values ('test', 'p', 'f', -1, 'f')`,
    'package_feature_position_not_negative',
  ],
  [
    'a package that is its own base',
    `insert into package_base (environment_id, addon_id, base_id) values ('test', 'p', 'p')`,
    'package_base_not_of_itself',
  ],
  [
    'a price below 0',
    `insert into package_price (environment_id, package_id, id, provider, amount, currency)
     values ('test', 'p', 'x', 'STRIPE', -1, 'GBP')`,
    'package_price_amount_not_negative',
  ],
  [
    'a mapping rule with a negative progress',
    `insert into mapping_rule (environment_id, id, name, feature_id, conditions, updated_at, examined)
     values ('test', 'r', 'r', 'f', '[]', now(), -1)`,
    'mapping_rule_progress_not_negative',
  ],
])('%s is refused', async (_what, sql, constraint) => {
  await client.query('begin');
  await expect(client.query(sql)).rejects.toMatchObject({ constraint });
});

test('every invariant is proven for the rows of a fresh database', async () => {
  expect(await findUnvalidated(client)).toEqual([]);
});

test('foreign keys to a row of an environment contain the environment', async () => {
  const { rows } = await client.query(
    `select conname as name from pg_constraint c
     where contype = 'f' and confrelid <> 'environment'::regclass
       -- An account belongs to no environment. Its roles do.
       and exists (select from pg_attribute where attrelid = confrelid and attname = 'environment_id')
       and not exists (select from pg_attribute where attrelid = conrelid and attnum = any (conkey)
         and attname = 'environment_id')`,
  );
  expect(rows).toEqual([]);
});

test('rows of earlier bugs are repaired, or reported, and stop no start', async () => {
  const old = await createEmptyDatabase();
  const session = await connect(old.url);
  const migrations = await readMigrations();
  const first = migrations.findIndex(({ name }) => name.endsWith('_invariants'));
  for (const { sql } of migrations.slice(0, first)) await session.query(sql);
  await session.query(rowsSql);
  await session.query(
    `insert into subscription (user_key, id, environment_id, package_id, is_addon, started_at, ended_at, status)
     values (1, 2, 'test', 'p', true, '2026-01-02', '2026-01-01', 'CANCELLED'),
            (1, 3, 'test', 'p', true, '2026-01-02', null, 'CANCELLED'),
            (1, 4, 'live', 'q', true, '2026-01-02', '2026-01-03', 'CANCELLED');
     insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
     values (1, 'test', 'f', 'SET', -5, now())`,
  );
  // Each migration is one transaction of several statements, as the server applies it.
  for (const { sql } of migrations.slice(first)) await session.query(sql);

  const { rows } = await session.query(
    `select id::int, ended_at = started_at as at_once, ended_at between now() - interval '1 minute' and now() as now
     from subscription where id in (2, 3) order by id`,
  );
  expect(rows).toEqual([
    { id: 2, at_once: true, now: false },
    { id: 3, at_once: false, now: true },
  ]);
  expect((await session.query('select revision from "user" where key = 1')).rows).toEqual([{ revision: 1 }]);
  expect(await findUnvalidated(session)).toEqual([
    { table: 'subscription', constraint: 'subscription_environment_id_user_key_fkey' },
    { table: 'usage_event', constraint: 'usage_event_set_not_negative' },
  ]);
  await session.end();
  await old.drop();
});

test('no invariant is added in a way that reads a table under a lock that stops writers', async () => {
  const sql = await readFile('prisma/migrations/20261128210200_invariants/migration.sql', 'utf8');
  const added = [...sql.matchAll(/ADD CONSTRAINT[^;]*?(?=,\s*ADD|;)/g)].map(([statement]) => statement);
  expect(added.length).toBeGreaterThan(10);
  expect(added.filter((statement) => !/NOT VALID$/.test(statement.trim()))).toEqual([]);
});
