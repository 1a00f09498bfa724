import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { ensureBuilt } from '../helpers/process.ts';
import { block, type Language, runProgram, testWith } from '../helpers/programs.ts';

// Every quick start of the README is run as it stands, against a server with the demo data.

let app: TestApp;
beforeAll(async () => {
  await ensureBuilt();
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'api-calls' });
  await createPackage(prisma, {
    id: 'demo',
    features: [{ id: 'api-calls', limit: 50, resetPeriod: 'MONTH' }],
  });
  await createUser(prisma, { id: 'demo-user' });
  await createSubscription(prisma, { userId: 'demo-user', packageId: 'demo' });
}, 120_000);
afterAll(() => app.close());

// In the SDK's folder its own name leads to it, as it does where it is installed.
const run = (language: Language, code: string) =>
  runProgram(language, code, { KANA: app.url, KEY: app.keys.test }, 'packages/sdk');

const used = async () => {
  const query =
    '{ showUsage(userId: "demo-user", featureId: "api-calls") { current { consumption { used } } } }';
  return (await app.ok(query)).showUsage.current.consumption.used;
};

testWith('curl')('cURL and Segment', async () => {
  const [check, event] = [block('README.md', 'sh', 1), block('README.md', 'sh', 2)]; // The first one starts the server.
  expect(JSON.parse(await run('sh', check)).data.canUseFeature.access).toBe(true);
  const before = await used();
  expect(JSON.parse(await run('sh', event)).outcome).toBe('RECORDED');
  expect(await used()).toBe(before + 1);
});

test('TypeScript', async () => {
  const before = await used();
  await run('ts', block('README.md', 'ts'));
  expect(await used()).toBe(before + 1);
});

testWith('python3')('Python', async () => {
  const before = await used();
  expect(await run('python', block('README.md', 'python'))).toContain("'recorded': True");
  expect(await used()).toBe(before + 1);
});
