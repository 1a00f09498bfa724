import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { changesSql } from '../../../src/usage/rollup/store.ts';
import { findHourDifferences } from '../../../src/usage/rollup/verify-store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

/* A user with many ADDs and then many SETs: the history must not be read once for each SET. */

const adds = Number(process.env.ADDS ?? 20_000);
const sets = Number(process.env.SETS ?? 500);
const perDay = 86_400_000;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'daily', features: [{ id: 'calls', resetPeriod: 'DAY' }] });
  for (const id of ['inside', 'outside']) await createUser(prisma, { id });
  const startedAt = new Date(Date.now() - 10 * perDay);
  await createSubscription(prisma, { userId: 'inside', packageId: 'daily', startedAt });
  await prisma.$executeRaw`
    INSERT INTO usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
    SELECT key, 'test', 'calls', (CASE WHEN n <= ${adds}::int THEN 'ADD' ELSE 'SET' END)::"UsageAction", 1,
      now() - n % 4 * interval '12 hours'
    FROM "user", generate_series(1, ${adds + sets}::int) n ORDER BY n`;
}, 60_000);
afterAll(() => app.close());

const query = (userId: string) =>
  app.ok('query ($userId: String!) { usageSeries(featureId: "calls", userId: $userId) { used } }', {
    userId,
  });

interface Plan {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

/** How many rows a plan read of the ledger. */
const rowsRead = (plan: Plan): number =>
  (plan['Relation Name']?.startsWith('usage_event')
    ? (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops']
    : 0) + (plan.Plans ?? []).reduce((sum, each) => sum + rowsRead(each), 0);

describe('usage over time of a long history', () => {
  // Statistics of an empty table and of the real one lead to different plans.
  it.each(['without statistics', 'with statistics'])('reads each event a few times, %s', async (which) => {
    if (which === 'with statistics') await app.database.prisma.$executeRaw`ANALYZE`;
    const { rows } = await app.database.work.query(
      `explain (analyze, format json) ${changesSql("environment_id = 'test' and id > 0")}`,
    );
    const read = rowsRead(rows[0]['QUERY PLAN'][0].Plan);
    expect(read).toBeGreaterThanOrEqual(adds + sets);
    expect(read).toBeLessThan(3 * 2 * (adds + sets));
  });

  it('is the same before and after it is rolled up', async () => {
    const read = () => Promise.all(['inside', 'outside'].map(query));
    const before = await read();
    await rollUp({ pool: app.jobs, stop: new AbortController().signal }, 5_000);
    expect(await read()).toEqual(before);
    expect(await findHourDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
  });
});
