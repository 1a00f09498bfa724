import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changeSubscriptions } from '../../../src/subscriptions/settle.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { someoneWaits } from '../../helpers/locks.ts';

/* Real requests over many real connections, all at once. */

const record = `mutation ($input: CreateUsageEventInput!) {
  recordUsage(input: $input) { recorded duplicate entitlement { consumption { used } } }
}`;
const recordMany = `mutation ($input: [CreateUsageEventInput!]!) {
  recordUsages(input: $input) { recorded error { name message code } }
}`;

interface Answer {
  recorded: boolean;
  duplicate: boolean;
  entitlement: { consumption: { used: number } };
}

let app: TestApp;
const featureId = 'messages';

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: featureId });
  await createPackage(prisma, {
    id: 'hundred',
    features: [{ id: featureId, limit: 100, resetPeriod: 'MONTH' }],
  });
  await createPackage(prisma, {
    id: 'thousand',
    features: [{ id: featureId, limit: 1_000, resetPeriod: 'DAY' }],
  });
});

afterAll(() => app.close());

async function newUser(id: string) {
  await createUser(app.database.prisma, { id });
  await createSubscription(app.database.prisma, { userId: id, packageId: 'hundred' });
}

const send = async (input: object): Promise<Answer> =>
  (await app.ok(record, { input: { featureId, ...input } })).recordUsage;

