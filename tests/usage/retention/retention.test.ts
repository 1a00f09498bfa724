import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { pino } from 'pino';
import { sealLogs } from '../../../src/seals/seal.ts';
import { followPartitions } from '../../../src/usage/ledger/partitions.ts';
import { repair, repairTotals } from '../../../src/usage/ledger/verify.ts';
import { type Outcome, retain, retentionJob, retentionJobs } from '../../../src/usage/retention/retain.ts';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { day } from '../../helpers/random-subscriptions.ts';
import { startWorld, userId, type World } from './world.ts';

/*
 * Random usage of random users, of which the older part is replaced by its sums. All that is counted stays as it was, and what
 * happens afterwards counts as if nothing had been replaced. The tests build on each other.
 */

const seed = Number(process.env.SEED ?? 47);
const now = Date.now();

let world: World;
let app: World['app'];
let keyOf: World['keyOf'];
const stop = new AbortController().signal;

beforeAll(async () => {
  world = await startWorld(seed, now);
  ({ app, keyOf } = world);
  await record('a', 1_200, seed);
  await moveOn();
});
afterAll(() => app?.close());

const sql: World['sql'] = (...query) => world.sql(...query);
const record: World['record'] = (...usage) => world.record(...usage);
const moveOn = () => world.moveOn();
const followLedger = () => world.followLedger();
const findLines = () => world.findLines();
const counted = () => world.counted();

const run = (options = { sliceSize: 100, transactionsTimeoutMs: 20_000 }, signal = stop): Promise<Outcome> =>
  retain({ pool: app.jobs, stop: signal }, 6, options);

/** Slices of few, so that there are several, of each user too. */
const few = { sliceSize: 3 };

const countIn = async (partition: string): Promise<number> =>
  (await sql(`select count(*)::int as count from ${partition}`))[0].count;

