import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { amountOf, numberOf } from '../../../src/amount.ts';
import type { Db } from '../../../src/database/client.ts';
import { openPool } from '../../../src/database/pool.ts';
import { highestGrant } from '../../../src/entitlements/rules.ts';
import { windowStartAt } from '../../../src/entitlements/window-rules.ts';
import { countsTowards, usedAfter } from '../../../src/usage/ledger/rules.ts';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { readSpan, type Span } from '../../../src/usage/rollup/series-rules.ts';
import { findFeatureSeries, findTopSeries, findUserSeries } from '../../../src/usage/rollup/series-store.ts';
import { findHourDifferences, findTotalDifferences } from '../../../src/usage/rollup/verify-store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import {
  day,
  featureIds,
  findAllHeld,
  grantsOf,
  subscribeAtRandom,
} from '../../helpers/random-subscriptions.ts';

/*
 * Users record at random, are merged and deleted, while the ledger is rolled up and the roll-up is broken off
 * again and again. At every moment, the series must be what the rules fold the ledger to.
 */

const seed = Number(process.env.SEED ?? 47);
const now = Date.now();
const people = Array.from({ length: 16 }, (_, index) => `user-${index}`);

const usage = fc.record({
  userId: fc.constantFrom(...people),
  featureId: fc.constantFrom(...featureIds),
  action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'SET'),
  delta: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.bigInt({ min: 0n, max: 20_000_000n }).map(numberOf)),
  timestamp: fc.option(fc.integer({ min: 0, max: 38 * day }).map((ago) => new Date(now - ago).toISOString())),
});

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const spread = { oldest: 50, longest: 20, most: 3 };
  await subscribeAtRandom(app.database.prisma, { seed, now, userIds: people, ...spread });
});

afterAll(() => app.close());

/** By how much each event of the ledger changed usage, as the rules say. */
async function changesByRules(db: Db) {
  const rows = await db.usageEvent.findMany({ orderBy: [{ id: 'asc' }] });
  const events = rows.map((row) => ({ ...row, delta: amountOf(row.delta ?? row.wholeDelta ?? 0) }));
  const held = await findAllHeld(db);
  return events.map((event) => {
    if (event.action === 'ADD') return { ...event, change: event.delta };
    const grants = grantsOf(held, event.userKey, event.featureId);
    const winner = highestGrant(grants.filter((grant) => countsTowards(grant, event.occurredAt)));
    const own = grants.find(({ subscriptionId }) => subscriptionId === winner?.subscriptionId);
    // Outside every subscription there is one window: what no subscription counts.
    const isOutside = (at: Date) => !grants.some((grant) => countsTowards(grant, at));
    const startAt = (at: Date) => own && windowStartAt(own, at).getTime();
    const before = events
      .filter(
        ({ id, userKey, featureId, occurredAt }) =>
          id < event.id &&
          userKey === event.userKey &&
          featureId === event.featureId &&
          (own
            ? countsTowards(own, occurredAt) && startAt(occurredAt) === startAt(event.occurredAt)
            : isOutside(occurredAt)),
      )
      .reduce((used, each) => usedAfter(used, each), 0n);
    return { ...event, change: event.delta - before };
  });
}

type Series = Awaited<ReturnType<typeof findUserSeries>>;
const told = (series: Series) =>
  Object.fromEntries(
    series
      .filter(({ used }) => used !== 0n)
      .map(({ start, used }) => [start.toISOString(), used])
      .sort(),
  );

/** The same from the changes that the rules find. */
function folded(changes: { occurredAt: Date; change: bigint }[], length: number) {
  const sums = new Map<string, bigint>();
  for (const { occurredAt, change } of changes) {
    const start = `${occurredAt.toISOString().slice(0, length)}${'0000-01-01T00:00:00.000Z'.slice(length)}`;
    sums.set(start, (sums.get(start) ?? 0n) + change);
  }
  return Object.fromEntries([...sums].filter(([, used]) => used !== 0n).sort());
}

const spans = [
  { bucket: 'HOUR', length: 13 },
  { bucket: 'DAY', length: 10 },
  { bucket: 'MONTH', length: 7 },
] as const;

/** The features of which most was used by one user, or by all: what the series tell, and what the rules say. */
async function topAndRules(
  tx: Db,
  userId: string | null,
  changes: { featureId: string; occurredAt: Date; change: bigint }[],
  { span, length }: { span: Span; length: number },
) {
  const top = await findTopSeries(tx, { environmentId: 'test', userId }, span, 9);
  return [...new Set(top.map(({ featureId }) => featureId))].map((featureId) => ({
    series: told(top.filter((each) => each.featureId === featureId)),
    rules: folded(
      changes.filter((each) => each.featureId === featureId),
      length,
    ),
  }));
}

