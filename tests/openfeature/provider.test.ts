import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { OpenFeature, ProviderEvents } from '@openfeature/server-sdk';
import { OpenKanaProvider, type OpenKanaProviderOptions } from '../../packages/openfeature/src/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// Our provider in OpenFeature's published SDK for servers, against a server.

let app: TestApp;
/** Passes requests on, or breaks them off: what a network does. */
let proxy: Server;
let endpoint: string;
let isDown = false;
let asked = 0;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['calls', 'tokens', 'none']) await createFeature(prisma, { id });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  const features = [{ id: 'calls', limit: 10 }, 'tokens', { id: 'sso' }];
  await createPackage(prisma, { id: 'pro', features });
  for (const id of ['ada', 'bob', 'eve']) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId: 'pro' });
  }
  proxy = createServer(async (request, response) => {
    asked += 1;
    if (isDown) return request.socket.destroy();
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const headers = { authorization: `${request.headers.authorization}`, 'content-type': 'application/json' };
    const body = Buffer.concat(parts);
    const answer = await fetch(`${app.url}/graphql`, { method: 'POST', headers, body });
    return response.writeHead(answer.status).end(await answer.text());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/graphql`;
});
afterEach(() => {
  isDown = false;
  return OpenFeature.clearProviders();
});
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await app.close();
});

async function open(options: Partial<OpenKanaProviderOptions> = {}) {
  const provider = new OpenKanaProvider({ apiKey: app.keys.test, endpoint, retry: () => false, ...options });
  await OpenFeature.setProviderAndWait(provider);
  return { provider, client: OpenFeature.getClient() };
}

const ada = { targetingKey: 'ada' };
const bob = { targetingKey: 'bob' };
const eve = { targetingKey: 'eve' };

describe('a flag is a feature', () => {
  test('a boolean is the access, by the amount of the context', async () => {
    const { client } = await open();
    expect(await client.getBooleanDetails('calls', false, ada)).toMatchObject({
      ...{ value: true, variant: 'granted', reason: 'TARGETING_MATCH' },
      flagMetadata: { used: 0, budget: 10, remaining: 10, overageEnabled: false, packageId: 'pro' },
    });
    for (const [amount, access] of [
      [0, true],
      [10, true],
      [11, false],
    ] as const)
      expect(await client.getBooleanValue('calls', !access, { ...ada, amount })).toBe(access);
    expect(await client.getBooleanDetails('none', true, ada)).toMatchObject({
      value: false,
      variant: 'denied',
    });
    expect(await client.getBooleanValue('sso', false, ada)).toBe(true);
  });

  test('a number is what remains, an object the whole', async () => {
    const { client } = await open();
    expect(await client.getNumberValue('calls', -1, ada)).toBe(10);
    expect(await client.getNumberValue('none', -1, ada)).toBe(0);
    expect(await client.getNumberDetails('tokens', -1, ada)).toMatchObject({
      value: 999_999_999_999_999,
      flagMetadata: { unlimited: true },
    });
    expect(await client.getObjectValue('calls', {}, ada)).toEqual({
      access: true,
      reason: expect.any(String),
      consumption: { used: 0, budget: 10, remaining: 10, overageEnabled: false },
      packageId: 'pro',
    });
  });

  test.each([
    ['an unknown feature', 'nothing', ada, 'FLAG_NOT_FOUND'],
    ['an unknown user', 'calls', { targetingKey: 'nobody' }, 'INVALID_CONTEXT'],
    ['no user', 'calls', {}, 'TARGETING_KEY_MISSING'],
    ['an amount that is none', 'calls', { ...ada, amount: 'many' }, 'INVALID_CONTEXT'],
    ['an amount that cannot be', 'calls', { ...ada, amount: -1 }, 'INVALID_CONTEXT'],
  ])('%s is an error, and the value the default', async (_what, feature, context, errorCode) => {
    const { client } = await open();
    const details = await client.getBooleanDetails(feature, true, context);
    expect(details).toMatchObject({ value: true, reason: 'ERROR', errorCode });
  });

  test('a text is none, and of what is on or off nothing remains', async () => {
    const { client } = await open();
    for (const details of [
      await client.getStringDetails('calls', 'x', ada),
      await client.getNumberDetails('sso', 1, ada),
    ])
      expect(details).toMatchObject({ reason: 'ERROR', errorCode: 'TYPE_MISMATCH' });
  });

  test('a wrong key is fatal', async () => {
    await expect(open({ apiKey: 'prv_test_none' })).rejects.toMatchObject({ code: 'PROVIDER_FATAL' });
  });
});

describe('answers are kept', () => {
  test('for a time, and say so; those who ask at once share one', async () => {
    const { client } = await open({ cacheMs: 60_000 });
    const before = asked;
    const ask = () => client.getBooleanDetails('calls', false, ada);
    const together = await Promise.all([ask(), ask(), ask()]);
    expect(together.map(({ reason }) => reason)).toEqual(Array(3).fill('TARGETING_MATCH'));
    expect(await ask()).toMatchObject({ value: true, reason: 'CACHED' });
    expect(asked).toBe(before + 1);
    expect((await client.getBooleanDetails('calls', false, { ...ada, amount: 2 })).reason).toBe(
      'TARGETING_MATCH',
    );
  });

  test('of as many users and features as allowed', async () => {
    const { client } = await open({ cacheMs: 60_000, maxCached: 1 });
    const reasonOf = async (context: typeof ada) =>
      (await client.getBooleanDetails('calls', false, context)).reason;
    expect(await reasonOf(ada)).toBe('TARGETING_MATCH');
    expect(await reasonOf(bob)).toBe('TARGETING_MATCH');
    expect(await reasonOf(bob)).toBe('CACHED');
    expect(await reasonOf(ada)).toBe('TARGETING_MATCH');
  });

  test('and stand in while the server does not answer, and say so', async () => {
    const { client } = await open({ cacheMs: 0 });
    const events: string[] = [];
    for (const event of [ProviderEvents.Stale, ProviderEvents.Ready])
      client.addHandler(event, () => void events.push(event));
    events.length = 0;
    expect((await client.getBooleanDetails('calls', false, ada)).reason).toBe('TARGETING_MATCH');
    isDown = true;
    expect(await client.getBooleanDetails('calls', false, ada)).toMatchObject({
      value: true,
      reason: 'STALE',
    });
    expect(await client.getBooleanDetails('tokens', false, ada)).toMatchObject({
      ...{ value: false, reason: 'ERROR', errorCode: 'GENERAL' },
    });
    expect(client.providerStatus).toBe('STALE');
    isDown = false;
    expect((await client.getBooleanDetails('calls', false, ada)).reason).toBe('TARGETING_MATCH');
    expect(client.providerStatus).toBe('READY');
    expect(events).toEqual([ProviderEvents.Stale, ProviderEvents.Ready]);
  });

  test('but not for ever, and not where the server has answered', async () => {
    const { client } = await open({ cacheMs: 0, staleMs: 0 });
    await client.getBooleanDetails('calls', false, ada);
    isDown = true;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await client.getBooleanDetails('calls', false, ada)).reason).toBe('ERROR');
    isDown = false;
    await createUser(app.database.prisma, { id: 'gone' });
    const { client: second } = await open({ cacheMs: 0 });
    await second.getBooleanDetails('calls', false, { targetingKey: 'gone' });
    await app.ok('mutation { deleteUser(id: "gone") { id } }');
    const details = await second.getBooleanDetails('calls', false, { targetingKey: 'gone' });
    expect(details).toMatchObject({ reason: 'ERROR', errorCode: 'INVALID_CONTEXT' });
  });
});

describe('track records usage', () => {
  const used = async (userId: string) => {
    const query = `query ($userId: String!) { entitlements(userId: $userId, featureId: "calls") { consumption { used } } }`;
    return (await app.ok(query, { userId })).entitlements[0].consumption.used;
  };

  test('and the next evaluation knows it, whatever was kept', async () => {
    const { client } = await open({ cacheMs: 60_000, flushInterval: 60_000 });
    expect(await client.getNumberValue('calls', -1, bob)).toBe(10);
    client.track('calls', bob, { value: 3 });
    client.track('calls', bob);
    expect(await client.getNumberDetails('calls', -1, bob)).toMatchObject({
      value: 6,
      reason: 'TARGETING_MATCH',
    });
    expect((await client.getNumberDetails('calls', -1, bob)).reason).toBe('CACHED');
    client.track('calls', bob, { value: 1, idempotencyKey: 'once', note: 'of a test' });
    client.track('calls', bob, { value: 1, idempotencyKey: 'once', note: 'of a test' });
    expect(await client.getNumberValue('calls', -1, bob)).toBe(5);
    expect(await used('bob')).toBe(5);
  });

  test('also what is waiting when it closes, and what came while the server did not answer', async () => {
    const errors: string[] = [];
    const { client, provider } = await open({
      flushInterval: 60_000,
      onError: ({ name }) => void errors.push(name),
    });
    isDown = true;
    client.track('calls', eve, { value: 2 });
    expect((await provider.kana.flush()).error?.name).toBe('NetworkError');
    isDown = false;
    client.track('calls', eve, { value: 1 });
    await OpenFeature.clearProviders();
    expect(await used('eve')).toBe(3);
    expect(errors).toEqual([]);
  });

  test('and tells what it could not record', async () => {
    const { client } = await open({ onError: (error) => tell(`${error.name}: ${error.message}`) });
    let tell: (error: string) => void = () => undefined;
    const next = (action: () => void) =>
      new Promise<string>((resolve) => {
        tell = resolve;
        action();
      });
    expect(await next(() => client.track('calls', {}))).toBe(
      'TypeError: track("calls"): the targetingKey must be the id of a user.',
    );
    expect(await next(() => client.track('nothing', ada))).toMatch(/^FeatureNotFoundError: /);
  });
});
