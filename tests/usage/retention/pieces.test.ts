import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { transaction } from '../../../src/database/transaction.ts';
import { repair } from '../../../src/usage/ledger/verify.ts';
import {
  beginSums,
  catchUp,
  lockProgress,
  replace,
  saveProgress,
} from '../../../src/usage/retention/drop-store.ts';
import { type Outcome, retain } from '../../../src/usage/retention/retain.ts';
import { type Range, sumNext, sumRest } from '../../../src/usage/retention/sums-store.ts';
import { day } from '../../helpers/random-subscriptions.ts';
import { randomNumbers } from '../../segment/crash/server.ts';
import { startWorld, userId, type World } from './world.ts';

/*
 * A user with more usage in a partition than a slice has is summed in pieces. The tests build on each other: each has a
 * partition of its own, and windows go on from one to the next.
 */

const seed = Number(process.env.SEED ?? 61);
const now = Date.now();
const random = randomNumbers(seed);
const stop = new AbortController().signal;
let world: World;

beforeAll(async () => {
  world = await startWorld(seed, now);
});
afterAll(() => world?.app.close());

// Transactions of other tests, in other databases of this server, are waited for too.
const run = (sliceSize: number, signal = stop): Promise<Outcome> =>
  retain({ pool: world.app.jobs, stop: signal }, 6, { sliceSize, transactionsTimeoutMs: 60_000 });

/** The last partition that recording has left. */
async function lastRange(): Promise<Range> {
  const [{ id }] = await world.sql('select last_value >> 24 as id from usage_event_id_seq');
  const next = Number(id);
  return { fromId: next === 1 ? null : BigInt(next - 1) << 24n, toId: BigInt(next) << 24n };
}

const usersInPart = () =>
  world.sql('select user_key, summed_to from ledger_summed_user where summed_to is not null');

async function recountAll(): Promise<void> {
  const { prisma } = world.app.database;
  for (const { key } of await prisma.user.findMany({ where: { mergedInto: null } }))
    await repair(prisma, key);
}

it.each([1, 2, 3, 5])('slices of %i count to the same', async (sliceSize) => {
  const { record, moveOn, followLedger, counted, findLines, sql } = world;
  await record(`size ${sliceSize}`, 260, seed + sliceSize);
  await moveOn();
  await followLedger();
  const before = await counted();
  expect(await run(sliceSize)).toMatchObject({ state: 'DROPPED' });
  expect(await counted()).toEqual(before);
  expect(await findLines()).toEqual([]);
  await recountAll();
  expect(await counted()).toEqual(before);
  expect(await sql('select from ledger_summed_user')).toEqual([]);
  // A SET that is sent late, and usage beside it, count with what is summed now.
  await record(`after ${sliceSize}`, 60, seed + 10 + sliceSize);
  await followLedger();
  expect(await findLines()).toEqual([]);
});

