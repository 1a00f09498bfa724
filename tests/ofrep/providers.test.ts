import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { type EvaluationContext, OpenFeature } from '@openfeature/server-sdk';
import { OpenFeature as WebOpenFeature } from '@openfeature/web-sdk';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// OpenFeature's published SDKs and OFREP providers, unmodified; and the protocol itself.

let app: TestApp;
let userToken: string;
beforeAll(async () => {
  app = await startTestApp({ clientOrigins: ['https://app.example.com'] });
  const { prisma } = app.database;
  for (const id of ['calls', 'tokens', 'none', 'überall/1']) await createFeature(prisma, { id });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, {
    id: 'pro',
    features: [
      { id: 'calls', limit: 10, resetPeriod: 'MONTH' },
      'tokens',
      { id: 'sso' },
      { id: 'überall/1', limit: 1 },
    ],
  });
  for (const id of ['ada', 'bob']) await createUser(prisma, { id });
  await createSubscription(prisma, { userId: 'ada', packageId: 'pro' });
  await app.ok(
    'mutation { recordUsage(input: { userId: "ada", featureId: "calls", delta: 4 }) { recorded } }',
  );
  userToken = (await app.ok('mutation { generateUserToken(userId: "ada") { token } }')).generateUserToken
    .token;
});
afterAll(async () => {
  await OpenFeature.close();
  await WebOpenFeature.close();
  await app.close();
});

describe('@openfeature/server-sdk with @openfeature/ofrep-provider', () => {
  const client = OpenFeature.getClient('server');
  const ada = { targetingKey: 'ada' };
  beforeAll(() =>
    OpenFeature.setProviderAndWait(
      'server',
      new OFREPProvider({ baseUrl: app.url, headers: [['Authorization', `Bearer ${app.keys.test}`]] }),
    ),
  );

  test('answers access as a boolean, with the facts as metadata', async () => {
    expect(await client.getBooleanDetails('calls', false, ada)).toMatchObject({
      value: true,
      reason: 'TARGETING_MATCH',
      variant: 'granted',
      flagMetadata: { used: 4, budget: 10, remaining: 6, overageEnabled: false, packageId: 'pro' },
    });
    expect(await client.getBooleanValue('sso', false, ada)).toBe(true);
    expect(await client.getBooleanDetails('sso', true, { targetingKey: 'bob' })).toMatchObject({
      value: false,
      variant: 'denied',
    });
  });

  test.each([
    [6, true],
    [7, false],
    [0, true],
  ])('asks about the amount in the context: %s', async (amount, access) => {
    expect(await client.getBooleanValue('calls', !access, { ...ada, amount })).toBe(access);
  });

  test('answers what remains as a number, and the whole entitlement as an object', async () => {
    expect(await client.getNumberValue('calls', -1, { ...ada, as: 'remaining' })).toBe(6);
    expect(await client.getNumberValue('none', -1, { ...ada, as: 'remaining' })).toBe(0);
    const unlimited = await client.getNumberDetails('tokens', -1, { ...ada, as: 'remaining' });
    expect([unlimited.value, unlimited.flagMetadata.unlimited]).toEqual([999_999_999_999_999, true]);
    expect(await client.getObjectValue('calls', {}, { ...ada, as: 'entitlement' })).toEqual({
      access: true,
      reason: expect.any(String),
      consumption: { used: 4, budget: 10, remaining: 6, overageEnabled: false },
      packageId: 'pro',
    });
  });

  test.each<[string, string, EvaluationContext, string]>([
    ['an unknown feature', 'nothing', ada, 'FLAG_NOT_FOUND'],
    ['no user', 'calls', {}, 'TARGETING_KEY_MISSING'],
    ['an unknown user', 'calls', { targetingKey: 'nobody' }, 'INVALID_CONTEXT'],
    ['a negative amount', 'calls', { ...ada, amount: -1 }, 'INVALID_CONTEXT'],
    ['an amount that is none', 'calls', { ...ada, amount: 'many' }, 'INVALID_CONTEXT'],
    ['an unknown kind of value', 'calls', { ...ada, as: 'percent' }, 'INVALID_CONTEXT'],
  ])('gives the default and the code of OpenFeature for %s', async (_what, key, context, errorCode) => {
    expect(await client.getBooleanDetails(key, true, context)).toMatchObject({ value: true, errorCode });
  });
});

