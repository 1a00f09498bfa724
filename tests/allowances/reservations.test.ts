import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { repair } from '../../src/usage/ledger/verify.ts';
import { findDifferences } from '../../src/usage/ledger/verify-store.ts';
import { forgetJob, forgetJobs } from '../../src/usage/reservations/forget.ts';
import { lapseOf } from '../../src/usage/reservations/rules.ts';
import { forgetNext } from '../../src/usage/reservations/store.ts';
import { findHoldDifferences } from '../../src/usage/reservations/verify-store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

let app: TestApp;
let users = 0;
let userId: string;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'tokens' });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, { id: 'base', features: [{ id: 'tokens', limit: 100 }] });
});
afterAll(() => app.close());
beforeEach(async () => {
  users += 1;
  userId = `user-${users}`;
  await createUser(app.database.prisma, { id: userId });
  await createSubscription(app.database.prisma, { userId, packageId: 'base' });
});

/** As a client calls: one that waited too long for its turn, on a busy machine, tries again. */
const patient: TestApp['ok'] = async (query, variables) => {
  for (;;)
    try {
      return await app.ok(query, variables);
    } catch (error) {
      if (!String(error).includes('"SERVICE_UNAVAILABLE"')) throw error;
    }
};

const reserveMutation = `mutation ($input: ReserveUsageInput!) {
  reserveUsage(input: $input) {
    reserved reason id expiresAt entitlement { access consumption { used remaining } }
  }
}`;
const reserve = async (input: object) =>
  (await patient(reserveMutation, { input: { userId, featureId: 'tokens', ...input } })).reserveUsage;
const refusal = (input: object) =>
  app.fails(reserveMutation, { input: { userId, featureId: 'tokens', ...input } });
const commitMutation = `mutation ($id: String!, $amount: Amount!, $key: String) {
  commitReservation(id: $id, amount: $amount, idempotencyKey: $key) {
    recorded duplicate entitlement { consumption { used remaining } }
  }
}`;
const commit = async (id: string, amount: number, key?: string) =>
  (await patient(commitMutation, { id, amount, key })).commitReservation;
const releaseMutation =
  'mutation ($id: String!) { releaseReservation(id: $id) { reserved id entitlement { consumption { remaining } } } }';
const remaining = async () =>
  (
    await app.ok(
      'query ($userId: String!) { canUseFeature(userId: $userId, featureId: "tokens") { consumption { remaining } } }',
      { userId },
    )
  ).canUseFeature.consumption.remaining;
const enforced = async (delta: number) =>
  (
    await patient(
      `mutation ($userId: String!, $delta: Amount) {
        recordUsage(input: { userId: $userId, featureId: "tokens", delta: $delta, enforce: true }) { recorded }
      }`,
      { userId, delta },
    )
  ).recordUsage.recorded;
const lapse = (id: string) =>
  app.database.prisma.$transaction([
    app.database.prisma.reservation.updateMany({
      where: { id: BigInt(id) },
      data: { expiresAt: new Date(1) },
    }),
    app.database.prisma.usageHold.updateMany({ data: { expiresAt: new Date(1) } }),
  ]);

