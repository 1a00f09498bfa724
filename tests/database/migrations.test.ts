import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { migrate, readMigrations } from '../../src/database/migrations.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/database.ts';

let database: TestDatabase;
let client: Client;
const other: TestDatabase[] = [];

async function connect(url: string): Promise<Client> {
  const opened = new Client({ connectionString: url });
  await opened.connect();
  return opened;
}

beforeAll(async () => {
  database = await createEmptyDatabase();
  client = await connect(database.url);
});

afterAll(async () => {
  await client.end();
  for (const each of [database, ...other]) await each.drop();
});

test('instances that start together on an empty database apply every migration once', async () => {
  await Promise.all([1, 2, 3].map(() => migrate(database.url)));

  const { rows } = await client.query(
    `select migration_name as name, checksum, finished_at is not null as finished, applied_steps_count as steps,
            logs, rolled_back_at
     from _prisma_migrations order by started_at`,
  );
  const migrations = await readMigrations();
  expect(rows).toEqual(
    migrations.map(({ name, checksum }) => ({
      name,
      checksum,
      finished: true,
      steps: 1,
      logs: null,
      rolled_back_at: null,
    })),
  );
});

test.each([
  [
    'which this code does not know',
    `update _prisma_migrations set migration_name = '99990101000000_later'`,
    /99990101000000_later, which this version does not know/,
  ],
  [
    'that was edited since',
    `update _prisma_migrations set checksum = 'other'`,
    /_init was edited after it was applied/,
  ],
  [
    'that was never finished',
    'update _prisma_migrations set finished_at = null',
    /_init was started and never finished/,
  ],
])('a database with a migration %s is left alone', async (_, damage, message) => {
  const damaged = await createTestDatabase();
  other.push(damaged);
  const session = await connect(damaged.url);
  await session.query(
    `${damage} where migration_name = (select min(migration_name) from _prisma_migrations)`,
  );
  await expect(migrate(damaged.url)).rejects.toThrow(message);
  await session.end();
});

test('a migration that fails changes nothing', async () => {
  const occupied = await createEmptyDatabase();
  other.push(occupied);
  const session = await connect(occupied.url);
  await session.query('create table environment (id text)');

  await expect(migrate(occupied.url)).rejects.toThrow(/_init failed and was rolled back: .*already exists/);

  const { rows } = await session.query(
    `select table_name from information_schema.tables where table_schema = 'public' order by 1`,
  );
  expect(rows).toEqual([{ table_name: '_prisma_migrations' }, { table_name: 'environment' }]);
  expect((await session.query('select * from _prisma_migrations')).rows).toEqual([]);
  await session.end();
});