describe('@openfeature/web-sdk with @openfeature/ofrep-web-provider', () => {
  test.each<[string, () => [string, string][]]>([
    ['a user token', () => [['Authorization', `Bearer ${userToken}`]]],
    [
      'a public key and the user',
      () => [
        ['Authorization', app.keys.publicTest],
        ['X-User-ID', 'ada'],
      ],
    ],
    ['a public key alone', () => [['X-API-Key', app.keys.publicTest]]],
  ])('answers from one request, and asks again with its ETag: %s', async (domain, headers) => {
    const statuses: number[] = [];
    const provider = new OFREPWebProvider({
      baseUrl: app.url,
      headers: headers(),
      cacheMode: 'disabled',
      changeDetection: 'none',
      fetchImplementation: async (...sent) => {
        const response = await fetch(...sent);
        statuses.push(response.status);
        return response;
      },
    });
    await WebOpenFeature.setProviderAndWait(domain, provider, { targetingKey: 'ada' });
    const client = WebOpenFeature.getClient(domain);
    expect(client.getBooleanDetails('calls', false)).toMatchObject({
      value: true,
      flagMetadata: { used: 4, budget: 10, remaining: 6, packageId: 'pro' },
    });
    expect(client.getBooleanValue('sso', false)).toBe(true);
    expect(client.getBooleanValue('none', true)).toBe(false);
    expect(client.getBooleanDetails('nothing', true)).toMatchObject({
      value: true,
      errorCode: 'FLAG_NOT_FOUND',
    });
    await WebOpenFeature.setContext(domain, { targetingKey: 'ada', theme: 'dark' });
    expect(statuses).toEqual([200, 304]);
  });
});

describe('the protocol', () => {
  const all = '/ofrep/v1/evaluate/flags';
  const post = (path: string, body: object | string = {}, headers: Record<string, string> = {}) =>
    app.http
      .post(path)
      .type('json')
      .set({ Authorization: app.keys.test, ...headers })
      .send(body);
  const ada = { context: { targetingKey: 'ada' } };

  test('tags an answer, and changes the tag when the usage changes', async () => {
    const first = await post(all, ada);
    expect(first.status).toBe(200);
    const { etag = '' } = first.headers;
    expect((await post(all, ada, { 'If-None-Match': `"other", W/${etag}` })).status).toBe(304);
    const other = { context: { targetingKey: 'bob' } };
    expect((await post(all, other, { 'If-None-Match': etag })).status).toBe(200);
    await app.ok('mutation { recordUsage(input: { userId: "ada", featureId: "tokens" }) { recorded } }');
    expect((await post(all, ada, { 'If-None-Match': etag })).status).toBe(200);
  });

  test('takes a key with characters that are percent-encoded', async () => {
    const { status, body } = await post(`${all}/${encodeURIComponent('überall/1')}`, ada);
    expect([status, body.key, body.value]).toEqual([200, 'überall/1', true]);
  });

  test.each<[string, string, object | string, number, object]>([
    ['an unknown flag', `${all}/nothing`, ada, 404, { key: 'nothing', errorCode: 'FLAG_NOT_FOUND' }],
    [
      'no targeting key',
      `${all}/calls`,
      { context: {} },
      400,
      { key: 'calls', errorCode: 'TARGETING_KEY_MISSING' },
    ],
    ['no targeting key for all', all, {}, 400, { errorCode: 'TARGETING_KEY_MISSING' }],
    ['what is not JSON', all, '{"context":', 400, { errorCode: 'PARSE_ERROR' }],
    ['a context that is none', all, { context: 'x' }, 400, { errorCode: 'PARSE_ERROR' }],
    [
      'what remains of a BINARY feature',
      `${all}/sso`,
      { context: { targetingKey: 'ada', as: 'remaining' } },
      400,
      { key: 'sso', errorCode: 'INVALID_CONTEXT' },
    ],
  ])('refuses %s', async (_what, path, sent, status, told) => {
    const answer = await post(path, sent);
    expect([answer.status, answer.body]).toEqual([
      status,
      { ...told, errorDetails: expect.stringMatching(/\.$|:/) },
    ]);
  });

  test('answers a token for its own user only', async () => {
    const own = { Authorization: `Bearer ${userToken}` };
    expect((await post(`${all}/calls`, {}, own)).body.value).toBe(true);
    const { status, body } = await post(`${all}/calls`, { context: { targetingKey: 'bob' } }, own);
    expect([status, body.errorCode]).toEqual([403, 'INVALID_CONTEXT']);
    const public_ = { Authorization: app.keys.publicTest, 'X-User-ID': 'ada' };
    expect((await post(all, { context: { targetingKey: 'bob' } }, public_)).status).toBe(403);
  });

  test.each(['', 'prv_test_wrong'])('is closed without valid credentials: "%s"', async (key) => {
    const { status, body } = await post(all, ada, { Authorization: key });
    expect([status, body.errorCode]).toEqual([401, 'GENERAL']);
    expect(body.errors[0].message).toMatch(/^Unauthenticated/);
  });

  test('lets pages of allowed origins send its headers and read the ETag', async () => {
    const origin = { Origin: 'https://app.example.com' };
    const { status, headers } = await app.http.options(all).set(origin);
    expect([status, headers['access-control-allow-origin']]).toEqual([204, origin.Origin]);
    expect(headers['access-control-allow-headers']).toContain('If-None-Match');
    const answer = await post(all, ada, origin);
    expect(answer.headers['access-control-expose-headers']).toBe('ETag');
    expect(answer.headers.vary).toContain('Origin');
  });
});