/** What the series tell of all users and features, and what the rules say, in one state of the database. */
async function seriesAndRules() {
  return app.database.prisma.$transaction(
    async (tx) => {
      const changes = await changesByRules(tx);
      const users = await tx.user.findMany({ where: { mergedInto: null } });
      const series: object[] = [];
      const rules: object[] = [];
      for (const { bucket, length } of spans) {
        const span = readSpan(
          { from: new Date(now - 39 * day), to: new Date(now + day), bucket },
          new Date(),
        );
        for (const featureId of featureIds) {
          const ofFeature = changes.filter((each) => each.featureId === featureId);
          const feature = { environmentId: 'test', featureId };
          series.push({ bucket, featureId, used: told(await findFeatureSeries(tx, feature, span)) });
          rules.push({ bucket, featureId, used: folded(ofFeature, length) });
          for (const { id, key } of users) {
            const user = { ...feature, userId: id };
            const ofUser = ofFeature.filter(({ userKey }) => userKey === key);
            series.push({ bucket, ...user, used: told(await findUserSeries(tx, user, span)) });
            rules.push({ bucket, ...user, used: folded(ofUser, length) });
          }
        }
        const tops = [await topAndRules(tx, null, changes, { span, length })];
        for (const { id, key } of users) {
          const ofUser = changes.filter(({ userKey }) => userKey === key);
          tops.push(await topAndRules(tx, id, ofUser, { span, length }));
        }
        series.push(...tops.flat().map((each) => each.series));
        rules.push(...tops.flat().map((each) => each.rules));
      }
      return { series, rules, events: changes.length };
    },
    { isolationLevel: 'RepeatableRead', timeout: 30_000 },
  );
}

const rolledUpTo = async () =>
  (await app.database.prisma.usageRollup.findUniqueOrThrow({ where: { environmentId: 'test' } })).rolledUpTo;

async function expectExact() {
  const { series, rules, events } = await seriesAndRules();
  expect(series).toEqual(rules);
  return events;
}

/** Rolls up without a pause until `done`; its connection is broken again and again. Answers how often. */
async function rollUpAndBreak(done: () => boolean): Promise<number> {
  const { pool } = openPool({ connectionString: databaseUrl(), application_name: 'roller', max: 2 });
  let broken = 0;
  const breaking = (async () => {
    while (!done()) {
      await sleep(20 + ((broken * 37) % 100));
      const killed = await app.database.prisma.$queryRaw<object[]>`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'roller' AND datname = current_database() AND xact_start IS NOT NULL`;
      broken += killed.length;
    }
  })();
  // A fast machine may be done before a run was left alone for long enough.
  while (!done() || (await rolledUpTo()) === 0n)
    await rollUp({ pool, stop: new AbortController().signal }, 25).catch(() => undefined);
  await breaking;
  await pool.end();
  return broken;
}

const databaseUrl = () => app.database.hot.options.connectionString ?? '';

describe('usage over time', () => {
  it('is what the rules fold the ledger to at every moment, whatever happens beside', async () => {
    const usages = fc.sample(usage, { seed, numRuns: 1_500 });
    const lists = Array.from({ length: 100 }, (_, n) => usages.slice(n * 15, n * 15 + 15));
    let left = 3;
    const record = async (which: number) => {
      for (const [index, input] of lists.entries()) {
        if (index % 3 !== which) continue;
        await app.ok(
          'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }',
          {
            input: index % 2 === 0 ? input : input.map((each) => ({ ...each, action: 'ADD' })),
          },
        );
      }
      left -= 1;
    };
    const done = () => left === 0;
    const change = async () => {
      for (const pair of [
        ['user-0', 'user-1'],
        ['user-5', 'user-4'],
        ['user-1', 'user-2'],
      ]) {
        await sleep(60);
        await app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', { ids: pair });
      }
      await app.ok('mutation { deleteUser(id: "user-9") { id } }');
      await app.ok('mutation { deleteUser(id: "user-4") { id } }');
    };
    const look = async () => {
      const seen: number[] = [];
      while (!done() || seen.length < 2) seen.push(await expectExact());
      return seen;
    };
    const [broken, seen] = await Promise.all([
      rollUpAndBreak(done),
      look(),
      change(),
      ...[0, 1, 2].map(record),
    ]);
    expect(broken).toBeGreaterThan(0);
    expect(seen.length).toBeGreaterThan(1);
    expect(await rolledUpTo()).toBeGreaterThan(0n);
  });

  it('is so when everything is rolled up, and verification finds no difference', async () => {
    await rollUp({ pool: app.jobs, stop: new AbortController().signal });
    expect(await rolledUpTo()).toBe(await lastId());
    expect(await expectExact()).toBeGreaterThan(500);
    expect(await findHourDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
    expect(await findTotalDifferences(app.database.hot)).toEqual([]);
  });

  it('is so after users are merged and deleted whose usage is rolled up', async () => {
    await app.ok('mutation { mergeUsers(ids: ["user-6", "user-7", "user-8"]) { id } }');
    await app.ok('mutation { deleteUser(id: "user-10") { id } }');
    await expectExact();
    expect(await findHourDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
    expect(await findTotalDifferences(app.database.hot)).toEqual([]);
  });

  it('waits with what is recorded by a transaction that is not committed yet, and with nothing else', async () => {
    const slow = await app.database.work.connect();
    await slow.query('begin');
    const insert = `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
      select key, 'test', 'messages', 'ADD', $1::int, now() from "user" where id = 'user-11'`;
    await slow.query(insert, [5]);
    await app.database.prisma.$executeRawUnsafe(insert.replace('$1', '7'));
    const rolling = rollUp({ pool: app.jobs, stop: new AbortController().signal });
    await sleep(100);
    await expectExact();
    await slow.query('commit');
    slow.release();
    await rolling;
    expect(await rolledUpTo()).toBe(await lastId());
    await expectExact();
    expect(await findHourDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
  });
});

async function lastId(): Promise<bigint> {
  const { _max } = await app.database.prisma.usageEvent.aggregate({ _max: { id: true } });
  return _max.id ?? 0n;
}
