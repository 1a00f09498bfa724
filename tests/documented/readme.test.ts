import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { ensureBuilt } from '../helpers/process.ts';

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

const quickStart = /^## Quick start\n(.*?)^## /ms.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';
const blocks = (language: string) =>
  [...quickStart.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(
    ([, block = '']) => block,
  );

async function run(command: string, args: string[]): Promise<string> {
  const env = { ...process.env, KANA: app.url, KEY: app.keys.test };
  // In the SDK's folder its own name leads to it, as it does where it is installed.
  const { stdout } = await promisify(execFile)(command, args, { env, cwd: 'packages/sdk', timeout: 20_000 });
  return stdout;
}

const testWith = (command: string) => (spawnSync(command, ['--version']).status === 0 ? test : test.skip);
const used = async () => {
  const query =
    '{ showUsage(userId: "demo-user", featureId: "api-calls") { current { consumption { used } } } }';
  return (await app.ok(query)).showUsage.current.consumption.used;
};

testWith('curl')('cURL and Segment', async () => {
  const [check = '', event = ''] = blocks('sh');
  expect(JSON.parse(await run('sh', ['-c', check])).data.canUseFeature.access).toBe(true);
  const before = await used();
  expect(JSON.parse(await run('sh', ['-c', event])).outcome).toBe('RECORDED');
  expect(await used()).toBe(before + 1);
});

test('TypeScript', async () => {
  const before = await used();
  await run(process.execPath, ['--input-type=module', '--eval', blocks('ts')[0] ?? '']);
  expect(await used()).toBe(before + 1);
});

testWith('python3')('Python', async () => {
  const before = await used();
  expect(await run('python3', ['-c', blocks('python')[0] ?? ''])).toContain("'recorded': True");
  expect(await used()).toBe(before + 1);
});