describe('retention', () => {
  let before: Awaited<ReturnType<typeof counted>>;
  let rowsBefore: number;

  it('keeps what is not old enough, and the database refuses it too', async () => {
    const inTwoMonths = new Date();
    inTwoMonths.setUTCMonth(inTwoMonths.getUTCMonth() + 2, 1);
    const { dueAt, ...outcome } = (await retain({ pool: app.jobs, stop }, 12)) as {
      state: string;
      dueAt: Date;
    };
    expect(outcome).toEqual({ state: 'NOTHING_DUE' });
    expect(dueAt.toISOString().slice(0, 7)).toBe(inTwoMonths.toISOString().slice(0, 7));
    expect(await retain({ pool: app.jobs, stop }, null)).toEqual({ state: 'NOTHING_DUE' });
    await sql(`insert into ledger_summing (to_id, from_id, is_summed, amended_to) values ($1, $2, true, 0)`, [
      2 * 2 ** 24,
      2 ** 24,
    ]);
    await expect(sql('select drop_usage($1)', [2 * 2 ** 24])).rejects.toThrow(/too recent/);
    await sql('delete from ledger_summing');
  });

  it('the log says once when usage becomes old enough, and once what it waits for', async () => {
    const lines: { msg: string }[] = [];
    const log = pino(
      { base: null, timestamp: false },
      { write: (line: string) => lines.push(JSON.parse(line)) },
    );
    const runTwice = async (months: number | null) => {
      lines.length = 0;
      const job = retentionJobs(months)[retentionJob];
      for (let round = 0; round < 2; round += 1) await job?.({}, { pool: app.jobs, stop, log });
      return lines;
    };
    const dueAt = expect.stringMatching(/^20/);
    const nothing = 'no partition of the ledger is old enough to be replaced by its sums';
    expect(await runTwice(12)).toEqual([{ level: 30, months: 12, dueAt, msg: nothing }]);
    expect(await runTwice(null)).toEqual([]);
    expect(await runTwice(6)).toMatchObject([
      {
        level: 40,
        obstacle: expect.stringMatching(/usage over time/),
        msg: expect.stringMatching(/kept for now/),
      },
    ]);
  });

  it('waits for rollup, seals and meters, and says so', async () => {
    const obstacle = (pattern: RegExp) => ({ state: 'WAITING', obstacle: expect.stringMatching(pattern) });
    expect(await run()).toMatchObject(obstacle(/usage over time/));
    await rollUp({ pool: app.jobs, stop });
    expect(await run()).toMatchObject(obstacle(/sealed/));
    await sealLogs({ pool: app.jobs, stop });
    await sql(
      `insert into billing_meter_event (environment_id, id, package_id, feature_id, customer_id, value, occurred_at)
       values ('test', 5, 'monthly', 'messages', 'cus', 1, now())`,
    );
    expect(await run()).toMatchObject(obstacle(/waits to be sent/));
    await sql(
      `insert into stripe_connection (environment_id, account_id, disconnected_at) values ('test', 'acct_1', now())`,
    );
    expect(await run()).toMatchObject(obstacle(/disconnected/));
    await sql('delete from stripe_connection');
    await sql('delete from billing_meter_event');
  });

  it('replaces an old partition by fewer rows, and everything is counted as before', async () => {
    await record('b', 300, seed + 1);
    await followLedger();
    expect(await findLines()).toEqual([]);
    before = await counted();
    rowsBefore = await countIn('usage_event_0');
    expect(rowsBefore).toBeGreaterThan(500);
    expect(await run()).toMatchObject({ state: 'DROPPED', toId: `${2 ** 24}` });
    expect(await counted()).toEqual(before);
    expect(await countIn('usage_event_0')).toBeLessThan(rowsBefore * 0.8);
    expect(await countIn('usage_sum')).toBe(0);
    expect(await findLines()).toEqual([]);
    await followLedger();
    expect(await sql(`select from seal where log = 'SUMS'`)).not.toEqual([]);
    expect(await findLines()).toEqual([]);
    expect(await run()).toEqual({ state: 'NOTHING_DUE' });
  });

  it('verify finds a counter, an hour and a sum that were changed', async () => {
    const [counter] = await sql(
      `update usage_counter set used = used + 1 where ctid = (select ctid from usage_counter limit 1) returning user_key`,
    );
    const [hour] = await sql(
      `update usage_hour set used = used + 1 where ctid = (select ctid from usage_hour order by hour limit 1) returning *`,
    );
    expect(await findLines()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/window from .*: ledger .*, counter/),
        expect.stringMatching(/hour from .*: ledger .*, rollup/),
      ]),
    );
    for (const key of [counter.user_key, hour.user_key]) await repair(app.database.prisma, BigInt(key));
    await repairTotals(app.database.prisma);
    expect(await findLines()).toEqual([]);
    const [sum] = await sql(
      `update usage_event_0 set note = 'x' where ctid = (select ctid from usage_event_0 limit 1) returning id`,
    );
    expect(await findLines()).toEqual([expect.stringMatching(/sums of old usage.*were changed/)]);
    await sql('update usage_event_0 set note = null where id = $1', [sum.id]);
    expect(await findLines()).toEqual([]);
  });

  it('a recount from the sums is what it was', async () => {
    for (const key of keyOf.values()) await repair(app.database.prisma, key);
    expect(await counted()).toEqual(before);
  });

  it('lists single usages only where there are some, and keeps idempotency keys', async () => {
    const [{ id, user_key, idempotency_key, feature_id, action, delta }] = await sql(
      `select k.*, u.id from usage_key k join "user" u on u.key = k.user_key where event_id < $1 order by event_id limit 1`,
      [2 ** 24],
    );
    const [{ count }] = await sql(
      'select count(*)::int as count from usage_event where user_key = $1 and id >= $2',
      [user_key, 2 ** 24],
    );
    const { usageEvents } = await app.ok(`query ($id: String!) { usageEvents(userId: $id) { id } }`, { id });
    expect(usageEvents).toHaveLength(count);
    const input = {
      userId: id,
      featureId: feature_id,
      action,
      delta: Number(delta),
      idempotencyKey: idempotency_key,
    };
    const { recordUsage } = await app.ok(
      'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded duplicate } }',
      { input },
    );
    expect(recordUsage).toEqual({ recorded: true, duplicate: true });
  });

  it('what is recorded later counts, late and with SET too', async () => {
    await record('c', 300, seed + 2);
    await followLedger();
    expect(await findLines()).toEqual([]);
  });

  it('users are renamed, merged and deleted', async () => {
    await app.ok(`mutation { updateUser(id: "${userId(0)}", input: { id: "renamed" }) { id } }`);
    // Both have used keys of the same names, before and after.
    await app.ok(`mutation { mergeUsers(ids: ["${userId(1)}", "${userId(2)}", "renamed"]) { id } }`);
    await app.ok(`mutation { deleteUser(id: "${userId(3)}") { id } }`);
    expect(await sql('select from usage_event where user_key = $1', [keyOf.get(userId(3))])).toEqual([]);
    await record('c', 300, seed + 3);
    await followLedger();
    expect(await findLines()).toEqual([]);
    for (const { key } of await app.database.prisma.user.findMany({ where: { mergedInto: null } }))
      await repair(app.database.prisma, key);
    expect(await findLines()).toEqual([]);
  });
});