test('a reservation counts as used until it is committed, with what was really used', async () => {
  const made = await reserve({ amount: 80 });
  expect(made).toMatchObject({
    reserved: true,
    reason: null,
    entitlement: { consumption: { used: 0, remaining: 20 } },
  });
  expect(await remaining()).toBe(20);
  expect(await enforced(21)).toBe(false);
  expect(await enforced(20)).toBe(true);
  expect(await reserve({ amount: 1 })).toMatchObject({ reserved: false, id: null, expiresAt: null });
  expect(await commit(made.id, 30, 'k')).toEqual({
    recorded: true,
    duplicate: false,
    entitlement: { consumption: { used: 50, remaining: 50 } },
  });
  expect(await commit(made.id, 30, 'k')).toMatchObject({ duplicate: true });
  expect(await commit(made.id, 31)).toMatchObject({ duplicate: true });
  expect((await app.fails(commitMutation, { id: made.id, amount: 31, key: 'k' })).extensions.code).toBe(
    'CONFLICT',
  );
  expect((await app.fails(releaseMutation, { id: made.id })).extensions.exception?.name).toBe(
    'ReservationClosedError',
  );
  expect(await remaining()).toBe(50);
  expect(await findDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
});

test('a released one holds nothing, and cannot be committed', async () => {
  const { id } = await reserve({ amount: 60 });
  for (let time = 0; time < 2; time += 1)
    expect((await app.ok(releaseMutation, { id })).releaseReservation).toMatchObject({
      reserved: false,
      id,
      entitlement: { consumption: { remaining: 100 } },
    });
  expect((await app.fails(commitMutation, { id, amount: 1 })).extensions.code).toBe('CONFLICT');
});

test('one that has lapsed holds nothing, and is committed all the same, once', async () => {
  const { id } = await reserve({ amount: 100 });
  expect(await remaining()).toBe(0);
  await lapse(id);
  expect(await remaining()).toBe(100);
  const again = await reserve({ amount: 100 });
  expect(again.reserved).toBe(true);
  const results = await Promise.all(Array.from({ length: 5 }, () => commit(id, 130)));
  expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  expect(await commit(again.id, 0)).toMatchObject({
    entitlement: { consumption: { used: 130, remaining: 0 } },
  });
});

test('a hundred at once never hold more than what is left', async () => {
  const made = await Promise.all(Array.from({ length: 100 }, () => reserve({ amount: 3 })));
  expect(made.filter(({ reserved }) => reserved)).toHaveLength(33);
  expect(await remaining()).toBe(1);
});

test('enforced usage beside them: together exactly what the budget has', async () => {
  const results = await Promise.all(
    Array.from({ length: 70 }, async (_, index) => [
      (await reserve({ amount: 1 })).reserved,
      await enforced(index % 2 === 0 ? 1 : 2),
    ]),
  );
  const reserved = results.filter(([held]) => held).length;
  const { consumption } = (
    await app.ok(
      'query ($userId: String!) { canUseFeature(userId: $userId, featureId: "tokens") { consumption { used remaining } } }',
      { userId },
    )
  ).canUseFeature;
  expect(reserved + consumption.used + consumption.remaining).toBe(100);
  expect(consumption.remaining).toBeLessThanOrEqual(1);
  expect(consumption.used).toBe(
    results.reduce((sum, [, recorded], index) => sum + (recorded ? 1 + (index % 2) : 0), 0),
  );
});

test('a commit leaves no gap: what it held cannot be used by others before it is recorded', async () => {
  const held = await Promise.all(Array.from({ length: 10 }, () => reserve({ amount: 5 })));
  const results = await Promise.all(
    Array.from({ length: 80 }, (_, index) => {
      const { id } = held[index / 8] ?? {};
      return id === undefined ? enforced(1) : commit(id, 5).then(() => false);
    }),
  );
  expect(results.filter(Boolean)).toHaveLength(50);
  expect(await remaining()).toBe(0);
});

test('commits and releases while reservations lapse: nothing stays held, and each commit counts once', async () => {
  const { prisma } = app.database;
  const { key } = await prisma.user.findFirstOrThrow({ where: { id: userId } });
  const held = await Promise.all(Array.from({ length: 20 }, () => reserve({ amount: 5 })));
  await prisma.usageHold.deleteMany({ where: { userKey: key } });
  for (const [index, { id }] of held.entries()) {
    const expiresAt = new Date(Date.now() + index * 15);
    await prisma.reservation.updateMany({ where: { id: BigInt(id) }, data: { expiresAt } });
    await prisma.usageHold.create({
      data: { userKey: key, featureId: 'tokens', environmentId: 'test', expiresAt, held: 5 },
    });
  }
  const results = await Promise.all(
    [...held, ...held].map(({ id }, index) =>
      index % 4 === 3
        ? app.ok(releaseMutation, { id }).then(() => null)
        : commit(id, 3).then(({ duplicate }: { duplicate: boolean }) => duplicate),
    ),
  );
  expect(results.filter((duplicate) => duplicate === false)).toHaveLength(15);
  expect(await findHoldDifferences(app.database.hot, key, key)).toEqual([]);
  expect(await prisma.usageHold.count({ where: { userKey: key, held: { lt: 0 } } })).toBe(0);
  while ((await prisma.usageHold.count({ where: { userKey: key, expiresAt: { gt: new Date() } } })) > 0)
    await app.ok('{ features { id } }');
  expect(await remaining()).toBe(55);
});

test('a merge of two who hold until the same second, beside commits, loses nothing', async () => {
  const twin = `${userId} twin`;
  await createUser(app.database.prisma, { id: twin });
  await app.ok('mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }', {
    input: { userId: twin, featureId: 'tokens', limit: 200 },
  });
  const ids: string[] = [];
  for (const each of [userId, twin])
    for (let count = 0; count < 5; count += 1) ids.push((await reserve({ userId: each, amount: 4 })).id);
  const owners = await app.database.prisma.user.findMany({ where: { id: { in: [userId, twin] } } });
  for (const { key: userKey } of owners) {
    const expiresAt = new Date('2999-01-01T00:00:00Z');
    await app.database.prisma.reservation.updateMany({ where: { userKey }, data: { expiresAt } });
    await app.database.prisma.usageHold.deleteMany({ where: { userKey } });
    await app.database.prisma.usageHold.create({
      data: { userKey, featureId: 'tokens', environmentId: 'test', expiresAt, held: 20 },
    });
  }
  await Promise.all([
    app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', { ids: [userId, twin] }),
    ...ids.slice(3, 8).map((id) => commit(id, 3)),
  ]);
  for (const { key } of owners) {
    expect(await findDifferences(app.database.hot, key, key)).toEqual([]);
    expect(await findHoldDifferences(app.database.hot, key, key)).toEqual([]);
  }
  const left = 'query ($id: String!) { openReservations(userId: $id) { id } }';
  expect((await app.ok(left, { id: twin })).openReservations).toHaveLength(5);
  expect((await app.ok(left, { id: userId })).openReservations).toHaveLength(5);
});

test('verify finds what is held beside the open reservations, and repairs it', async () => {
  const { hot, prisma } = app.database;
  const { key } = await prisma.user.findFirstOrThrow({ where: { id: userId } });
  const found = () => findHoldDifferences(hot, key, key);
  await reserve({ amount: 30 });
  await reserve({ amount: 20 });
  await commit((await reserve({ amount: 7 })).id, 1);
  expect(await found()).toEqual([]);
  await prisma.usageHold.updateMany({ where: { userKey: key }, data: { held: 49 } });
  expect((await found()).length).toBeGreaterThan(0);
  await prisma.usageHold.deleteMany({ where: { userKey: key } });
  expect((await found()).reduce((sum, { reserved }) => sum + reserved, 0n)).toBe(50_000_000n);
  await repair(prisma, key);
  expect(await found()).toEqual([]);
  expect(await remaining()).toBe(49);
});

test('however many are open, a check adds up few rows', async () => {
  await reserve({ amount: 1, ttlSeconds: 86_400 });
  const { work } = app.database;
  await work.query(`insert into reservation (user_key, environment_id, feature_id, amount, expires_at)
    select user_key, environment_id, feature_id, 0.0001, expires_at from usage_hold, generate_series(1, 100000)
    where user_key = (select key from "user" where id = '${userId}')`);
  const { prisma } = app.database;
  const { key: userKey } = await prisma.user.findFirstOrThrow({ where: { id: userId } });
  expect(await prisma.reservation.count({ where: { userKey } })).toBe(100_001);
  expect(await prisma.usageHold.count({ where: { userKey } })).toBe(1);
  const now = new Date('2026-01-01T00:00:00.001Z');
  expect([1, 600, 601].map((ttl) => lapseOf(now, ttl).toISOString())).toEqual([
    '2026-01-01T00:00:02.000Z',
    '2026-01-01T00:10:01.000Z',
    '2026-01-01T00:11:00.000Z',
  ]);
  expect(await remaining()).toBe(99);
});

test('the list of open ones has neither committed, nor released, nor lapsed ones, soonest to lapse first', async () => {
  const list = async (page = '') =>
    (
      await app.ok(
        `query ($userId: String!) {
          openReservations(userId: $userId, featureId: "tokens"${page}) { id amount feature { name } }
        }`,
        { userId },
      )
    ).openReservations.map(({ id, amount }: { id: string; amount: number }) => ({ id, amount }));
  const lapsed = await reserve({ amount: 1 });
  const where = { id: BigInt(lapsed.id) };
  await app.database.prisma.reservation.updateMany({ where, data: { expiresAt: new Date(1) } });
  const later = await reserve({ amount: 2, ttlSeconds: 4_000 });
  const sooner = await reserve({ amount: 3, ttlSeconds: 2_000 });
  const released = await reserve({ amount: 4, ttlSeconds: 3_000 });
  const page = [
    { id: sooner.id, amount: 3 },
    { id: released.id, amount: 4 },
    { id: later.id, amount: 2 },
  ];
  expect(await list()).toEqual(page);
  await app.ok(releaseMutation, { id: released.id });
  await commit(sooner.id, 1);
  expect(await list()).toEqual(page.slice(2));
  expect(await list(`, after: "${sooner.id}"`)).toEqual(page.slice(2));
});

test('the same idempotency key holds once; another amount is a conflict', async () => {
  const made = await Promise.all(
    Array.from({ length: 5 }, () => reserve({ amount: 40, idempotencyKey: 'once' })),
  );
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  expect(await remaining()).toBe(60);
  expect((await refusal({ amount: 41, idempotencyKey: 'once' })).extensions.code).toBe('CONFLICT');
});

test('a merge moves them', async () => {
  const { id } = await reserve({ amount: 40 });
  const first = userId;
  await createUser(app.database.prisma, { id: `${first} twin` });
  await app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', {
    ids: [`${first} twin`, first],
  });
  expect(await remaining()).toBe(60);
  expect(await commit(id, 10)).toMatchObject({ entitlement: { consumption: { used: 10, remaining: 90 } } });
});

