import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { reasons } from '../../../src/entitlements/rules.ts';
import { binaryReason } from '../../../src/usage/record/rules.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

const record = `mutation ($input: CreateUsageEventInput!) {
  recordUsage(input: $input) {
    recorded reason duplicate entitlement { access reason consumption { used budget overageEnabled } }
  }
}`;
const recordMany = `mutation ($input: [CreateUsageEventInput!]!) {
  recordUsages(input: $input) {
    recorded reason duplicate entitlement { consumption { used } } error { name message code }
  }
}`;

const day = 86_400_000;

let app: TestApp;
let people = 0;
let userId: string;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  await createFeature(prisma, { id: 'seats' });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, {
    id: 'pro',
    features: [{ id: 'messages', limit: 10, resetPeriod: 'MONTH' }, 'sso'],
  });
  await createPackage(prisma, {
    id: 'more',
    isAddon: true,
    features: [{ id: 'messages', limit: 50, resetPeriod: 'DAY', overageEnabled: true }],
  });
});

beforeEach(async () => {
  people += 1;
  userId = `user-${people}`;
  await createUser(app.database.prisma, { id: userId });
});

afterAll(() => app.close());

const subscribed = (packageId = 'pro', facts = {}) =>
  createSubscription(app.database.prisma, { userId, packageId, ...facts });

async function recordUsage(input: object) {
  const data = await app.ok(record, { input: { userId, featureId: 'messages', ...input } });
  return data.recordUsage;
}

async function used(featureId = 'messages'): Promise<number | undefined> {
  const { canUseFeature } = await app.ok(
    'query ($userId: String!, $featureId: String!) { canUseFeature(userId: $userId, featureId: $featureId) { consumption { used } } }',
    { userId, featureId },
  );
  return canUseFeature.consumption?.used;
}

describe('recordUsage', () => {
  it('records one more, and answers where the user stands right after it', async () => {
    await subscribed();
    expect(await recordUsage({})).toEqual({
      recorded: true,
      reason: null,
      duplicate: false,
      entitlement: {
        access: true,
        reason: reasons.consumable,
        consumption: { used: 1, budget: 10, overageEnabled: false },
      },
    });
  });

  it('records over the budget, for it has already happened', async () => {
    await subscribed();
    expect(await recordUsage({ delta: 11 })).toEqual({
      recorded: true,
      reason: null,
      duplicate: false,
      entitlement: {
        access: false,
        reason: reasons.notEnough,
        consumption: { used: 11, budget: 10, overageEnabled: false },
      },
    });
  });

  it('records without a subscription, and does not count it in one that begins later', async () => {
    expect(await recordUsage({ delta: 3 })).toEqual({
      recorded: true,
      reason: null,
      duplicate: false,
      entitlement: { access: false, reason: reasons.notSubscribed, consumption: null },
    });
    await app.ok('mutation ($userId: String!) { subscribe(packageIds: ["pro"], userId: $userId) { id } }', {
      userId,
    });
    expect(await used()).toBe(0);
  });

  it('reverts with a negative delta, and never reports less than 0', async () => {
    await subscribed();
    await recordUsage({ delta: 2 });
    expect((await recordUsage({ delta: -5 })).entitlement.consumption.used).toBe(0);
    expect((await recordUsage({ delta: 4 })).entitlement.consumption.used).toBe(1);
  });

  it('sets the usage of the window for every live subscription with the feature', async () => {
    await subscribed('pro');
    await subscribed('more');
    await recordUsage({ delta: 7 });
    expect((await recordUsage({ action: 'SET', delta: 4 })).entitlement.consumption).toEqual({
      used: 4,
      budget: 50,
      overageEnabled: true,
    });
    const counters = await app.database.prisma.usageCounter.findMany({
      where: { userKey: (await app.database.prisma.user.findFirstOrThrow({ where: { id: userId } })).key },
    });
    expect(counters.map((counter) => Number(counter.used))).toEqual([4, 4]);
  });

  it('records nothing for a binary feature', async () => {
    await subscribed();
    const answer = { recorded: false, reason: binaryReason, duplicate: false };
    const entitlement = { access: true, reason: reasons.binary, consumption: null };
    expect(await recordUsage({ featureId: 'sso' })).toEqual({ ...answer, entitlement });
    expect(await recordUsage({ featureId: 'sso', action: 'SET' })).toEqual({ ...answer, entitlement });
    expect(await app.database.prisma.usageEvent.count({ where: { featureId: 'sso' } })).toBe(0);
  });

  it.each(['ADD', 'SET'])(
    'answers unknown users and features with their typed errors (%s)',
    async (action) => {
      const [name, message] = ['UserNotFoundError', 'There is no user with the id "nobody".'];
      expect(
        await app.fails(record, { input: { userId: 'nobody', featureId: 'messages', action } }),
      ).toMatchObject({
        message,
        path: ['recordUsage'],
        extensions: { code: 'NOT_FOUND', exception: { name, message } },
      });
      expect(await app.fails(record, { input: { userId, featureId: 'nothing', action } })).toMatchObject({
        extensions: { code: 'NOT_FOUND', exception: { name: 'FeatureNotFoundError' } },
      });
    },
  );

  it('does not see the users of the other environment', async () => {
    const error = await app.fails(record, { input: { userId, featureId: 'messages' } }, app.keys.live);
    expect(error.extensions.exception?.name).toBe('UserNotFoundError');
  });

  it.each([
    [{ delta: -1, action: 'SET' }, 'input.delta: must be 0 or more when the action is SET'],
    [{ userId: 'a\u0007b' }, 'input.userId: must not contain control characters'],
    [{ featureId: ' ' }, 'input.featureId: must not be blank'],
    [
      { timestamp: new Date(Date.now() + 6 * 60_000).toISOString() },
      'input.timestamp: must not be more than 5 minutes ahead',
    ],
  ])('refuses %j and names the field', async (input, message) => {
    expect(await app.fails(record, { input: { userId, featureId: 'messages', ...input } })).toMatchObject({
      message,
      extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
    });
  });
});

