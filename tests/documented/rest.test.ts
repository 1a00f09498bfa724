import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// Every call of docs/reference/rest.md is run as it stands, and answered as the page shows.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, {
    id: 'pro',
    features: [{ id: 'calls', limit: 10, resetPeriod: 'MONTH' }],
  });
  await createUser(prisma, { id: 'ada' });
  await createSubscription(prisma, { userId: 'ada', packageId: 'pro' });
});
afterAll(() => app.close());

const page = readFileSync('docs/reference/rest.md', 'utf8');

async function run(command: string, args: string[]): Promise<string> {
  const env = { ...process.env, KANA: app.url, KEY: app.keys.test };
  return (await promisify(execFile)(command, args, { env, timeout: 20_000 })).stdout;
}

const testWith = (command: string) => (spawnSync(command, ['--version']).status === 0 ? test : test.skip);

testWith('curl')('cURL', async () => {
  const calls = [...page.matchAll(/```sh\n([^`]*)```\n\n```json\n([^`]*)```/g)];
  expect(calls.length).toBe(3);
  for (const [, command = '', answer = ''] of calls) {
    const told = JSON.parse(await run('sh', ['-c', command]));
    const subscriptionId = told.subscriptionId === undefined ? {} : { subscriptionId: told.subscriptionId };
    expect(told).toMatchObject({ ...JSON.parse(answer), ...subscriptionId });
  }
});

testWith('python3')('Python', async () => {
  const [, script = ''] = /```python\n(.*?)```/s.exec(page) ?? [];
  expect(await run('python3', ['-c', script])).toBe('True\n');
});

test('TypeScript', async () => {
  const [, script = ''] = /```ts\n(.*?)```/s.exec(page) ?? [];
  const given = 'const { KANA: kana, KEY: key } = process.env;\n';
  const whole = `${given}${script}\nconsole.log(entitlement.access);`;
  expect(await run(process.execPath, ['--input-type=module', '--eval', whole])).toBe('true\n');
});
