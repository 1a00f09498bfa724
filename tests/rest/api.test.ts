import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { operations } from '../../src/rest/operations-rules.ts';
import { Problem } from '../../src/rest/shapes-rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['calls', 'none']) await createFeature(prisma, { id });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, {
    id: 'pro',
    features: [{ id: 'calls', limit: 10, resetPeriod: 'MONTH' }, { id: 'sso' }],
  });
  await createPackage(prisma, { id: 'team', features: [{ id: 'calls', limit: 20, resetPeriod: 'MONTH' }] });
  await createUser(prisma, { id: 'eve' });
});
afterAll(() => app.close());

type Method = 'get' | 'post' | 'patch' | 'delete';
const send = (method: Method, path: string, body?: object, headers: Record<string, string> = {}) =>
  app.http[method](`/v1${path}`)
    .set({ Authorization: `Bearer ${app.keys.test}`, ...headers })
    .send(body);

const called = new Set<string>();

/** Sends a request of this operation that must succeed, with an answer of the shape that openapi.json says. */
async function call(id: string, path: string, body?: object, headers?: Record<string, string>) {
  const operation = operations.find((each) => each.id === id);
  if (operation === undefined) throw new Error(`there is no operation ${id}`);
  const answer = await send(operation.method.toLowerCase() as Method, path, body, headers);
  expect([answer.status, answer.body]).toEqual([operation.status ?? 200, answer.body]);
  called.add(id);
  return (operation.response as z.ZodObject).strict().parse(answer.body) as typeof answer.body;
}