describe('an idempotency key', () => {
  it.each([
    ['ADD', {}],
    ['SET', { action: 'SET' }],
    ['enforced', { enforce: true }],
  ])('records once, and answers again as the first time (%s)', async (_name, input) => {
    await subscribed();
    const first = await recordUsage({ delta: 2, idempotencyKey: 'k', ...input });
    expect(first).toMatchObject({ recorded: true, reason: null, duplicate: false });
    expect(await recordUsage({ delta: 2, idempotencyKey: 'k', ...input })).toEqual({
      ...first,
      duplicate: true,
    });
    expect(await used()).toBe(2);
  });

  it('belongs to its user', async () => {
    await recordUsage({ idempotencyKey: 'mine' });
    const other = `${userId}-other`;
    await createUser(app.database.prisma, { id: other });
    expect(await recordUsage({ userId: other, idempotencyKey: 'mine' })).toMatchObject({ duplicate: false });
  });

  it.each([
    ['another delta', { delta: 2 }],
    ['another feature', { featureId: 'seats' }],
    ['another action', { action: 'SET' }],
  ])('is a conflict with %s', async (_name, change) => {
    await recordUsage({ idempotencyKey: 'k' });
    const message = 'The idempotency key "k" was used before with another feature, delta or action.';
    expect(
      await app.fails(record, { input: { userId, featureId: 'messages', idempotencyKey: 'k', ...change } }),
    ).toMatchObject({
      message,
      extensions: { code: 'CONFLICT', exception: { name: 'IdempotencyKeyConflictError', message } },
    });
  });

  it('of a refused call is free for another try', async () => {
    await subscribed();
    expect(await recordUsage({ delta: 11, enforce: true, idempotencyKey: 'k' })).toMatchObject({
      recorded: false,
    });
    expect(await recordUsage({ delta: 10, enforce: true, idempotencyKey: 'k' })).toMatchObject({
      recorded: true,
    });
  });
});

describe('a timestamp', () => {
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

  it('counts in the window that it falls in', async () => {
    await subscribed('more', { startedAt: daysAgo(2.5) });
    await recordUsage({ delta: 5, timestamp: daysAgo(1).toISOString() });
    await recordUsage({ delta: 3 });
    const { showUsage } = await app.ok(
      'query ($userId: String!) { showUsage(userId: $userId, featureId: "messages") { current { consumption { used } } past { consumption { used } } } }',
      { userId },
    );
    expect(showUsage).toEqual({
      current: { consumption: { used: 3 } },
      past: [{ consumption: { used: 5 } }, { consumption: { used: 0 } }],
    });
  });

  it('before the subscription began is recorded, and counts nowhere', async () => {
    await subscribed('more', { startedAt: daysAgo(1) });
    expect(await recordUsage({ timestamp: daysAgo(1.1).toISOString() })).toMatchObject({ recorded: true });
    expect(await used()).toBe(0);
  });

  it('slightly ahead counts as now', async () => {
    await subscribed();
    await recordUsage({ timestamp: new Date(Date.now() + 4 * 60_000).toISOString() });
    expect(await used()).toBe(1);
    const [event] = await app.database.prisma.usageEvent.findMany({ orderBy: { id: 'desc' }, take: 1 });
    expect(event?.occurredAt.getTime()).toBeLessThanOrEqual(Date.now());
  });
});

