import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { countTrips } from '../../helpers/trips.ts';

// All decisions share one connection, so each round trip of one lets all others wait.

let app: TestApp;
let trips: { count: number };
beforeAll(async () => {
  app = await startTestApp();
  trips = countTrips(app.database.pools);
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'base', features: [{ id: 'calls', limit: 10, resetPeriod: 'MONTH' }] });
  for (const id of ['plain', 'topped-up']) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId: 'base' });
  }
  await app.ok('mutation { topUp(input: { userId: "topped-up", featureId: "calls", amount: 100 }) { id } }');
});
afterAll(() => app.close());

async function tripsFor(usage: object, times = 1): Promise<number> {
  const record = () =>
    app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
      input: { featureId: 'calls', ...usage },
    });
  for (let count = 0; count < times; count += 1) await record();
  trips.count = 0;
  expect(await record()).toEqual({ recordUsage: { recorded: true } });
  return trips.count;
}

test.each<[string, object, number, number]>([
  ['a decision: begin, locks; holdings; usage; writes and commit', { userId: 'plain', enforce: true }, 2, 4],
  ['the same after an addition that may need a top-up', { userId: 'topped-up' }, 0, 5],
  ['an addition that the budget has room for', { userId: 'topped-up' }, 2, 1],
  ['what it draws, after the usage that it names', { userId: 'topped-up' }, 10, 6],
])('%s', async (_what, usage, times, expected) => {
  // Connections are open, and the key is known.
  expect(await tripsFor(usage, times)).toBe(expected);
});
