import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { block, type Language, runProgram, testWith } from '../helpers/programs.ts';

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

const file = 'docs/reference/rest.md';
const page = readFileSync(file, 'utf8');

const run = (language: Language, code: string) =>
  runProgram(language, code, { KANA: app.url, KEY: app.keys.test });

testWith('curl')('cURL', async () => {
  const calls = [...page.matchAll(/```sh\n([^`]*)```\n\n```json\n([^`]*)```/g)];
  expect(calls.length).toBe(3);
  for (const [, command = '', answer = ''] of calls) {
    const told = JSON.parse(await run('sh', command));
    const subscriptionId = told.subscriptionId === undefined ? {} : { subscriptionId: told.subscriptionId };
    expect(told).toMatchObject({ ...JSON.parse(answer), ...subscriptionId });
  }
});

test('TypeScript', async () => {
  const given = 'const { KANA: kana, KEY: key } = process.env;\n';
  const whole = `${given}${block(file, 'ts')}\nconsole.log(entitlement.access);`;
  expect(await run('ts', whole)).toBe('true\n');
});

describe.each([
  ['python', 'python3'],
  ['ruby', 'ruby'],
  ['go', 'go'],
] as const)('%s', (language, command) => {
  testWith(command)(
    'checks and records',
    async () => {
      const remaining = async () => {
        const query = '{ canUseFeature(userId: "ada", featureId: "calls") { consumption { remaining } } }';
        return (await app.ok(query)).canUseFeature.consumption.remaining;
      };
      const before = await remaining();
      expect(await run(language, block(file, language))).toBe(`${before - 1}\n`);
      expect(await remaining()).toBe(before - 1);
    },
    250_000,
  );
});