describe('enforce', () => {
  it('records what the user is entitled to and refuses the rest, with the reason of the entitlement', async () => {
    await subscribed();
    expect(await recordUsage({ delta: 10, enforce: true })).toMatchObject({ recorded: true, reason: null });
    expect(await recordUsage({ delta: 1, enforce: true })).toEqual({
      recorded: false,
      reason: reasons.notEnough,
      duplicate: false,
      entitlement: {
        access: false,
        reason: reasons.notEnough,
        consumption: { used: 10, budget: 10, overageEnabled: false },
      },
    });
  });

  it('refuses without a subscription', async () => {
    expect(await recordUsage({ enforce: true })).toMatchObject({
      recorded: false,
      reason: reasons.notSubscribed,
    });
  });

  it('never goes over the limit of an earlier window, however the present one is used', async () => {
    await subscribed('pro', { startedAt: new Date(Date.now() - 40 * day) });
    const earlier = { timestamp: new Date(Date.now() - 39 * day), enforce: true };
    expect(await recordUsage({ ...earlier, delta: 10 })).toMatchObject({ recorded: true });
    expect(await recordUsage(earlier)).toMatchObject({ recorded: false, reason: reasons.notEnough });
    expect(await recordUsage({ delta: 10, enforce: true })).toMatchObject({ recorded: true });
  });

  it('lets usage of an earlier window pass when only the present one is used up', async () => {
    await subscribed('pro', { startedAt: new Date(Date.now() - 40 * day) });
    await recordUsage({ delta: 10 });
    const earlier = { timestamp: new Date(Date.now() - 39 * day), enforce: true };
    expect(await recordUsage(earlier)).toMatchObject({
      recorded: true,
      entitlement: { access: false, consumption: { used: 10 } },
    });
  });

  it('refuses what was used before any subscription began', async () => {
    await subscribed('pro', { startedAt: new Date(Date.now() - 40 * day) });
    expect(await recordUsage({ timestamp: new Date(Date.now() - 41 * day), enforce: true })).toMatchObject({
      recorded: false,
      reason: reasons.notSubscribed,
    });
  });
});

describe('recordUsages', () => {
  const send = async (input: object[]) => (await app.ok(recordMany, { input })).recordUsages;
  const item = (changes: object = {}) => ({ userId, featureId: 'messages', ...changes });
  const counted = (count: number) => ({
    recorded: true,
    reason: null,
    duplicate: false,
    entitlement: { consumption: { used: count } },
    error: null,
  });

  it('answers the exact result of each usage, in order', async () => {
    await subscribed();
    expect(await send([item(), item({ delta: 5 }), item({ delta: -2 })])).toEqual([
      counted(1),
      counted(6),
      counted(4),
    ]);
  });

  it('applies a list with SET and enforce in order', async () => {
    await subscribed();
    const refused = { ...counted(9), recorded: false, reason: reasons.notEnough };
    expect(
      await send([
        item({ delta: 7 }),
        item({ action: 'SET', delta: 2 }),
        item({ delta: 7, enforce: true }),
        item({ delta: 2, enforce: true }),
        item(),
      ]),
    ).toEqual([counted(7), counted(2), counted(9), refused, counted(10)]);
  });

  it.each([[{}], [{ enforce: true }]])(
    'gives a bad usage its own error and records its neighbours (%j)',
    async (option) => {
      await subscribed();
      const failed = (name: string, message: string, code: string) => ({
        recorded: false,
        reason: message,
        duplicate: false,
        entitlement: null,
        error: { name, message, code },
      });
      expect(
        await send([
          item(option),
          item({ ...option, userId: 'nobody' }),
          item({ ...option, featureId: ' ' }),
          item(option),
        ]),
      ).toEqual([
        counted(1),
        failed('UserNotFoundError', 'There is no user with the id "nobody".', 'NOT_FOUND'),
        failed('ValidationError', 'input.2.featureId: must not be blank', 'BAD_USER_INPUT'),
        counted(2),
      ]);
    },
  );

  it('takes the key "null" for a key, and what has none for something else', async () => {
    await subscribed();
    const answers = await send([
      item({ idempotencyKey: 'null', enforce: true }),
      item({ delta: 2, enforce: true }),
      item({ enforce: true }),
    ]);
    expect(answers).toEqual([counted(1), counted(3), counted(4)]);
  });

  it('records a key that a list repeats once', async () => {
    await subscribed();
    const results = await send([item({ idempotencyKey: 'k' }), item({ idempotencyKey: 'k' })]);
    expect(results.filter((result: { duplicate: boolean }) => result.duplicate)).toHaveLength(1);
    expect(await used()).toBe(1);
  });

  it('takes 1,000 usages, and refuses 1,001 whole', async () => {
    await subscribed('more');
    const results = await send(Array.from({ length: 1_000 }, () => item()));
    expect(
      results.map(
        (result: { entitlement: { consumption: { used: number } } }) => result.entitlement.consumption.used,
      ),
    ).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
    const error = await app.fails(recordMany, { input: Array.from({ length: 1_001 }, () => item()) });
    expect(error).toMatchObject({
      message: 'input: must hold at most 1,000 usages',
      extensions: { code: 'BAD_USER_INPUT' },
    });
    expect(await used()).toBe(1_000);
  });

  it('takes an empty list', async () => {
    expect(await send([])).toEqual([]);
  });
});

it('still answers the older createUsageEvent', async () => {
  await subscribed();
  const legacy =
    'mutation createUsageEvent($input: CreateUsageEventInput!) { createUsageEvent(input: $input) }';
  expect(await app.ok(legacy, { input: { userId, featureId: 'messages', delta: 1 } })).toEqual({
    createUsageEvent: true,
  });
  expect(await app.ok(legacy, { input: { userId, featureId: 'sso' } })).toEqual({ createUsageEvent: false });
  expect(await used()).toBe(1);
});