test('what may still be committed keeps the precision of its feature from being lowered', async () => {
  await createFeature(app.database.prisma, { id: 'seconds', precision: 3 });
  await app.ok('mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }', {
    input: { userId, featureId: 'seconds' },
  });
  const { id } = await reserve({ featureId: 'seconds', amount: 1.25 });
  const lower =
    'mutation ($to: Int) { updateFeature(id: "seconds", input: { precision: $to }) { precision } }';
  expect((await app.fails(lower, { to: 1 })).message).toContain('input.precision: must be at least 2');
  await app.ok(releaseMutation, { id });
  expect((await app.ok(lower, { to: 1 })).updateFeature.precision).toBe(1);
});

test.each([
  ['an amount of 0', { amount: 0 }, 'input.amount: must be more than 0'],
  ['a time of 0', { amount: 1, ttlSeconds: 0 }, 'input.ttlSeconds: must be 1 or more'],
  ['a time of more than a day', { amount: 1, ttlSeconds: 86_401 }, 'input.ttlSeconds: must be at most 86400'],
  [
    'a BINARY feature',
    { amount: 1, featureId: 'sso' },
    expect.stringContaining('input.featureId: is a BINARY'),
  ],
])('%s is refused', async (_what, input, message) => {
  expect(await refusal(input)).toMatchObject({ message, extensions: { code: 'BAD_USER_INPUT' } });
});

