import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

let database: TestDatabase;
let client: Client;
let script: string;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
  script = await readFile('prisma/citus.sql', 'utf8');
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

const distributed = () =>
  [...script.matchAll(/create_distributed_table\('(\w+)', '(\w+)'/g)].map(([, table = '', column = '']) => ({
    table,
    column,
  }));
const reference = () =>
  [...script.matchAll(/create_reference_table\('"?(\w+)"?'\)/g)].map(([, table = '']) => table);

test('every table has its place in a cluster', async () => {
  const { rows } = await client.query(
    `select tablename from pg_tables where schemaname = 'public' and tablename <> '_prisma_migrations' order by 1`,
  );
  const placed = [...reference(), ...distributed().map(({ table }) => table)];
  expect(placed.sort()).toEqual(rows.map(({ tablename }) => tablename));
});

test('every key and unique index of a distributed table holds the column that it is distributed by', async () => {
  const { rows } = await client.query(
    `select indrelid::regclass::text as table, indexrelid::regclass::text as index,
            array(select attname::text from pg_attribute where attrelid = indexrelid) as columns
     from pg_index where indisunique and indrelid::regclass::text = any ($1)`,
    [distributed().map(({ table }) => table)],
  );
  const without = rows.filter(({ table, columns }) =>
    distributed().some((each) => each.table === table && !columns.includes(each.column)),
  );
  expect(rows.length).toBeGreaterThanOrEqual(distributed().length);
  expect(without).toEqual([]);
});

test('a distributed table refers to reference tables only, and none refers to it', async () => {
  const { rows } = await client.query(
    `select conrelid::regclass::text as "from", trim('"' from confrelid::regclass::text) as "to"
     from pg_constraint where contype = 'f'`,
  );
  expect(rows.filter(({ to }) => !reference().includes(to))).toEqual([]);
});
