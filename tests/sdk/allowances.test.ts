import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConflictError, InputError, KanaAdmin } from '../../packages/sdk/src/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

let app: TestApp;
let kana: KanaAdmin;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['calls', 'tokens']) await createFeature(prisma, { id, precision: 1 });
  await createPackage(prisma, {
    id: 'basic',
    features: ['calls', 'tokens'].map((id) => ({ id, limit: 100 })),
  });
  await createUser(prisma, { id: '124' });
  await createSubscription(prisma, { userId: '124', packageId: 'basic' });
  kana = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
});
afterAll(() => app.close());

const calls = { userId: '124', featureId: 'calls' };
const tokens = { userId: '124', featureId: 'tokens' };

/** A client that loses the first answer to each operation that begins like this. */
function losingAnswers(start: string): KanaAdmin {
  let isLost = false;
  return new KanaAdmin({
    apiKey: app.keys.test,
    endpoint: `${app.url}/graphql`,
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (isLost || !JSON.parse(String(init?.body)).query.startsWith(start)) return response;
      isLost = true;
      throw new TypeError('the connection broke');
    },
  });
}

test('a grant is given until a date, counts, and is revoked', async () => {
  const endsAt = new Date('2090-03-01T17:00:00Z');
  const given = await kana.grants.create({ ...calls, limit: 500.5, endsAt, reason: 'goodwill' });
  expect(given.data).toMatchObject({
    userId: '124',
    feature: { id: 'calls', precision: 1 },
    limit: 500.5,
    endsAt: endsAt.toISOString(),
    reason: 'goodwill',
    revokedAt: null,
  });
  const id = given.data?.id ?? '';
  const [entitlement] = (await kana.users.entitlements(calls)).data ?? [];
  expect(entitlement).toMatchObject({ subscription: null, grant: { id }, consumption: { budget: 500.5 } });
  expect(await kana.grants.revoke({ id, reason: 'enough' })).toMatchObject({
    data: { revokeReason: 'enough' },
  });
  expect((await kana.grants.list(calls)).data).toEqual([
    expect.objectContaining({ id, revokedAt: expect.any(String) }),
  ]);
  expect((await kana.grants.revoke({ id: '0' })).error).toMatchObject({
    name: 'GrantNotFoundError',
    response: { status: 404 },
  });
});

test('a top-up covers what is beyond the budget, until it is void', async () => {
  const given = await kana.topUps.create({ input: { ...tokens, amount: 50, idempotencyKey: 'order-42' } });
  expect(given.data).toMatchObject({ amount: 50, remaining: 50, priority: 0, expiresAt: null });
  const [id, recorded] = [given.data?.id ?? '', { ...tokens, delta: 120, note: 'by hand' }];
  expect(await kana.topUps.create({ ...tokens, amount: 50, idempotencyKey: 'order-42' })).toEqual(given);
  const other = await kana.topUps.create({ ...tokens, amount: 60, idempotencyKey: 'order-42' });
  expect(other.error).toBeInstanceOf(ConflictError);
  const usage = await kana.features.recordUsage({ ...recorded, enforce: true, includeEntitlement: true });
  expect(usage.data?.entitlement?.consumption).toEqual({
    used: 120,
    budget: 100,
    overageEnabled: false,
    remaining: 30,
    topUp: { granted: 50, remaining: 30 },
  });
  expect(await kana.topUps.void({ id, reason: 'refunded' })).toMatchObject({
    data: { voidReason: 'refunded' },
  });
  expect((await kana.topUps.list(tokens)).data).toMatchObject([{ id, remaining: 30 }]);
  expect((await kana.topUps.draws({ id })).data).toMatchObject([
    { amount: 20, usageEvent: { action: 'ADD' } },
  ]);
  expect((await kana.features.usageEvents({ ...tokens, newestFirst: true })).data).toMatchObject([
    { feature: { id: 'tokens' }, action: 'ADD', delta: 120, source: 'API', note: 'by hand' },
  ]);
  await kana.features.recordUsage({ ...tokens, delta: 0, action: 'SET' });
});

test('what is reserved is held until it is committed or released', async () => {
  const held = await kana.reservations.create({ ...tokens, amount: 40, ttlSeconds: 60 });
  expect(held.data).toMatchObject({
    reserved: true,
    reason: null,
    expiresAt: expect.any(String),
    entitlement: { access: true, consumption: { used: 0, remaining: 60 } },
  });
  const refused = await kana.reservations.create({ ...tokens, amount: 61 });
  expect(refused.data).toMatchObject({ reserved: false, reason: expect.any(String), id: null });
  const id = held.data?.id ?? '';
  const committed = { recorded: true, reason: null, entitlement: { consumption: { used: 12.5 } } };
  for (const duplicate of [false, true])
    expect(await kana.reservations.commit({ id, amount: 12.5 })).toMatchObject({
      data: { ...committed, duplicate },
    });
  expect((await kana.reservations.release({ id })).error).toBeInstanceOf(ConflictError);
  const second = await kana.reservations.create({ ...tokens, amount: 10 });
  const released = await kana.reservations.release({ id: second.data?.id ?? '' });
  expect(released.data).toMatchObject({ reserved: false, id: second.data?.id });
  expect(released.data?.entitlement.consumption?.remaining).toBe(87.5);
});

