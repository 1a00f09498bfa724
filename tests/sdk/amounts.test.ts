import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { KanaAdmin } from '../../packages/sdk/src/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

let app: TestApp;
let kana: KanaAdmin;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'hours', precision: 2 });
  await createPackage(prisma, { id: 'basic', features: [{ id: 'hours', limit: 5_000_000_000 }] });
  await createUser(prisma, { id: '124' });
  await createSubscription(prisma, { userId: '124', packageId: 'basic' });
  kana = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
});
afterAll(() => app.close());

const usage = { userId: '124', featureId: 'hours' };

test.each([
  [undefined, true],
  [0.25, true],
  [5_000_000_000, true],
  [5_000_000_000.25, false],
])('canUse asks for %s', async (delta, access) => {
  expect(await kana.features.canUse({ ...usage, delta })).toMatchObject({ data: { access } });
});

test('recordUsage takes decimals, also as text', async () => {
  for (const delta of [0.1, '0.2', '4000000000'])
    expect(await kana.features.recordUsage({ ...usage, delta })).toMatchObject({ data: { recorded: true } });
  const { data } = await kana.features.showUsage(usage);
  expect(data?.current?.consumption.used).toBe(4_000_000_000.3);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, '1,5', 0.001])('%s is refused', async (delta) => {
  expect((await kana.features.recordUsage({ ...usage, delta })).error?.message).toMatch(
    /^input\.delta: must/,
  );
  if (typeof delta === 'number')
    expect((await kana.features.canUse({ ...usage, delta })).error?.message).toMatch(/^amount: must/);
});

test('a feature tells its precision', async () => {
  expect((await kana.features.retrieve({ id: 'hours' })).data?.precision).toBe(2);
});
