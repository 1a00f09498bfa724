import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { amountOf } from '../../../src/amount.ts';
import { type Database, openDatabase } from '../../../src/database/client.ts';
import { Prisma } from '../../../src/database/generated/client.ts';
import { usedAfter, windowsOf } from '../../../src/usage/ledger/rules.ts';
import { recount } from '../../../src/usage/ledger/store.ts';
import { findDifferences } from '../../../src/usage/ledger/verify-store.ts';
import { createUsageRecorder } from '../../../src/usage/record/record.ts';
import type { Usage } from '../../../src/usage/record/rules.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import {
  day,
  featureIds,
  findAllHeld,
  grantsOf,
  subscribeAtRandom,
} from '../../helpers/random-subscriptions.ts';

/*
 * Random usage of random users, recorded by all paths at once; then what the counters say, what SQL folds
 * the ledger to, and what the rules fold it to, must be one and the same.
 */

const seed = Number(process.env.SEED ?? 31);
const everyone = [0n, 2n ** 62n] as const;
const now = Date.now();
const usage = fc.record({
  person: fc.nat(39),
  featureId: fc.constantFrom(...featureIds),
  action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'ADD', 'SET'),
  delta: fc.oneof(fc.integer({ min: 0, max: 20 }).map(amountOf), fc.bigInt({ min: 0n, max: 20_000_000n })),
  revert: fc.boolean(),
  timestamp: fc.option(fc.integer({ min: 0, max: 520 * day }).map((ago) => new Date(now - ago))),
  idempotencyKey: fc.option(fc.integer({ min: 0, max: 30 }).map(String)),
  enforce: fc.constantFrom(false, false, false, true),
});

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  const { prisma } = database;
  await prisma.environment.create({ data: { id: 'test', appId: 'test_app' } });
  const userIds = Array.from({ length: 40 }, (_, index) => `user-${index}`);
  await subscribeAtRandom(prisma, { seed, now, userIds, oldest: 500, longest: 100, most: 4 });
  await recordEverything();
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

async function recordEverything() {
  const recordUsage = createUsageRecorder(database.hot);
  const usages = fc.sample(usage, { seed, numRuns: 3_000 }).map(
    ({ person: index, revert, ...facts }): Usage => ({
      ...facts,
      environmentId: 'test',
      source: 'API',
      userId: `user-${index}`,
      delta: revert && facts.action === 'ADD' ? -facts.delta : facts.delta,
    }),
  );
  const results: Awaited<ReturnType<typeof recordUsage>> = [];
  // Some hundred at a time: a slow machine has done them all before the first has waited too long for its user.
  for (let first = 0; first < usages.length; first += 500) {
    const some = usages.slice(first, first + 500).map((one) => recordUsage([one], { withStanding: true }));
    results.push(...(await Promise.all(some)).flat());
  }
  const faults = results.filter(
    (result) => result instanceof Error && result.name !== 'IdempotencyKeyConflictError',
  );
  expect(faults).toEqual([]);
  expect(await database.prisma.usageEvent.count()).toBeGreaterThan(1_000);
}

/** The counters as the rules fold the ledger to them. */
async function foldByRules() {
  const held = await findAllHeld(database.prisma);
  const used = new Map<string, bigint>();
  for (const event of await database.prisma.usageEvent.findMany({
    orderBy: [{ userKey: 'asc' }, { id: 'asc' }],
  })) {
    const grants = grantsOf(held, event.userKey, event.featureId);
    for (const { grant, windowStart } of windowsOf(grants, event.occurredAt)) {
      const name = [event.userKey, grant.subscriptionId, event.featureId, windowStart.toISOString()].join(
        ' ',
      );
      used.set(name, usedAfter(used.get(name) ?? 0n, { ...event, delta: amountOf(event.delta ?? 0) }));
    }
  }
  return used;
}

async function counters() {
  const rows = await database.prisma.usageCounter.findMany();
  return new Map(
    rows.map((row) => [
      [row.userKey, row.subscriptionId, row.featureId, row.windowStart.toISOString()].join(' '),
      amountOf(row.used),
    ]),
  );
}

const sorted = (map: Map<string, bigint>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('after random usage by all paths at once', () => {
  it('the counters are what the rules fold the ledger to', async () => {
    expect(sorted(await counters())).toEqual(sorted(await foldByRules()));
  });

  it('verification finds no difference', async () => {
    expect(await findDifferences(database.hot, ...everyone)).toEqual([]);
  });

  it('verification finds every counter that is wrong, missing or too many, and recounting mends it', async () => {
    const { prisma } = database;
    const before = await counters();
    const [wrong, missing] = await prisma.usageCounter.findMany({
      where: { used: { not: 0 } },
      orderBy: { userKey: 'asc' },
    });
    if (!wrong || !missing) throw new Error('there are no counters');
    const rowOf = ({ userKey, subscriptionId, featureId, windowStart }: typeof wrong) => ({
      userKey,
      subscriptionId,
      featureId,
      windowStart,
    });
    const whereOf = (row: typeof wrong) => ({ userKey_subscriptionId_featureId_windowStart: rowOf(row) });
    await prisma.usageCounter.update({ where: whereOf(wrong), data: { used: wrong.used.plus(7) } });
    await prisma.usageCounter.delete({ where: whereOf(missing) });
    const stray = { ...wrong, windowStart: new Date(0), used: new Prisma.Decimal(3) };
    await prisma.usageCounter.create({ data: stray });

    expect(await findDifferences(database.hot, ...everyone)).toEqual(
      expect.arrayContaining([
        { ...rowOf(wrong), ledger: amountOf(wrong.used), counter: amountOf(wrong.used.plus(7)) },
        { ...rowOf(missing), ledger: amountOf(missing.used), counter: 0n },
        { ...rowOf(stray), ledger: 0n, counter: amountOf(3) },
      ]),
    );
    expect(await findDifferences(database.hot, ...everyone)).toHaveLength(3);

    for (const userKey of new Set([wrong.userKey, missing.userKey])) await recount(prisma, userKey);
    expect(sorted(await counters())).toEqual(sorted(before));
  });
});