test('unknown and foreign ones are not found', async () => {
  const { id } = await reserve({ amount: 1 });
  const nameOf = ({ extensions }: Awaited<ReturnType<typeof app.fails>>) => extensions.exception?.name;
  expect(nameOf(await app.fails(commitMutation, { id: '999999', amount: 1 }))).toBe(
    'ReservationNotFoundError',
  );
  expect(nameOf(await app.fails(commitMutation, { id, amount: 1 }, app.keys.live))).toBe(
    'ReservationNotFoundError',
  );
  expect(nameOf(await app.fails(releaseMutation, { id }, app.keys.live))).toBe('ReservationNotFoundError');
  expect(nameOf(await refusal({ amount: 1, featureId: 'nothing' }))).toBe('FeatureNotFoundError');
  expect(nameOf(await refusal({ amount: 1, userId: 'nobody' }))).toBe('UserNotFoundError');
});

test('a user whom another transaction has locked delays nobody else', async () => {
  const { id } = await reserve({ amount: 1 });
  const lockedId = userId;
  const others = Array.from({ length: 4 }, (_, index) => `${lockedId} beside ${index}`);
  for (const other of others) {
    await createUser(app.database.prisma, { id: other });
    await createSubscription(app.database.prisma, { userId: other, packageId: 'base' });
  }
  const other = await app.database.work.connect();
  await other.query('begin');
  await other.query('select from "user" where id = $1 for update', [lockedId]);
  let answered = 0;
  const waiting = [...Array.from({ length: 8 }, () => reserve({ amount: 1 })), commit(id, 5)].map((call) =>
    call.then(() => {
      answered += 1;
    }),
  );
  for (const free of others) {
    const made = await reserve({ amount: 1, userId: free });
    expect((await app.ok(releaseMutation, { id: made.id })).releaseReservation.reserved).toBe(false);
    expect(await commit((await reserve({ amount: 2, userId: free })).id, 2)).toMatchObject({
      recorded: true,
    });
  }
  expect(answered).toBe(0);
  await other.query('rollback');
  other.release();
  await Promise.all(waiting);
  expect(await remaining()).toBe(87);
});