test('a user from creation to deletion, by every operation', async () => {
  const ada = {
    id: 'ada lovelace/1',
    name: 'Ada',
    email: 'ada@example.com',
    billingId: null,
    metadata: { a: 1 },
  };
  const path = `/users/${encodeURIComponent(ada.id)}`;
  expect(await call('createUser', '/users', ada)).toEqual(ada);
  expect(await call('getUser', path)).toEqual(ada);
  expect(await call('updateUser', path, { name: 'Ada L.' })).toEqual({ ...ada, name: 'Ada L.' });
  expect((await call('listUsers', '/users?first=1&after=eve')).users).toHaveLength(1);
  expect((await call('listUsers', '/users?search=lovelace')).users).toHaveLength(1);
  expect((await call('listFeatures', '/features?first=2')).features).toHaveLength(2);
  expect((await call('listPackages', '/packages')).packages).toMatchObject([
    { id: 'pro', features: [{ limit: 10 }, {}] },
    { id: 'team' },
  ]);

  const { subscriptions } = await call('subscribe', `${path}/subscriptions`, { packageIds: ['pro'] });
  expect(subscriptions).toMatchObject([{ userId: ada.id, packageId: 'pro', status: 'ACTIVE' }]);
  expect(await call('listSubscriptions', `${path}/subscriptions`)).toEqual({ subscriptions });

  const usage = { userId: ada.id, featureId: 'calls', delta: 4 };
  expect(await call('recordUsage', '/usage', usage, { 'Idempotency-Key': 'k-1' })).toMatchObject({
    recorded: true,
    duplicate: false,
    entitlement: { access: true, consumption: { used: 4, budget: 10, remaining: 6 } },
  });
  expect(await call('recordUsage', '/usage', usage, { 'Idempotency-Key': 'k-1' })).toMatchObject({
    duplicate: true,
  });
  const batch = {
    usages: [
      { ...usage, delta: 1 },
      { ...usage, userId: 'nobody' },
    ],
  };
  expect((await call('recordUsages', '/usage/batch', batch)).results).toMatchObject([
    { recorded: true, error: null },
    { recorded: false, error: { name: 'UserNotFoundError' } },
  ]);

  const calls = await call('getEntitlement', `${path}/entitlements/calls`);
  expect(calls).toEqual({
    userId: ada.id,
    featureId: 'calls',
    featureType: 'CONSUMABLE',
    access: true,
    reason: expect.any(String),
    consumption: { used: 5, budget: 10, remaining: 5, overageEnabled: false },
    packageId: 'pro',
    subscriptionId: subscriptions[0].id,
  });
  expect((await call('getEntitlement', `${path}/entitlements/calls?amount=6`)).access).toBe(false);
  expect(await call('getEntitlement', `${path}/entitlements/none`)).toMatchObject({
    access: false,
    consumption: null,
    packageId: null,
  });
  expect((await call('listEntitlements', `${path}/entitlements`)).entitlements).toEqual([
    calls,
    expect.objectContaining({ featureId: 'sso', access: true, consumption: null }),
  ]);
  expect((await call('generateUserToken', `${path}/tokens`)).token).toMatch(/^eyJ/);
  const ending = `/subscriptions/${subscriptions[0].id}`;
  expect(await call('cancelSubscription', `${ending}?atPeriodEnd=true`)).toMatchObject({
    status: 'ACTIVE',
    cancelsAt: expect.any(String),
  });
  expect(await call('resumeSubscription', `${ending}/resume`, {})).toMatchObject({ cancelsAt: null });
  const move = { fromPackageId: 'pro', toPackageId: 'team', at: 'PERIOD_END' };
  expect(await call('previewMigration', '/migrations/preview', move)).toMatchObject({ total: 1, moving: 1 });
  const migration = await call('migrateSubscribers', '/migrations', move);
  expect(migration).toMatchObject({ ...move, state: 'RUNNING', total: 1, toVersion: 1, usage: 'CARRY' });
  const { id: migrationId } = migration;
  expect(await call('getMigration', `/migrations/${migrationId}`)).toEqual(migration);
  expect(await call('listMigrations', '/migrations?first=1')).toEqual({ migrations: [migration] });
  expect(await call('stopMigration', `/migrations/${migrationId}/stop`, {})).toMatchObject({
    state: 'STOPPED',
  });
  const changed = await call('changePackage', `${path}/package`, { packageId: 'team', usage: 'CARRY' });
  expect(changed).toMatchObject({
    subscription: { packageId: 'team', packageVersion: 1 },
    replaced: { status: 'CANCELLED' },
  });
  const bulk = { users: [{ userId: 'eve', packageIds: ['pro'], startsAt: '2020-01-01T00:00:00Z' }] };
  expect((await call('subscribeUsers', '/subscriptions', bulk)).results).toMatchObject([
    { subscriptions: [{ userId: 'eve', startedAt: '2020-01-01T00:00:00.000Z' }], error: null },
  ]);
  expect(await call('cancelSubscription', `/subscriptions/${changed.subscription.id}`)).toMatchObject({
    status: 'CANCELLED',
  });
  expect(await call('deleteUser', path)).toEqual({ id: ada.id });
  expect([...called].sort()).toEqual(operations.map(({ id }) => id).sort());
});

