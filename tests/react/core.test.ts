import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import {
  createFormat,
  createKana,
  english,
  fetchPackages,
  fetchUserData,
  type KanaError,
  type State,
  type UserData,
} from '../../packages/react/src/core/index.ts';
import { packagesOperation, userOperation } from '../../packages/react/src/core/operations.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription } from '../helpers/factories.ts';

// The part without React, as Vue, Svelte and plain pages use it, against a server.

let app: TestApp;
let userToken: string;
/** Passes requests on, or fails as it is told: what a network does. */
let proxy: Server;
let endpoint: string;
let failing: 'no' | 'cut' | 'html' | 'busy' = 'no';
const asked: string[] = [];

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await prisma.feature.create({
    data: {
      environmentId: 'test',
      id: 'calls',
      name: 'Calls',
      type: 'CONSUMABLE',
      unitLabel: 'call',
      unitLabelPlural: 'calls',
    },
  });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  const price = { id: 'p', amount: 1950, currency: 'eur', interval: 'month' };
  await createPackage(prisma, { id: 'free', features: [{ id: 'calls', limit: 10, resetPeriod: 'MONTH' }] });
  await createPackage(prisma, {
    id: 'pro',
    features: [{ id: 'calls', limit: 1000 }, { id: 'sso' }],
    prices: [price],
  });
  await prisma.user.create({ data: { environmentId: 'test', id: 'ada', name: 'Ada' } });
  await createSubscription(prisma, { userId: 'ada', packageId: 'free' });
  userToken = (await app.ok('mutation { generateUserToken(userId: "ada") { token } }')).generateUserToken
    .token;
  proxy = createServer(async (request, response) => {
    asked.push(`${request.headers.authorization}`);
    if (failing === 'cut') return request.socket.destroy();
    if (failing === 'html') return response.writeHead(502).end('<html>');
    if (failing === 'busy')
      return response
        .writeHead(503, { 'Retry-After': '1' })
        .end('{"errors":[{"message":"busy","extensions":{"code":"OVERLOADED"}}]}');
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const { authorization = '', 'x-user-id': user = '' } = request.headers;
    const answer = await fetch(`${app.url}/client/graphql`, {
      method: 'POST',
      headers: { authorization, 'x-user-id': `${user}`, 'content-type': 'application/json' },
      body: Buffer.concat(parts),
    });
    return response.writeHead(answer.status).end(await answer.text());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/client/graphql`;
});
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await app.close();
});

const record = (delta: number) =>
  app.ok(
    'mutation ($delta: Amount) { recordUsage(input: { userId: "ada", featureId: "calls", delta: $delta }) { recorded } }',
    { delta },
  );

test.each([userOperation, packagesOperation])('the client API has what is asked for', (operation) => {
  const schema = buildSchema(readFileSync('schema.client.graphql', 'utf8'));
  expect(validate(schema, parse(operation))).toEqual([]);
});

test('before anything is read, access is the fallback', () => {
  const kana = createKana({ endpoint, userToken });
  expect(kana.entitlement('calls')).toMatchObject({ status: 'loading', access: false, remaining: 0 });
  expect(kana.entitlement('calls', { fallback: true }).access).toBe(true);
});

test('what a user may use, and what is left; a refresh tells what was recorded before it', async () => {
  const kana = createKana({ endpoint, userToken, refreshMs: 0 });
  await kana.refresh();
  expect(kana.user.getState().data).toMatchObject({
    user: { id: 'ada', name: 'Ada', email: null },
    subscriptions: [{ packageId: 'free', status: 'ACTIVE', isAddon: false }],
  });
  expect(kana.entitlement('calls')).toMatchObject({
    status: 'ready',
    access: true,
    used: 0,
    budget: 10,
    remaining: 10,
    resetsAt: expect.any(String),
  });
  expect(kana.entitlement('sso')).toMatchObject({ access: false, entitlement: null });
  // One that has begun before the usage is recorded does not do.
  const early = kana.refresh();
  await record(9);
  await kana.refresh();
  await early;
  expect(kana.entitlement('calls')).toMatchObject({ access: true, used: 9, remaining: 1 });
  for (const [amount, access] of [
    [0, true],
    [1, true],
    [2, false],
  ] as const)
    expect(kana.entitlement('calls', { amount }).access).toBe(access);
  await record(-9);
});

/** The first state of a resource that is as expected. */
const until = <Data extends object>(
  { subscribe }: { subscribe(listener: (state: State<Data>) => void): () => void },
  is: (state: State<Data>) => boolean,
) =>
  new Promise<State<Data>>((resolve) => {
    const end = subscribe((state) => {
      if (!is(state)) return;
      resolve(state);
      queueMicrotask(() => end());
    });
  });

test('while somebody listens, it is read again and again; then no more', async () => {
  const kana = createKana({ endpoint, userToken, refreshMs: 20 });
  const heard: State<UserData>[] = [];
  const end = kana.user.subscribe((state) => heard.push(state));
  expect(heard).toMatchObject([{ status: 'loading' }]);
  await until(kana.user, ({ status }) => status === 'ready');
  await record(1);
  await until(kana.user, ({ data }) => data?.entitlements[0]?.consumption?.used === 1);
  end();
  await record(-1);
  const reads = asked.length;
  await kana.packages.refresh();
  expect(asked.length).toBe(reads + 1);
});

describe('where reading fails', () => {
  test.each([
    ['cut', { name: 'NetworkError', status: undefined }],
    ['html', { name: 'NetworkError', status: 502 }],
    ['busy', { name: 'OVERLOADED', status: 503, retryAfterMs: 1_000 }],
  ] as const)('what was read before is kept, and it is told: %s', async (how, error) => {
    const errors: KanaError[] = [];
    const kana = createKana({ endpoint, userToken, refreshMs: 0, onError: (each) => errors.push(each) });
    failing = how;
    await kana.refresh();
    expect(kana.user.getState()).toMatchObject({ status: 'error', data: null, error });
    expect(kana.entitlement('calls', { fallback: true }).access).toBe(true);
    failing = 'no';
    await kana.refresh();
    failing = how;
    await kana.refresh();
    failing = 'no';
    expect(kana.user.getState()).toMatchObject({ status: 'stale', data: { user: { id: 'ada' } }, error });
    expect(kana.entitlement('calls')).toMatchObject({ status: 'stale', access: true });
    expect(errors).toHaveLength(2);
    await kana.refresh();
    expect(kana.user.getState().status).toBe('ready');
  });

  test.each<[string, Parameters<typeof createKana>[0], string]>([
    ['a token that is none', { userToken: 'none' }, 'AuthenticationError'],
    ['a function that fails', { userToken: () => Promise.reject(new Error('signed out')) }, 'TokenError'],
    ['a user who is none', { publicKey: 'PUBLIC', userId: 'nobody' }, 'UserNotFoundError'],
    ['no credentials', {}, 'ConfigurationError'],
    ['a server that does not answer in time', { userToken: 'x', timeoutMs: 1 }, 'TimeoutError'],
  ])('it says why: %s', async (_what, options, name) => {
    const { publicKey, ...rest } = options;
    const key = publicKey === undefined ? {} : { publicKey: app.keys.publicTest };
    const slow = options.timeoutMs === undefined ? {} : { fetch: hanging };
    const kana = createKana({ endpoint, ...rest, ...key, ...slow });
    await kana.refresh();
    expect(kana.user.getState().error?.name).toBe(name);
  });

  /** A server that accepts and says nothing. */
  const hanging: typeof fetch = (_url, init) =>
    new Promise((_resolve, reject) =>
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
    );
});

test('a function gives the token of each request; a public key names a user', async () => {
  let count = 0;
  const read = async () => {
    count += 1;
    return userToken;
  };
  const kana = createKana({ endpoint, userToken: read });
  await kana.refresh();
  await kana.refresh();
  expect(count).toBe(2);
  const open = createKana({ endpoint, publicKey: app.keys.publicTest, userId: 'ada' });
  await open.refresh();
  expect(open.entitlement('calls').access).toBe(true);
});

test('a server reads for its page, which starts with what the server knew', async () => {
  const read = { endpoint: `${app.url}/client/graphql`, publicKey: app.keys.publicTest, userId: 'ada' };
  const initialUser = JSON.parse(JSON.stringify(await fetchUserData(read)));
  const initialPackages = await fetchPackages(read);
  const kana = createKana({ endpoint, userToken, initialUser, initialPackages });
  expect(kana.entitlement('calls')).toMatchObject({ status: 'ready', access: true });
  const reads = asked.length;
  kana.user.subscribe(() => undefined)();
  expect(asked.length).toBe(reads);
  expect(kana.packages.getState().data?.map(({ id }) => id)).toEqual(['free', 'pro']);
});

test('words for people, in a language', async () => {
  const packages = await fetchPackages({ endpoint, userToken });
  const [free, pro] = packages;
  const features = (locale: string) =>
    [free, pro].flatMap(
      (each) => each?.packageFeatures.map((feature) => english.feature(feature, createFormat(locale))) ?? [],
    );
  expect(features('en')).toEqual(['10 calls per month', '1,000 calls', 'sso']);
  const [price] = pro?.prices ?? [];
  if (price === undefined) throw new Error('there is no price');
  expect(english.price(price, createFormat('en'))).toBe('€19.50 per month');
  expect(createFormat('de').money(price).replace(/\s/, ' ')).toBe('19,50 €');
});
