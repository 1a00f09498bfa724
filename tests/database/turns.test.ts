import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  for (const id of ['test', 'live'])
    await database.prisma.environment.create({ data: { id, appId: `${id}_app` } });
  await createUser(database.prisma, { id: '124' });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** How many statements a connection had at once, at most, while something was done. */
async function mostAtOnce(work: () => Promise<unknown>): Promise<number> {
  const running = new Map<Client, number>();
  let most = 0;
  const { query } = Client.prototype;
  Client.prototype.query = function count(this: Client, ...given: unknown[]) {
    const add = (one: number) => running.set(this, (running.get(this) ?? 0) + one);
    add(1);
    most = Math.max(most, ...running.values());
    const answer: Promise<unknown> = Reflect.apply(query, this, given);
    answer.finally(() => add(-1)).catch(() => undefined);
    return answer;
  } as typeof query;
  await work().finally(() => {
    Client.prototype.query = query;
  });
  return most;
}

test('a connection never gets a statement before the one before has ended', async () => {
  await createFeature(database.prisma, { id: 'api-calls' });
  await createPackage(database.prisma, { id: 'pro' });
  const include = { features: true, prices: true, subscriptions: true, bases: true };

  const most = await mostAtOnce(() =>
    database.prisma.$transaction(async (tx) => {
      await tx.package.findMany({ include });
      const counts = await Promise.all([tx.user.count(), tx.feature.count(), tx.package.count()]);
      expect(counts).toEqual([1, 1, 1]);
    }),
  );

  expect(most).toBe(1);
});

test('a statement that fails leaves the connection to the next one', async () => {
  const client = await database.pools.requests?.connect();
  const [failed, fine] = await Promise.allSettled([
    client?.query('select gone'),
    client?.query('select 1 as one'),
  ]);
  client?.release();
  expect([failed?.status, fine]).toMatchObject(['rejected', { value: { rows: [{ one: 1 }] } }]);
});