describe('an error is a problem as RFC 9457 says', () => {
  test.each<[string, Method, string, object | undefined, number, object]>([
    ['an unknown user', 'get', '/users/nobody/entitlements', undefined, 404, { name: 'UserNotFoundError' }],
    [
      'an unknown feature',
      'get',
      '/users/eve/entitlements/x',
      undefined,
      404,
      { name: 'FeatureNotFoundError' },
    ],
    [
      'a taken id',
      'post',
      '/users',
      { id: 'eve' },
      409,
      { code: 'CONFLICT', name: 'UserAlreadyExistsError' },
    ],
    [
      'a missing field',
      'post',
      '/usage',
      { userId: 'eve' },
      400,
      { detail: expect.stringMatching(/^body\.featureId: /) },
    ],
    [
      'an unknown field',
      'post',
      '/users',
      { id: 'x', nam: 'x' },
      400,
      { detail: expect.stringContaining('nam') },
    ],
    [
      'an unknown part of the query',
      'get',
      '/users?frist=1',
      undefined,
      400,
      { detail: expect.stringContaining('frist') },
    ],
    [
      'a part that is no number',
      'get',
      '/users?first=x',
      undefined,
      400,
      { detail: 'query.first: must be a number' },
    ],
    [
      'a rule that is broken',
      'post',
      '/users/eve/subscriptions',
      { packageIds: [] },
      400,
      { code: 'BAD_USER_INPUT' },
    ],
    [
      'a fraction of what has none',
      'get',
      '/users/eve/entitlements/calls?amount=0.5',
      undefined,
      400,
      { code: 'BAD_USER_INPUT' },
    ],
  ])('%s', async (_what, method, path, body, status, told) => {
    const answer = await send(method, path, body);
    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ]);
    expect(Problem.strict().parse(answer.body)).toMatchObject({ status, ...told });
  });

  test('also without a key, with too much, and with what is not JSON', async () => {
    const wrong = await send('get', '/users', undefined, { Authorization: 'Bearer prv_test_wrong' });
    const large = await send('post', '/users', { id: 'x'.repeat(1_100_000) });
    const text = await app.http
      .post('/v1/users')
      .set('Authorization', app.keys.test)
      .type('json')
      .send('{"id":');
    expect([wrong, large, text].map(({ status, body }) => [status, body.status, body.code])).toEqual([
      [401, 401, 'UNAUTHENTICATED'],
      [413, 413, 'PAYLOAD_TOO_LARGE'],
      [400, 400, 'BAD_USER_INPUT'],
    ]);
    expect(wrong.body.detail).toMatch(/^Unauthenticated/);
  });

  test.each<
    [
      string,
      () => Promise<{ status: number; headers: Record<string, string>; body: unknown }>,
      number,
      string,
    ]
  >([
    ['a path where nothing is', () => app.http.get('/v1/nothing'), 404, 'NOT_FOUND'],
    ['a broken percent-encoding', () => app.http.get('/v1/users/%ZZ'), 404, 'NOT_FOUND'],
    ['another method', () => app.http.put('/v1/users'), 405, 'METHOD_NOT_ALLOWED'],
    [
      'a compressed body',
      () =>
        app.http
          .post('/v1/usage')
          .set({
            Authorization: app.keys.test,
            'Content-Encoding': 'gzip',
            'Content-Type': 'application/json',
          })
          .send('{}'),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'two idempotency keys',
      () =>
        send(
          'post',
          '/usage',
          { userId: 'eve', featureId: 'calls', idempotencyKey: 'a' },
          { 'Idempotency-Key': 'b' },
        ),
      400,
      'BAD_USER_INPUT',
    ],
  ])('of %s', async (_what, ask, status, code) => {
    const answer = await ask();
    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ]);
    expect(Problem.strict().parse(answer.body)).toMatchObject({ status, code });
  });

  test('of the server names the request, and nothing of the database', async () => {
    await app.database.work.query('alter table "user" rename to elsewhere');
    const { status, body } = await send('get', '/users');
    await app.database.work.query('alter table elsewhere rename to "user"');
    expect([status, body]).toEqual([
      500,
      {
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
        detail: expect.stringMatching(/^Unexpected error/),
        code: 'INTERNAL_SERVER_ERROR',
        requestId: expect.any(String),
      },
    ]);
  });
});

test('a user with id "tokens" is reached as any other', async () => {
  await createUser(app.database.prisma, { id: 'tokens' });
  expect((await send('get', '/users/tokens')).body.id).toBe('tokens');
});

test.each<[string, () => string]>([
  ['a public key', () => app.keys.publicTest],
  ['a write key', () => app.keys.writeTest],
])('every operation is closed to %s', async (_kind, key) => {
  for (const { method, path } of operations) {
    const at = path.replace(/\{\w+\}/g, 'eve');
    const { status } = await send(method.toLowerCase() as Method, at, undefined, { Authorization: key() });
    expect([method, path, status]).toEqual([method, path, 401]);
  }
});

test('the description is served to all', async () => {
  const { status, body } = await app.http.get('/v1/openapi.json');
  expect([status, body.openapi, Object.keys(body.paths).length]).toEqual([200, '3.1.0', 18]);
});
