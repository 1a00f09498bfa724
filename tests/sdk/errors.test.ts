import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as sdk from '../../packages/sdk/src/index.ts';
import { KanaAdmin, type KanaAdminOptions } from '../../packages/sdk/src/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'api-calls' });
  await createPackage(prisma, { id: 'pro' });
  await createPackage(prisma, { id: 'seats', isAddon: true });
  await createUser(prisma, { id: '124' });
});
afterAll(() => app.close());

const connect = (options: Partial<KanaAdminOptions> = {}) =>
  new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql`, ...options });

const usage = { userId: '124', featureId: 'api-calls' };

describe('an error of the server', () => {
  const kana = () => connect();
  test.each([
    [
      'an unknown user',
      () => kana().users.retrieve({ id: 'nobody' }),
      sdk.UserNotFoundError,
      ['UserNotFoundError', 'NOT_FOUND', 404, 'There is no user with the id "nobody".'],
    ],
    [
      'an unknown feature',
      () => kana().features.recordUsage({ ...usage, featureId: 'none' }),
      sdk.FeatureNotFoundError,
      ['FeatureNotFoundError', 'NOT_FOUND', 404, 'There is no feature with the id "none".'],
    ],
    [
      'an unknown package',
      () => kana().packages.retrieve({ id: 'none' }),
      sdk.PackageNotFoundError,
      ['PackageNotFoundError', 'NOT_FOUND', 404, 'There is no package with the id "none".'],
    ],
    [
      'an unknown subscription',
      () => kana().subscriptions.retrieve({ id: '999' }),
      sdk.SubscriptionNotFoundError,
      ['SubscriptionNotFoundError', 'NOT_FOUND', 404, 'There is no subscription with the id "999".'],
    ],
    [
      'a broken rule of subscribing',
      () => kana().subscriptions.create({ packageIds: ['seats'], userId: '124' }),
      sdk.SubscriptionError,
      [
        'SubscriptionError',
        'BAD_USER_INPUT',
        400,
        'Cannot subscribe to addon. Missing live tier subscription.',
      ],
    ],
    [
      'an id that is taken',
      () => kana().users.create({ id: '124' }),
      sdk.ConflictError,
      ['UserAlreadyExistsError', 'CONFLICT', 409, 'A user with the id "124" already exists.'],
    ],
    [
      'an argument that breaks a rule',
      () => kana().users.create({ id: ' ' }),
      sdk.InputError,
      ['ValidationError', 'BAD_USER_INPUT', 400, 'input.id: must not be blank'],
    ],
    [
      'a step that the status does not allow',
      () => kana().packages.publish({ id: 'pro' }),
      sdk.InputError,
      [
        'PackageStatusError',
        'BAD_USER_INPUT',
        400,
        'The package "pro" cannot be published: it is PUBLISHED, not DRAFT.',
      ],
    ],
    [
      'a key that is not valid',
      () => connect({ apiKey: app.keys.publicTest }).features.list(),
      sdk.AuthenticationError,
      [
        'AuthenticationError',
        'UNAUTHENTICATED',
        401,
        'Unauthenticated: send a valid private key in the Authorization header.',
      ],
    ],
    [
      'a wrong path',
      () => connect({ endpoint: `${app.url}/graphq` }).features.list(),
      sdk.KanaError,
      ['KanaError', 'NOT_FOUND', 404, 'There is nothing at this path.'],
    ],
  ])('%s is a typed error', async (_, call, Kind, [name, code, status, message]) => {
    const { data, error } = await call();
    expect(data).toBeUndefined();
    expect(error).toBeInstanceOf(Kind);
    expect(error).toBeInstanceOf(Error);
    expect({ ...error, message: error?.message }).toEqual({ name, code, response: { status }, message });
  });
});

describe('a mistake in the arguments', () => {
  const kana = new KanaAdmin({ apiKey: 'none', fetch: () => Promise.reject(new Error('not to be called')) });
  const wrong = kana as unknown as Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>;

  test.each([
    ['features', 'create'],
    ['features', 'canUse'],
    ['features', 'recordUsage'],
    ['features', 'recordUsages'],
    ['packages', 'create'],
    ['users', 'create'],
    ['users', 'update'],
  ])('without any, %s.%s answers an error', async (resource, method) => {
    expect(await wrong[resource]?.[method]?.()).toEqual({ error: expect.any(sdk.KanaError) });
  });

  test.each([
    ['not a number', Number.NaN, 'limit: is NaN'],
    ['infinite', Number.POSITIVE_INFINITY, 'limit: is Infinity'],
  ])('a number that is %s is refused, as JSON would make it null', async (_, limit, message) => {
    const entitlement = { limit, resetPeriod: 'MONTH' as const };
    const { error } = await kana.packages.create({ id: 'p', features: { id: 'f', entitlement } });
    expect(error).toBeInstanceOf(sdk.InputError);
    expect(error?.message).toBe(message);
  });

  test('a date that is none is refused, as JSON would make it null', async () => {
    const { error } = await kana.features.recordUsage({ ...usage, timestamp: new Date('never') });
    expect(error?.message).toBe('timestamp: is Invalid Date');
  });

  test('text of an amount that the feature does not take is left to the server to refuse', async () => {
    const { error } = await connect().features.recordUsage({ ...usage, delta: '1.5' });
    expect(error).toBeInstanceOf(sdk.InputError);
    expect(error?.message).toContain('input.delta: must be a whole number');
  });

  test('without a key there is no client', () => {
    expect(() => new KanaAdmin({ apiKey: '' })).toThrow(new TypeError('"apiKey" cannot be empty'));
    expect(() => new KanaAdmin({ apiKey: 'prv_test_…' })).toThrow('"apiKey" has a character that no key has');
  });

  const wrongNumbers = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '100', null];
  test.each(
    Object.entries({ flushAt: 1, flushInterval: 1, maxBuffered: 1, timeoutMs: 0 }).flatMap(
      ([option, least]) => [least - 1, ...wrongNumbers].map((value) => [option, value, least] as const),
    ),
  )('there is no client with %s: %p', (option, value, least) => {
    const options = { apiKey: 'any', [option]: value } as KanaAdminOptions;
    const message = `"${option}" must be a whole number from ${least} to 2147483647`;
    expect(() => new KanaAdmin(options)).toThrow(new TypeError(message));
    expect(() => new KanaAdmin({ ...options, [option]: least })).not.toThrow();
    expect(() => new KanaAdmin({ ...options, [option]: undefined })).not.toThrow();
  });
});

describe('without an answer', () => {
  /** Answers as each entry says, the last one for ever; counts the calls. */
  function answers(...replies: (() => Promise<Response>)[]) {
    return jest.fn<typeof fetch>(() => {
      const reply = replies.length > 1 ? replies.shift() : replies[0];
      return reply?.() ?? Promise.reject(new Error('no reply'));
    });
  }
  const broken = () => Promise.reject(new TypeError('fetch failed'));
  const gateway = async () => new Response('<h1>Bad Gateway</h1>', { status: 502 });
  const jsonGateway = async () => Response.json({ message: 'no upstream' }, { status: 503 });
  const fine = async () => Response.json({ data: { features: [] } });

  test('a call is sent at most three times, at once, and then answers a NetworkError', async () => {
    const fetch = answers(broken);
    const { error } = await connect({ fetch }).features.list();
    expect(error).toBeInstanceOf(sdk.NetworkError);
    expect(error?.message).toBe(`${app.url}/graphql cannot be reached.`);
    expect(error?.cause).toEqual(new TypeError('fetch failed'));
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  test.each([
    ['a broken connection', broken],
    ['a page of a gateway', gateway],
    ['JSON of a gateway', jsonGateway],
  ])('%s is made good by the next attempt', async (_, reply) => {
    const onError = jest.fn<() => void>();
    const kana = connect({ fetch: answers(reply, reply, fine), onError });
    expect(await kana.features.list()).toEqual({ data: [] });
    expect(onError).not.toHaveBeenCalled();
  });

  test('an error of the server is not sent again', async () => {
    const fetch = jest.fn(globalThis.fetch);
    await connect({ fetch }).users.retrieve({ id: 'nobody' });
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  describe.each([
    ['OVERLOADED', 503],
    ['RATE_LIMITED', 429],
    ['SERVICE_UNAVAILABLE', 503],
  ])('%s', (code, status) => {
    const busy = async () =>
      Response.json(
        { errors: [{ message: 'Try again.', extensions: { code } }] },
        { status, headers: { 'Retry-After': '0.05' } },
      );

    test('is made good by a later attempt, when the server wishes', async () => {
      const waits = jest.spyOn(globalThis, 'setTimeout');
      expect(await connect({ fetch: answers(busy, busy, fine) }).features.list()).toEqual({ data: [] });
      expect(waits.mock.calls.map(([, delay]) => delay).filter((delay) => delay === 50)).toHaveLength(2);
      waits.mockRestore();
    });

    test('is an UnavailableError when it lasts', async () => {
      const fetch = answers(busy);
      const { error } = await connect({ fetch }).features.list();
      expect(error).toBeInstanceOf(sdk.UnavailableError);
      expect(error).toMatchObject({ name: 'UnavailableError', code, response: { status }, retryAfterMs: 50 });
      expect(fetch).toHaveBeenCalledTimes(3);
    });
  });

  test('a server with more to do than it can is asked again a second later', async () => {
    const full = await startTestApp({ capacity: 0 });
    const retry = jest.fn<(error: Error, retryNumber: number) => boolean>(() => false);
    const options = { apiKey: full.keys.test, endpoint: `${full.url}/graphql`, retry };
    const { error } = await new KanaAdmin(options).features.list();
    await full.close();
    expect(error).toMatchObject({ name: 'UnavailableError', code: 'OVERLOADED', retryAfterMs: 1_000 });
    expect(retry.mock.calls).toEqual([[error, 1]]);
  });

  test('retry decides, told the error and the number of the repeat; it may take its time', async () => {
    const retry = jest.fn(async (error: Error, retryNumber: number) => {
      await sleep(1);
      return error instanceof sdk.NetworkError && retryNumber < 5;
    });
    const fetch = answers(broken);
    await connect({ fetch, retry }).features.list();
    expect(fetch).toHaveBeenCalledTimes(5);
    expect(retry.mock.calls.map(([, retryNumber]) => retryNumber)).toEqual([1, 2, 3, 4, 5]);
  });

  test('onError gets every error that a call answers with, once', async () => {
    const onError = jest.fn<(error: Error) => Promise<void>>(async () => undefined);
    const { error } = await connect({ fetch: answers(broken), onError }).features.list();
    expect(onError.mock.calls).toEqual([[error]]);
  });

  test('callbacks that throw change nothing', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    const { error } = await connect({ fetch: answers(broken), onError: boom, retry: boom }).features.list();
    expect(error).toBeInstanceOf(sdk.NetworkError);
  });

  test('a server that does not answer in time is a TimeoutError, which is a NetworkError', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => silent.once('listening', listening));
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/graphql`;
    const fetch = jest.fn(globalThis.fetch);

    const { error } = await new KanaAdmin({ apiKey: 'any', endpoint, timeoutMs: 30, fetch }).features.list();
    silent.closeAllConnections();
    await new Promise((closed) => silent.close(closed));

    expect(error).toBeInstanceOf(sdk.TimeoutError);
    expect(error).toBeInstanceOf(sdk.NetworkError);
    expect(error?.message).toBe(`${endpoint} did not answer within 30 ms.`);
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  test('an answer that is lost does not count twice: the repeat carries the same idempotency key', async () => {
    const losing = jest.fn<typeof fetch>(async (...request) => {
      const response = await globalThis.fetch(...request);
      if (losing.mock.calls.length < 3) throw new TypeError('fetch failed');
      return response;
    });
    const kana = connect({ fetch: losing });
    expect(await kana.features.recordUsage(usage)).toEqual({
      data: { recorded: true, reason: null, duplicate: true },
    });
    expect(losing).toHaveBeenCalledTimes(3);
    expect(await app.database.prisma.usageEvent.count()).toBe(1);
  });

  test('two calls are two usages, unless the caller names them alike', async () => {
    const kana = connect();
    const before = await app.database.prisma.usageEvent.count();
    await kana.features.recordUsage(usage);
    await kana.features.recordUsage(usage);
    await kana.features.recordUsage({ ...usage, idempotencyKey: 'invoice-7' });
    await kana.features.recordUsage({ ...usage, idempotencyKey: 'invoice-7' });
    expect(await app.database.prisma.usageEvent.count()).toBe(before + 3);
  });
});

test('recordUsages answers for each usage, and tells onError of those that were refused', async () => {
  const onError = jest.fn<(error: Error) => void>();
  const { data } = await connect({ onError }).features.recordUsages([
    usage,
    { ...usage, userId: 'nobody' },
    { ...usage, delta: '2', includeEntitlement: true },
  ]);
  const recorded = { recorded: true, reason: null, duplicate: false };
  expect(data).toEqual([
    { data: recorded },
    { error: expect.any(sdk.UserNotFoundError) },
    {
      data: {
        ...recorded,
        entitlement: {
          access: false,
          reason: 'The user has no active subscription to a package with this feature.',
          consumption: null,
        },
      },
    },
  ]);
  expect(onError.mock.calls).toEqual([[data?.[1]?.error]]);
});
