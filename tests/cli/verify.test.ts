import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { sealLogs } from '../../src/seals/seal.ts';
import { rollUp } from '../../src/usage/rollup/rollup.ts';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, run, startServer } from '../helpers/process.ts';

let testDatabase: TestDatabase;
let database: Database;
let environment: { DATABASE_URL: string };

beforeAll(async () => {
  await ensureBuilt();
  testDatabase = await createEmptyDatabase();
  environment = { DATABASE_URL: testDatabase.url };
  database = openDatabase(testDatabase.url);
  const server = await startServer({ ...environment, KANA_DEMO: 'true', KANA_TEST_PRIVATE_KEY: key });
  const record =
    'mutation { recordUsage(input: { userId: "demo-user", featureId: "api-calls", delta: 7 }) { recorded } }';
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query: record }),
  });
  expect(await answer.json()).toEqual({ data: { recordUsage: { recorded: true } } });
});

afterAll(async () => {
  endAll();
  await database.close();
  await testDatabase.drop();
});

const key = `prv_test_${'k'.repeat(32)}`;
const verify = (...words: string[]) => run('dist/bundle/verify.js', words, environment);
const counted = () => database.prisma.usageCounter.findFirstOrThrow();

test('verification of a live server whose counters are right says so', async () => {
  expect(await verify()).toEqual({
    code: 0,
    stdout: '1 users verified, 0 counters differ from the ledger.\n',
    stderr: '',
  });
});

test('a counter that differs is told, ends with code 1, and is mended on demand', async () => {
  await database.prisma.usageCounter.updateMany({ data: { used: 5 } });
  const { subscriptionId, windowStart } = await counted();
  const difference = `user key 1, subscription ${subscriptionId}, feature api-calls, window from ${windowStart.toISOString()}: ledger 7, counter 5\n1 users verified, 1 counters differ from the ledger.\n`;
  expect(await verify()).toEqual({ code: 1, stdout: difference, stderr: '' });
  expect(Number((await counted()).used)).toBe(5);
  expect(await verify('--repair')).toEqual({
    code: 0,
    stdout: `${difference}Recounted 1 users from the ledger.\n`,
    stderr: '',
  });
  expect(Number((await counted()).used)).toBe(7);
  expect((await verify()).code).toBe(0);
});

test('usage over time that differs is told, ends with code 1, and is mended on demand', async () => {
  const { prisma, work } = database;
  await rollUp({ pool: work, stop: new AbortController().signal });
  await prisma.usageHour.updateMany({ data: { used: 5 } });
  const { hour } = await prisma.usageHour.findFirstOrThrow();
  const place = `feature api-calls, hour from ${hour.toISOString()}`;
  const difference = `user key 1, ${place}: ledger 7, rollup 5
environment test, ${place}: all users 5, rollup 7
1 users verified, 0 counters differ from the ledger.
2 hours of usage over time differ from the ledger.
`;
  expect(await verify()).toEqual({ code: 1, stdout: difference, stderr: '' });
  expect(await verify('--repair')).toEqual({
    code: 0,
    stdout: `${difference}Recounted 1 users from the ledger.\n`,
    stderr: '',
  });
  expect(Number((await prisma.usageHour.findFirstOrThrow()).used)).toBe(7);
  expect((await verify()).code).toBe(0);
});

test('an option that it does not know is answered with how to use it', async () => {
  const { code, stderr } = await verify('--mend');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('npm run verify -- --repair'),
  });
});

test('a row of the ledger that is gone with its counter and hours is told, and no repair hides it', async () => {
  await sealLogs({ pool: database.work, stop: new AbortController().signal });
  await database.prisma.usageCounter.deleteMany();
  await database.prisma.usageHour.deleteMany();
  await database.prisma.featureHour.deleteMany();
  await database.prisma.usageEvent.deleteMany();
  const { code, stdout } = await verify('--repair');
  expect(stdout).toMatch(
    /^ledger: the \d+ rows up to id \d+, seal 1 of \S+Z, were changed, deleted or added to since they were sealed\.\n1 users verified, 0 counters differ from the ledger\.\n$/,
  );
  expect(code).toBe(1);
});