const times = <Result>(count: number, work: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

async function ledgerAndCounters(userId: string) {
  const { key: userKey } = await app.database.prisma.user.findFirstOrThrow({ where: { id: userId } });
  const events = await app.database.prisma.usageEvent.findMany({
    where: { userKey },
    orderBy: { id: 'asc' },
  });
  const counters = await app.database.prisma.usageCounter.findMany({ where: { userKey } });
  return { events, counters };
}

describe('with many callers at once', () => {
  it('no update is lost, and every answer is the state right after its call', async () => {
    await newUser('busy');
    const answers = await times(400, () => send({ userId: 'busy', delta: 2 }));
    const seen = answers.map(({ entitlement }) => entitlement.consumption.used).sort((a, b) => a - b);
    expect(seen).toEqual(Array.from({ length: 400 }, (_, index) => 2 * (index + 1)));
    const { events, counters } = await ledgerAndCounters('busy');
    expect(events).toHaveLength(400);
    expect(counters.map(({ used }) => Number(used))).toEqual([800]);
  });

  it('a hard limit of 100 lets exactly 100 of 500 enforced calls pass', async () => {
    await newUser('limited');
    const answers = await times(500, () => send({ userId: 'limited', enforce: true }));
    expect(answers.filter(({ recorded }) => recorded)).toHaveLength(100);
    const { events, counters } = await ledgerAndCounters('limited');
    expect(events).toHaveLength(100);
    expect(counters.map(({ used }) => Number(used))).toEqual([100]);
  });

  it('enforced calls never pass the limit while plain ones are recorded beside them', async () => {
    await newUser('mixed');
    const answers = await times(300, async (index) => {
      const enforce = index % 3 !== 0;
      return { enforce, ...(await send({ userId: 'mixed', enforce })) };
    });
    const enforced = answers.filter(({ enforce, recorded }) => enforce && recorded);
    expect(answers.filter(({ enforce }) => !enforce).every(({ recorded }) => recorded)).toBe(true);
    expect(Math.max(...enforced.map(({ entitlement }) => entitlement.consumption.used))).toBeLessThanOrEqual(
      100,
    );
    const { events, counters } = await ledgerAndCounters('mixed');
    expect(counters.map(({ used }) => Number(used))).toEqual([events.length]);
    expect(events).toHaveLength(100 + enforced.length);
  });

  it.each([[{}], [{ enforce: true }], [{ action: 'SET' }]])(
    'the same idempotency key raced 50 times records once (%j)',
    async (option) => {
      const userId = `keyed-${JSON.stringify(option)}`;
      await newUser(userId);
      const answers = await times(50, () => send({ userId, delta: 3, idempotencyKey: 'once', ...option }));
      expect(answers.every(({ recorded }) => recorded)).toBe(true);
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      const { events, counters } = await ledgerAndCounters(userId);
      expect(events).toHaveLength(1);
      expect(counters.map(({ used }) => Number(used))).toEqual([3]);
    },
  );

  it('SET and ADD leave what some order of the calls leaves: the ledger, folded in its own order', async () => {
    await newUser('set and add');
    await times(300, (index) =>
      send({ userId: 'set and add', ...(index % 10 === 0 ? { action: 'SET', delta: index } : { delta: 1 }) }),
    );
    const { events, counters } = await ledgerAndCounters('set and add');
    const folded = events.reduce(
      (used, { action, delta }) => (action === 'SET' ? Number(delta) : used + Number(delta)),
      0,
    );
    expect(events).toHaveLength(300);
    expect(counters.map(({ used }) => Number(used))).toEqual([folded]);
  });

  it('usage that races a change of package stands on one side of it, in the ledger and in the counters', async () => {
    await newUser('changing');
    const change =
      'mutation ($to: String!) { changePackage(userId: "changing", packageId: $to) { __typename } }';
    await Promise.all([
      times(400, () => send({ userId: 'changing' })),
      (async () => {
        for (const to of ['thousand', 'hundred', 'thousand', 'hundred', 'thousand'])
          await app.ok(change, { to });
      })(),
    ]);
    const { events, counters } = await ledgerAndCounters('changing');
    const subscriptions = await app.database.prisma.subscription.findMany({
      where: { user: { id: 'changing' } },
      orderBy: { id: 'asc' },
    });
    expect(subscriptions).toHaveLength(6);
    const expected = subscriptions.map(({ id, startedAt, endedAt }) => ({
      id,
      used: events.filter(
        ({ occurredAt }) => occurredAt >= startedAt && (endedAt === null || occurredAt < endedAt),
      ).length,
    }));
    expect(
      subscriptions.map(({ id }) => ({
        id,
        used: Number(counters.find(({ subscriptionId }) => subscriptionId === id)?.used ?? 0),
      })),
    ).toEqual(expected);
    expect(counters.reduce((sum, { used }) => sum + Number(used), 0)).toBe(400);
  });

  it.each([[{}], [{ enforce: true }]])(
    'usage that waits for a change counts as the change left things (%j)',
    async (option) => {
      const userId = `waiting-${JSON.stringify(option)}`;
      await newUser(userId);
      const { prisma } = app.database;
      const { key } = await prisma.user.findFirstOrThrow({ where: { id: userId } });
      let recording: Promise<Answer> | undefined;
      await changeSubscriptions(prisma, key, async (tx, { userKey, instant }) => {
        recording = send({ userId, ...option });
        await someoneWaits(app.database);
        await tx.subscription.updateMany({
          where: { userKey },
          data: { status: 'CANCELLED', endedAt: instant },
        });
        const renewal = {
          userKey,
          environmentId: 'test',
          packageId: 'thousand',
          isAddon: true,
          startedAt: instant,
        };
        await tx.subscription.create({ data: renewal });
      });
      expect(await recording).toMatchObject({ recorded: true });
      const { events, counters } = await ledgerAndCounters(userId);
      const renewed = await prisma.subscription.findFirstOrThrow({
        where: { userKey: key, packageId: 'thousand' },
      });
      expect(counters.map(({ subscriptionId, used }) => [subscriptionId, Number(used)])).toEqual([
        [renewed.id, 1],
      ]);
      expect(events[0]?.occurredAt.getTime()).toBeGreaterThanOrEqual(renewed.startedAt.getTime());
    },
  );

  it('usage that waits behind a change, which waits too, counts as the change left things', async () => {
    const userId = 'waiting behind';
    await newUser(userId);
    const { prisma } = app.database;
    const { key } = await prisma.user.findFirstOrThrow({ where: { id: userId } });
    const [changing, recording] = await prisma.$transaction(async (tx) => {
      await tx.$queryRaw`select 1 from "user" where id = ${userId} for update`;
      const change = app.ok(
        'mutation ($userId: String!) { changePackage(userId: $userId, packageId: "thousand") { __typename } }',
        { userId },
      );
      await someoneWaits(app.database);
      const usage = send({ userId });
      await someoneWaits(app.database, 2);
      return [change, usage];
    });
    await Promise.all([changing, recording]);
    const { events, counters } = await ledgerAndCounters(userId);
    const changed = await prisma.subscription.findFirstOrThrow({
      where: { userKey: key, packageId: 'thousand' },
    });
    expect(events[0]?.occurredAt.getTime()).toBeGreaterThanOrEqual(changed.startedAt.getTime());
    expect(counters.map(({ subscriptionId }) => subscriptionId)).toEqual([changed.id]);
  });

  it.each([[{}], [{ enforce: true }], [{ action: 'SET' }]])(
    'who waits for a locked user holds up nobody else (%j)',
    async (option) => {
      const [held, free] = [`held-${JSON.stringify(option)}`, `free-${JSON.stringify(option)}`];
      await newUser(held);
      await newUser(free);
      let waiting: Promise<Answer[]> | undefined;
      await app.database.prisma.$transaction(async (tx) => {
        await tx.$queryRaw`select 1 from "user" where id = ${held} for update`;
        waiting = times(20, () => send({ userId: held, ...option }));
        await someoneWaits(app.database);
        const answers = await times(20, () => send({ userId: free, ...option }));
        expect(answers.every(({ recorded }) => recorded)).toBe(true);
      });
      expect((await waiting)?.every(({ recorded }) => recorded)).toBe(true);
      expect((await ledgerAndCounters(held)).events).toHaveLength(20);
    },
  );

  it('who waits too long for a locked user is told to come back, and nothing is recorded', async () => {
    await newUser('held');
    await newUser('beside');
    const message = 'Another request is changing the same data. Try again in a second.';
    const usages = ['held', 'beside'].map((userId) => ({ userId, featureId }));
    await app.database.prisma.$transaction(
      async (tx) => {
        await tx.$queryRaw`select 1 from "user" where id = 'held' for update`;
        const [list, ...failures] = await Promise.all([
          app.ok(recordMany, { input: usages }),
          app.fails(record, { input: { userId: 'held', featureId } }),
          app.fails(record, { input: { userId: 'held', featureId, enforce: true } }),
        ]);
        for (const failure of failures)
          expect(failure).toMatchObject({ message, extensions: { code: 'SERVICE_UNAVAILABLE' } });
        expect(list.recordUsages).toEqual([
          { recorded: false, error: { name: 'UnavailableError', message, code: 'SERVICE_UNAVAILABLE' } },
          { recorded: true, error: null },
        ]);
      },
      { timeout: 20_000 },
    );
    expect((await ledgerAndCounters('beside')).events).toHaveLength(1);
    expect((await ledgerAndCounters('held')).events).toEqual([]);
    expect(await send({ userId: 'held' })).toMatchObject({ recorded: true });
  });

  it('usage that waits for the deletion of its user finds no user', async () => {
    await createUser(app.database.prisma, { id: 'leaving' });
    const { prisma } = app.database;
    let failure: Promise<object> | undefined;
    await prisma.$transaction(async (tx) => {
      await tx.$queryRaw`select 1 from "user" where id = 'leaving' for update`;
      failure = app.fails(record, { input: { userId: 'leaving', featureId } });
      await someoneWaits(app.database);
      await tx.user.deleteMany({ where: { id: 'leaving' } });
    });
    expect(await failure).toMatchObject({ extensions: { exception: { name: 'UserNotFoundError' } } });
  });
});

describe('for users with top-ups', () => {
  const topUp = (userId: string) =>
    app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
      input: { userId, featureId, amount: 60 },
    });

  /** What is left of the top-up, and what the windows have drawn. */
  async function drawn(userId: string) {
    const { key: userKey } = await app.database.prisma.user.findFirstOrThrow({ where: { id: userId } });
    const [topUp] = await app.database.prisma.topUp.findMany({ where: { userKey } });
    const draws = await app.database.prisma.topUpDraw.findMany({ where: { userKey } });
    return {
      remaining: Number(topUp?.remaining),
      drawn: draws.reduce((sum, { amount }) => sum + Number(amount), 0),
    };
  }

  it('what concurrent calls use beyond the budget is drawn, to the unit', async () => {
    const userIds = Array.from({ length: 8 }, (_, index) => `crossing-${index}`);
    for (const userId of userIds) {
      await newUser(userId);
      await topUp(userId);
      await send({ userId, delta: 1 });
    }
    // 1 + 47 * 3 = 142 of 100.
    const answers = await Promise.all(userIds.map((userId) => times(47, () => send({ userId, delta: 3 }))));
    for (const [index, userId] of userIds.entries()) {
      const seen = answers[index]?.map(({ entitlement }) => entitlement.consumption.used) ?? [];
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 47 }, (_, n) => 1 + 3 * (n + 1)));
      expect({ userId, ...(await drawn(userId)) }).toEqual({ userId, remaining: 18, drawn: 42 });
    }
  });

  it('lists in any order, of users with and without top-ups, never wait for each other for ever', async () => {
    const userIds = Array.from({ length: 12 }, (_, index) => `mixed-${index}`);
    for (const userId of userIds) await newUser(userId);
    for (const userId of userIds.filter((_id, index) => index % 2 === 0)) await topUp(userId);
    const list = (shift: number) =>
      userIds.map((_id, index) => ({
        userId: userIds[(index * 5 + shift) % userIds.length],
        featureId,
        delta: 1,
      }));
    const answers = await times(150, (index) => app.ok(recordMany, { input: list(index) }));
    const results = answers.flatMap(({ recordUsages }) => recordUsages);
    expect(results.filter(({ recorded }) => !recorded)).toEqual([]);
    for (const [index, userId] of userIds.entries()) {
      const { counters } = await ledgerAndCounters(userId);
      expect(counters.map(({ used }) => Number(used))).toEqual([150]);
      if (index % 2 === 0) expect(await drawn(userId)).toEqual({ remaining: 10, drawn: 50 });
    }
  });
});
