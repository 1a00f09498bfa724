import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Pool, PoolClient } from 'pg';
import { oneUnit } from '../../src/amount.ts';
import { createStandingFinder } from '../../src/entitlements/store.ts';
import { recordLocked } from '../../src/usage/record/locked.ts';
import type { Usage } from '../../src/usage/record/rules.ts';
import { appendUsage } from '../../src/usage/record/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

/* A user with thousands of subscriptions that have ended: whatever the planner believes, they are not read. */

const ended = 5_000;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'pro', features: [{ id: 'calls', limit: 100_000 }] });
  await createUser(prisma, { id: 'old-hand' });
  await prisma.$executeRaw`
    INSERT INTO subscription (user_key, environment_id, package_id, is_addon, status, started_at, ended_at)
    SELECT key, 'test', 'pro', false, 'CANCELLED', now() - interval '2 days', now() - interval '1 day'
    FROM "user", generate_series(1, ${ended}::int)`;
  await createSubscription(prisma, { userId: 'old-hand', packageId: 'pro' });
}, 60_000);
afterAll(() => app.close());

const usage: Usage = {
  environmentId: 'test',
  userId: 'old-hand',
  featureId: 'calls',
  action: 'ADD',
  delta: oneUnit,
  timestamp: null,
  idempotencyKey: null,
  enforce: false,
  source: 'API',
};

/** How many subscriptions `work` reads. */
async function rowsRead(work: (client: PoolClient) => Promise<unknown>): Promise<number> {
  const client = await app.database.hot.connect();
  const sql = `select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as read
    from pg_stat_xact_user_tables where relname = 'subscription'`;
  try {
    await client.query('begin');
    await work(client);
    return Number((await client.query(sql)).rows[0].read);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

/** A pool that has this one connection, in its transaction. */
const poolOf = (client: PoolClient) => {
  const query = (...given: unknown[]) =>
    /^(begin|commit)$/.test(String(given[0])) ? undefined : Reflect.apply(client.query, client, given);
  return { query, connect: async () => ({ query, release: () => undefined }) } as unknown as Pool;
};

const works: [string, (client: PoolClient) => Promise<unknown>][] = [
  ['recording', (client) => appendUsage(client, [{ usage, withStanding: true }])],
  ['a check', (client) => createStandingFinder(poolOf(client))(usage)],
  [
    'a list with enforce',
    (client) => recordLocked(poolOf(client), [Array(100).fill({ ...usage, enforce: true })], 'wait'),
  ],
];

it.each([
  ...works.map(([name, work]) => [name, 'without statistics', work] as const),
  ...works.map(([name, work]) => [name, 'with statistics', work] as const),
])('%s does not read ended subscriptions, %s', async (_name, which, work) => {
  if (which === 'with statistics') await app.database.prisma.$executeRaw`ANALYZE`;
  expect(await rowsRead(work)).toBeLessThan(20);
});