test('a reservation is remembered for 30 days after its end', async () => {
  const { work } = app.database;
  await work.query('delete from reservation');
  await work.query('delete from usage_hold');
  const made = { amount: 1, ttlSeconds: 3_600 };
  const kept = await reserve({ ...made, idempotencyKey: 'kept' });
  const late = await reserve(made);
  const lapsed = await reserve({ ...made, idempotencyKey: 'lapsed' });
  const released = await reserve(made);
  await work.query(`update reservation set created_at = created_at - interval '31 days',
    expires_at = expires_at - interval '31 days' where id <> ${kept.id}`);
  await work.query(`insert into usage_hold (user_key, feature_id, expires_at, environment_id, held)
    select user_key, feature_id, expires_at, environment_id, 1 from reservation where id = ${lapsed.id}`);
  await work.query(`update reservation set released_at = created_at where id = ${released.id}`);
  await commit(late.id, 3);
  const forget = () =>
    forgetJobs[forgetJob]?.(
      {},
      { pool: app.jobs, log: pino({ level: 'silent' }), stop: new AbortController().signal },
    );
  await Promise.all([forget(), forget()]);
  await forget();
  const { rows } = await work.query('select id from reservation order by id');
  expect(rows.map(({ id }) => id)).toEqual([kept.id, late.id]);
  expect((await work.query('select from usage_hold where expires_at < now()')).rowCount).toBe(0);
  expect(await commit(late.id, 3)).toMatchObject({ duplicate: true });
  expect((await app.fails(commitMutation, { id: lapsed.id, amount: 1 })).extensions.code).toBe('NOT_FOUND');
  expect((await reserve({ ...made, idempotencyKey: 'kept' })).id).toBe(kept.id);
  expect((await reserve({ ...made, idempotencyKey: 'lapsed' })).id).not.toBe(lapsed.id);
});

test('in batches, past those that are kept', async () => {
  const { work } = app.database;
  await work.query('delete from reservation');
  await work.query(`insert into reservation (user_key, environment_id, feature_id, amount, expires_at, created_at, committed_at)
    select key, 'test', 'tokens', 1, now() - interval '40 days', now() - interval '41 days',
      case when n < 5 then now() else null end
    from "user", generate_series(1, 23) n where id = '${userId}'`);
  let last: bigint | null = 0n;
  while (last !== null) last = await forgetNext(app.jobs, last, 4);
  expect((await work.query('select from reservation')).rowCount).toBe(4);
});
