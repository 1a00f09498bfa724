import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// The examples of docs/guides/allowances.md run in their order, as they stand there.

let app: TestApp;
let examples: string[];

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['api-calls', 'tokens']) await createFeature(prisma, { id });
  const features = ['api-calls', 'tokens'].map((id) => ({ id, limit: 100 }));
  await createPackage(prisma, { id: 'base', features });
  await createUser(prisma, { id: '124' });
  await createSubscription(prisma, { userId: '124', packageId: 'base' });
  const guide = await readFile(new URL('../../docs/guides/allowances.md', import.meta.url), 'utf8');
  examples = [...guide.matchAll(/```graphql\n(.+?)```/gs)].map(([, example = '']) => example);
});
afterAll(() => app.close());

test('every example of the guide succeeds, and the allowances are what it says', async () => {
  const answers = [];
  for (const example of examples) answers.push(await app.ok(example));
  expect(answers[2]).toMatchObject({
    canUseFeature: {
      access: true,
      consumption: { used: 0, budget: 100, remaining: 150, topUp: { granted: 50, remaining: 50 } },
    },
  });
  expect(answers[3]).toMatchObject({ reserveUsage: { reserved: true, reason: null } });
  expect(answers[0]).toMatchObject({ grantFeature: { limit: 500, endsAt: '2030-03-01T17:00:00.000Z' } });
});