describe('while a partition is summed', () => {
  it('it is broken off, users change and others record, and the next runs end it', async () => {
    await moveOn();
    await record('d', 200, seed + 4);
    await followLedger();
    const controller = new AbortController();
    const first = run({ ...few, transactionsTimeoutMs: 20_000 }, controller.signal);
    const summed = async () => (await sql('select summed_key from ledger_summing'))[0]?.summed_key > 0;
    while (!(await summed())) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort();
    expect(await first).toEqual({ state: 'BEGUN' });
    expect((await sql('select is_summed from ledger_summing'))[0]).toEqual({ is_summed: false });

    const change = async (round: number) => {
      await app.ok(`mutation { mergeUsers(ids: ["${userId(4 + round)}", "${userId(11 - round)}"]) { id } }`);
      await app.ok(`mutation { deleteUser(id: "${userId(6 + round)}") { id } }`);
      // A past start splits hours that were one.
      await app.ok(
        `mutation { grantFeature(input: { userId: "${userId(8 + round)}", featureId: "messages", limit: 7, startsAt: "${new Date(now - 3 * day - 5_000_000).toISOString()}" }) { id } }`,
      );
    };
    await change(0);
    // All is summed, and something changes before the replacement.
    const session = await app.jobs.connect();
    await session.query('begin');
    await session.query('lock table subscription in row exclusive mode');
    expect(await run({ ...few, transactionsTimeoutMs: 100 })).toMatchObject({
      state: 'WAITING',
      obstacle: expect.stringMatching(/transaction/),
    });
    await session.query('rollback');
    session.release();
    await change(1);
    await followLedger();
    const counters = async () => (await counted()).counters;
    const before = await counters();
    expect(await run()).toEqual(expect.objectContaining({ state: 'DROPPED', toId: `${2 * 2 ** 24}` }));
    expect(await counters()).toEqual(before);
    await followLedger();
    expect(await findLines()).toEqual([]);
  });

  it('recording goes on', async () => {
    await moveOn();
    await followLedger();
    const [, outcome] = await Promise.all([
      record('e', 300, seed + 5),
      run({ ...few, transactionsTimeoutMs: 20_000 }),
    ]);
    // Recording may hold the ledger at each of its tries.
    expect(['DROPPED', 'WAITING']).toContain(outcome.state);
    if (outcome.state === 'WAITING') expect(await run()).toMatchObject({ state: 'DROPPED' });
    await followLedger();
    expect(await findLines()).toEqual([]);
  });

  it('turned off, what was begun is forgotten', async () => {
    await moveOn();
    await followLedger();
    const session = await app.jobs.connect();
    await session.query('begin');
    await session.query('lock table subscription in row exclusive mode');
    // As if a seal was being made when it begins.
    const sealing = new Client({ connectionString: app.databaseUrl });
    await sealing.connect();
    await sealing.query(`select pg_advisory_lock(hashtext('open-kana seal'), 0)`);
    const running = run({ ...few, transactionsTimeoutMs: 100 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await sealing.end();
    expect(await running).toMatchObject({
      state: 'WAITING',
      obstacle: expect.stringMatching(/a transaction has been running/),
    });
    await session.query('rollback');
    session.release();
    expect(await countIn('usage_sum')).toBeGreaterThan(0);
    await retain({ pool: app.jobs, stop }, null);
    expect(await countIn('usage_sum')).toBe(0);
    expect(await sql('select from ledger_summing')).toEqual([]);
  });
});

it('the ledger as a whole is analysed once a day', async () => {
  const analysed = async () =>
    (await sql(`select pg_stat_get_last_analyze_time('usage_event'::regclass) as at`))[0].at;
  await followPartitions({ pool: app.database.work });
  const first = await analysed();
  expect(first).not.toBeNull();
  expect(
    await sql(`select from pg_stats where tablename = 'usage_event' and inherited and attname = 'user_key'`),
  ).toHaveLength(1);
  await followPartitions({ pool: app.database.work });
  expect(await analysed()).toEqual(first);
});
