import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { KanaAdmin, NetworkError, type RecordedUsage, type Result } from '../../packages/sdk/src/index.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';

// A server that is killed and comes back while usages are recorded: each counts exactly once.

const calls = Number(process.env.CALLS ?? 900);
const apiKey = `prv_test_${'k'.repeat(32)}`;

let testDatabase: TestDatabase;
let database: Database;
let server: ServerProcess;
let env: Record<string, string>;

beforeAll(ensureBuilt, 120_000);
beforeEach(async () => {
  testDatabase = await createTestDatabase();
  env = { DATABASE_URL: testDatabase.url, KANA_TEST_PRIVATE_KEY: apiKey };
  server = await startServer(env);
  env.PORT = new URL(server.url).port;
  database = openDatabase(testDatabase.url);
  const { prisma } = database;
  await createFeature(prisma, { id: 'api-calls' });
  await createPackage(prisma, { id: 'pro', features: ['api-calls'] });
  await createUser(prisma, { id: '124' });
  await createSubscription(prisma, { userId: '124', packageId: 'pro' });
});
afterEach(async () => {
  await server.end('SIGKILL');
  await database.close();
  await testDatabase.drop();
});

const usage = { userId: '124', featureId: 'api-calls' };

/** Kills the server as soon as so many usages are on disk, and starts it again on the same port. */
async function killAfter(count: number): Promise<void> {
  while ((await database.prisma.usageEvent.count()) < count) await sleep(20);
  await server.end('SIGKILL');
  server = await startServer(env);
}

/** Every call says that it is recorded, and the ledger and the counter hold each of them once. */
async function expectAllOnce(kana: KanaAdmin, results: Result<RecordedUsage>[]): Promise<void> {
  expect(results.filter(({ data }) => data?.recorded)).toHaveLength(calls);
  const { _count, _sum } = await database.prisma.usageEvent.aggregate({
    _count: true,
    _sum: { delta: true },
  });
  expect([_count, Number(_sum.delta)]).toEqual([calls, calls]);
  const { data } = await kana.features.canUse(usage);
  expect(data?.consumption?.used).toBe(calls);
}

test('call by call, two hundred at a time', async () => {
  const kana = new KanaAdmin({
    apiKey,
    endpoint: `${server.url}/graphql`,
    retry: async (error) => error instanceof NetworkError && sleep(20, true),
  });
  const results: Result<RecordedUsage>[] = [];
  let begun = 0;
  async function callOn() {
    while (begun < calls) {
      begun += 1;
      results.push(await kana.features.recordUsage(usage));
    }
  }
  const killing = killAfter(calls / 3);
  await Promise.all(Array.from({ length: 200 }, callOn));
  await killing;
  await expectAllOnce(kana, results);
});

test('buffered', async () => {
  const kana = new KanaAdmin({
    apiKey,
    endpoint: `${server.url}/graphql`,
    flushAt: 100,
    flushInterval: 50,
    maxBuffered: calls,
  });
  const results = Array.from({ length: calls }, () => kana.features.recordUsage(usage));
  await killAfter(calls / 3);
  await expectAllOnce(kana, await Promise.all(results));
});