test('a repeat after a lost answer makes nothing new', async () => {
  const lost = (start: string) => losingAnswers(`mutation ${start}`);
  expect((await lost('GrantFeature').grants.create({ ...calls, limit: 7 })).error).toBeUndefined();
  expect((await lost('TopUp').topUps.create({ ...calls, amount: 7 })).error).toBeUndefined();
  expect((await lost('ReserveUsage').reservations.create({ ...calls, amount: 7 })).error).toBeUndefined();
  expect((await kana.grants.list(calls)).data?.filter(({ limit }) => limit === 7)).toHaveLength(1);
  expect((await kana.topUps.list(calls)).data).toHaveLength(1);
  const { data } = await kana.features.canUse(calls);
  expect(data?.consumption).toMatchObject({ budget: 100, remaining: 100, topUp: { remaining: 7 } });
});

test.each([
  ['grants', { limit: Number.NaN }],
  ['topUps', { amount: Number.POSITIVE_INFINITY }],
  ['topUps', { amount: 1, expiresAt: new Date(Number.NaN) }],
  ['reservations', { amount: Number.NaN }],
] as const)('%s refuse %j, which JSON would make null', async (resource, values) => {
  const create = kana[resource].create as (input: object) => Promise<{ error?: Error }>;
  expect((await create({ ...calls, ...values })).error).toBeInstanceOf(InputError);
});

test('the example of docs/reference/sdk.md holds, commits, and releases when the work fails', async () => {
  const reference = readFileSync('docs/reference/sdk.md', 'utf8');
  const [, example = ''] = /## Reserving usage.*?```js\n(.*?)```/s.exec(reference) ?? [];
  const run = new Function('kana', 'askTheModel', `return (async () => {${example}})()`);
  const [before, failing] = [await remaining(), () => Promise.reject(new Error('the model is away'))];
  const small = { create: () => kana.reservations.create({ ...tokens, amount: 40 }) };
  const client = { reservations: { ...kana.reservations, ...small } };
  await expect(run(client, failing)).rejects.toThrow('the model is away');
  expect(await remaining()).toBe(before);
  await run(client, async () => ({ tokens: 3 }));
  expect(await remaining()).toBe((before ?? 0) - 3);
});

const remaining = async () => (await kana.features.canUse(tokens)).data?.consumption?.remaining;

test('subscriptions start, change and end later, and a migration is previewed, started and stopped', async () => {
  const { prisma } = app.database;
  await createPackage(prisma, { id: 'team', features: [{ id: 'calls', limit: 200, resetPeriod: 'MONTH' }] });
  for (const id of ['125', '126']) await createUser(prisma, { id });
  const startsAt = new Date('2020-01-01T00:00:00Z');
  const made = await kana.subscriptions.createMany([
    { userId: '125', packageIds: ['team'], startsAt },
    { userId: 'nobody', packageIds: ['team'] },
  ]);
  expect(made.data).toMatchObject([
    { subscriptions: [{ userId: '125', startedAt: startsAt.toISOString() }], error: null },
    { subscriptions: [], error: { name: 'UserNotFoundError' } },
  ]);
  const id = made.data?.[0]?.subscriptions[0]?.id ?? '';
  const at = new Date(Date.now() + 86_400_000);
  expect((await kana.subscriptions.cancel({ id, at })).data?.cancelsAt).toBe(at.toISOString());
  expect((await kana.subscriptions.resume({ id })).data?.cancelsAt).toBeNull();
  const move = { fromPackageId: 'team', toPackageId: 'basic' };
  expect((await kana.migrations.preview(move)).data).toMatchObject({ total: 1, moving: 1, overLimit: 0 });
  const migration = (await kana.migrations.create(move)).data;
  expect(migration).toMatchObject({ ...move, state: 'RUNNING', at: 'NOW', usage: 'CARRY' });
  expect((await kana.migrations.create({ input: move })).error).toBeInstanceOf(ConflictError);
  expect((await kana.migrations.list({ first: 1 })).data).toEqual([migration]);
  expect((await kana.migrations.stop({ id: migration?.id ?? '' })).data?.state).toBe('STOPPED');
  const changed = await kana.subscriptions.changePackage({
    ...{ userId: '125', packageId: 'basic', atPeriodEnd: true, usage: 'CARRY' },
  });
  expect(changed.data).toMatchObject({ subscription: { status: 'SCHEDULED' }, replaced: { id } });
});