it('it is broken off and killed between pieces while users change, and the next runs end it', async () => {
  const { app, record, moveOn, followLedger, counted, findLines, sql } = world;
  await record('killed', 300, seed + 20);
  await moveOn();
  await followLedger();
  const kill = () =>
    sql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and application_name = 'open-kana jobs'`);
  const changes = [
    `mutation { mergeUsers(ids: ["${userId(0)}", "${userId(1)}"]) { id } }`,
    `mutation { deleteUser(id: "${userId(2)}") { id } }`,
    ...[3, 4, 5, 0].map((person, index) => {
      const startsAt = new Date(now - 3 * day - index * 1_800_000).toISOString();
      return `mutation { grantFeature(input: { userId: "${userId(person)}", featureId: "messages", limit: 7, startsAt: "${startsAt}" }) { id } }`;
    }),
    `mutation { mergeUsers(ids: ["${userId(4)}", "${userId(6)}"]) { id } }`,
  ];
  // Nothing is replaced before this ends.
  const session = await app.database.work.connect();
  await session.query('begin');
  await session.query('lock table usage_event in access share mode');
  let brokenOff = 0;
  for (const [index, change] of changes.entries()) {
    const controller = new AbortController();
    let hasEnded = false;
    const running = run(2, controller.signal)
      .catch(() => undefined)
      .finally(() => {
        hasEnded = true;
      });
    while (!hasEnded && (await usersInPart()).length === 0) await sleep(1);
    await sleep(random(100));
    if (index % 2 === 0) await kill();
    else controller.abort();
    await running;
    if ((await usersInPart()).length > 0) brokenOff += 1;
    await app.ok(change);
  }
  expect(brokenOff).toBeGreaterThan(0);
  await session.query('rollback');
  session.release();
  await followLedger();
  const { counters } = await counted();
  expect(await run(2)).toMatchObject({ state: 'DROPPED' });
  expect((await counted()).counters).toEqual(counters);
  await followLedger();
  expect(await findLines()).toEqual([]);
  await recountAll();
  expect((await counted()).counters).toEqual(counters);
});

describe('a user with much usage', () => {
  const usages = 10_000;
  const sliceSize = 100;
  const person = userId(8);
  let key: bigint;
  let range: Range;
  let session: PoolClient;

  beforeAll(async () => {
    const { sql, moveOn, keyOf, followLedger, record } = world;
    key = keyOf.get(person) as bigint;
    await record('much', 40, seed + 30);
    // More than one for each hour and feature, with a SET now and then.
    await sql(
      `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
       select $1, 'test', case n % 2 when 0 then 'messages' else 'seats' end,
         case when n % 9 = 0 then 'SET' else 'ADD' end::usage_action, n % 5, now() - interval '300 days' + n / 10 * interval '1 hour'
       from generate_series(1, ${usages}) n`.replace('usage_action', '"UsageAction"'),
      [key],
    );
    await moveOn();
    await sql('analyze usage_event');
    await recountAll();
    await followLedger();
    range = await lastRange();
    session = await world.app.jobs.connect();
  });
  afterAll(() => session?.release());

  /** How many rows the session has read of usage, and of sums. */
  async function readRows(): Promise<{ events: number; sums: number }> {
    const { rows } = await session.query<{ events: number; sums: number }>(
      `select coalesce(sum(n) filter (where relname like 'usage\\_event%'), 0)::int as events,
         coalesce(sum(n) filter (where relname = 'usage_sum'), 0)::int as sums
       from (select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) as n from pg_stat_xact_user_tables) t`,
    );
    return rows[0] ?? { events: Number.NaN, sums: Number.NaN };
  }

  /** One slice. @returns whether there may be more */
  const sumSlice = () =>
    transaction(session, async () => {
      const progress = await lockProgress(session, range);
      if (progress === null) throw new Error('nothing was begun');
      const before = await readRows();
      const rest = await sumRest(session, range, sliceSize);
      let isDone = rest === 0 && progress.isSummed;
      if (rest === 0 && !isDone) {
        const last = await sumNext(session, range, { after: progress.summedKey, count: sliceSize });
        await saveProgress(session, range, last);
        isDone = last === null;
      }
      const after = await readRows();
      // It looks for the ids, and then reads the rows; of former sums, to delete them. The planner reads the ends of indexes.
      const planning = 20;
      expect(after.events - before.events).toBeLessThanOrEqual(2 * sliceSize + planning);
      expect(after.sums - before.sums).toBeLessThanOrEqual(2 * sliceSize + planning);
      return !isDone;
    });

  async function sumAll(): Promise<void> {
    let slices = 1;
    while (await sumSlice()) slices += 1;
    expect(slices).toBeGreaterThan(usages / sliceSize);
    expect(await usersInPart()).toEqual([]);
  }

  it('no slice reads more than so many usages', async () => {
    expect(await beginSums(session, range)).toBe(true);
    await sumAll();
  });

  it('nor when it is summed anew, also while changes wait for the replacement', async () => {
    const grant = (daysAgo: number) => {
      const startsAt = new Date(now - daysAgo * day - 1_800_000).toISOString();
      return world.app.ok(
        `mutation { grantFeature(input: { userId: "${person}", featureId: "messages", limit: 7, startsAt: "${startsAt}" }) { id } }`,
      );
    };
    await grant(290);
    expect(await replace(session, range, sliceSize)).toBeNull();
    const [{ user_key: inPart, summed_to: summedTo }] = await usersInPart();
    expect(inPart).toBe(`${key}`);
    const summed =
      'select count(*)::int as count from usage_event where user_key = $1 and id >= $2 and id <= $3';
    const [{ count }] = await world.sql(summed, [key, range.fromId, summedTo]);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(sliceSize);
    // A server of an earlier version does not look at it.
    await expect(world.sql('select drop_usage($1)', [range.toId])).rejects.toThrow(/is not summed/);
    // The pieces until now do not know of this, whatever the next ones know.
    await grant(299);
    await sumAll();
    expect(await catchUp(session, range, sliceSize)).toBe(true);
    expect(await usersInPart()).toMatchObject([{ user_key: `${key}` }]);
    // Of two users one has all of the usage then, and the sums of both are made anew.
    await sumAll();
    await world.app.ok(`mutation { mergeUsers(ids: ["${userId(7)}", "${person}"]) { id } }`);
    await world.followLedger();
    const before = await world.counted();
    expect(await run(sliceSize)).toMatchObject({ state: 'DROPPED', toId: `${range.toId}` });
    expect(await world.counted()).toEqual(before);
    expect(await world.findLines()).toEqual([]);
    const merged = 'select from usage_event join "user" on key = user_key where merged_into is not null';
    expect(await world.sql(merged)).toEqual([]);
    await recountAll();
    expect(await world.counted()).toEqual(before);
  });
});
