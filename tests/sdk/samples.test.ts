import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { KanaAdmin, SubscriptionLinkError } from '../../packages/sdk/src/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// The calls that the original documents for its SDK, as they stand in its reference and guides.

let app: TestApp;
let client: KanaAdmin;

const price = { id: 'price_1', amount: 5000, currency: 'gbp', interval: 'month' };

beforeAll(async () => {
  app = await startTestApp();
  client = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  await createPackage(prisma, {
    id: 'free-plan',
    features: [{ id: 'messages', limit: 50, resetPeriod: 'MONTH' }],
    prices: [price],
  });
  await createPackage(prisma, { id: 'proactive-messaging', isAddon: true, features: ['messages'] });
  await createUser(prisma, { id: 'subscribed' });
  await createSubscription(prisma, { userId: 'subscribed', packageId: 'free-plan' });
});
afterAll(() => app.close());

const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const allowed =
  'The user has a subcription to a package with this consumable feature and either has an allowance remaining or overage is enabled.';

const messages = {
  id: 'messages',
  name: 'messages',
  type: 'CONSUMABLE',
  unitLabel: null,
  unitLabelPlural: null,
  metadata: {},
};
const facts = (id: string, isAddon = false) => ({
  id,
  name: id,
  status: 'PUBLISHED',
  metadata: {},
  isAddon,
  updatedAt: instant,
});
const freePlan = {
  ...facts('free-plan'),
  prices: [{ ...price, provider: 'STRIPE', displayAmount: '50.00' }],
};
const monthly = { resetPeriod: 'MONTH', resetEvery: 1, resetAnchor: 'SUBSCRIPTION', timeZone: null };
const granted = { ...messages, limit: 50, ...monthly, overageEnabled: false };
const left = (used: number) => ({
  used,
  budget: 50,
  overageEnabled: false,
  remaining: 50 - used,
  topUp: null,
});
const addon = { ...facts('proactive-messaging', true), prices: [] };
const unlimited = {
  ...messages,
  limit: null,
  resetPeriod: null,
  resetEvery: 1,
  resetAnchor: null,
  timeZone: null,
  overageEnabled: false,
};
const apiCalls = {
  id: 'api-calls',
  name: 'API Calls',
  type: 'CONSUMABLE' as const,
  unitLabel: 'API Call',
  unitLabelPlural: 'API Calls',
  metadata: {},
};

test('features.create', async () => {
  const { data, error } = await client.features.create({
    id: 'api-calls',
    name: 'API Calls',
    type: 'CONSUMABLE',
    unitLabel: 'API Call',
    unitLabelPlural: 'API Calls',
    metadata: {},
  });
  expect(error).toBeUndefined();
  expect(data).toEqual({ ...apiCalls, precision: 0, packages: [] });
});

test('features.update', async () => {
  const { data } = await client.features.update({
    id: 'messages',
    input: { name: 'Messages', unitLabel: 'Message', unitLabelPlural: 'Messages', metadata: {} },
  });
  const named = { ...messages, unitLabel: 'Message', unitLabelPlural: 'Messages' };
  expect(data).toEqual({
    ...named,
    precision: 0,
    name: 'Messages',
    packages: [
      { ...freePlan, features: [{ ...granted, ...named }] },
      { ...addon, features: [{ ...unlimited, ...named }] },
    ],
  });
  Object.assign(messages, named, { name: 'Messages' });
  Object.assign(granted, named);
  Object.assign(unlimited, named);
});

test('features.list', async () => {
  const { data } = await client.features.list();
  expect(data).toEqual([
    { ...messages, precision: 0, packages: [facts('free-plan'), facts('proactive-messaging', true)] },
    { ...apiCalls, precision: 0, packages: [] },
  ]);
  expect((await client.features.list({ first: 1, after: 'messages' })).data).toEqual([
    { ...apiCalls, precision: 0, packages: [] },
  ]);
});

test('features.retrieve', async () => {
  const { data } = await client.features.retrieve({ id: 'api-calls' });
  expect(data).toEqual({ ...apiCalls, precision: 0, packages: [] });
});

test('features.canUse, by featureId and by id', async () => {
  const entitlement = {
    access: true,
    reason: allowed,
    consumption: left(0),
  };
  const asReference = await client.features.canUse({ userId: 'subscribed', featureId: 'messages', delta: 1 });
  expect(asReference.data).toEqual(entitlement);
  const asGuide = await client.features.canUse({ userId: 'subscribed', id: 'messages' });
  expect(asGuide.data).toEqual(entitlement);
  const tooMuch = await client.features.canUse({ userId: 'subscribed', featureId: 'messages', delta: 51 });
  expect(tooMuch.data?.access).toBe(false);
});

test('features.recordUsage, with a number and with text', async () => {
  const recorded = { recorded: true, reason: null, duplicate: false };
  const usage = { userId: 'subscribed', featureId: 'messages' };
  expect((await client.features.recordUsage({ ...usage, delta: 3 })).data).toEqual(recorded);
  expect((await client.features.recordUsage({ ...usage, delta: '1' })).data).toEqual(recorded);
  expect((await client.features.recordUsage(usage)).data).toEqual(recorded);
  expect((await client.features.recordUsage({ ...usage, delta: 40, action: 'SET' })).data).toEqual(recorded);
  expect((await client.features.recordUsage({ ...usage, delta: -2, includeEntitlement: true })).data).toEqual(
    {
      ...recorded,
      entitlement: {
        access: true,
        reason: allowed,
        consumption: left(38),
      },
    },
  );
});

test('features.showUsage', async () => {
  const { data } = await client.features.showUsage({ userId: 'subscribed', featureId: 'messages' });
  expect(data).toEqual({
    current: {
      periodStart: instant,
      periodEnd: instant,
      consumption: left(38),
    },
    past: [],
  });
});

test('packages.create, with one feature and as input', async () => {
  const grant = { limit: 1000, resetPeriod: 'MONTH' as const, overageEnabled: false };
  const { data } = await client.packages.create({
    id: 'pro-plan',
    name: 'Pro Plan',
    isAddon: false,
    metadata: {},
    features: { id: 'api-calls', entitlement: grant },
  });
  expect(data).toEqual({
    ...facts('pro-plan'),
    name: 'Pro Plan',
    status: 'DRAFT',
    prices: [],
    features: [{ ...apiCalls, ...grant, ...monthly }],
  });
  const asInput = await client.packages.create({ input: { id: 'bare', features: [] } });
  expect(asInput.data).toEqual({ ...facts('bare'), status: 'DRAFT', prices: [], features: [] });
});

test('packages.update', async () => {
  const { data } = await client.packages.update({ id: 'bare', input: { metadata: { tier: 1 } } });
  expect(data).toEqual({
    ...facts('bare'),
    status: 'DRAFT',
    metadata: { tier: 1 },
    prices: [],
    features: [],
  });
});

test('packages.retrieve, without features unless they are asked for', async () => {
  expect((await client.packages.retrieve({ id: 'free-plan' })).data).toEqual(freePlan);
  const whole = await client.packages.retrieve({ id: 'free-plan', includeFeatures: true });
  expect(whole.data?.features).toEqual([granted]);
});

test('packages.list, of one status or all, without features unless they are asked for', async () => {
  expect((await client.packages.list()).data).toEqual([freePlan, addon]);
  const whole = await client.packages.list({ includeFeatures: true });
  expect(whole.data?.map(({ features }) => features)).toEqual([[granted], [unlimited]]);
  const drafts = await client.packages.list({ status: 'DRAFT' });
  expect(drafts.data?.map(({ id }) => id)).toEqual(['pro-plan', 'bare']);
  expect((await client.packages.list({ status: 'ALL', first: 3 })).data).toHaveLength(3);
});

test('packages.publish and packages.archive', async () => {
  expect((await client.packages.publish({ id: 'pro-plan' })).data?.status).toBe('PUBLISHED');
  expect((await client.packages.archive({ id: 'bare' })).data?.status).toBe('ARCHIVED');
});

test('users.create, alone and as input', async () => {
  const user = {
    id: '124',
    billingId: 'cus_883y74hdjjdjdnd',
    name: 'Test User',
    email: 'test@usekana.com',
  };
  expect((await client.users.create(user)).data).toEqual({ ...user, metadata: {} });
  const input = { id: '126', email: 'a@b.example', name: 'Other', billingId: 'cus_2' };
  expect((await client.users.create({ input })).data).toEqual({ ...input, metadata: {} });
});

test('users.update, by position and by name', async () => {
  const user = { billingId: 'cus_883y74hdjjdjdnd', email: 'test@usekana.com', metadata: {} };
  const { data } = await client.users.update('124', { id: '125', name: 'Updated User' });
  expect(data).toEqual({ ...user, id: '125', name: 'Updated User' });
  const back = await client.users.update({ id: '125', input: { id: '124', name: 'Test User' } });
  expect(back.data).toEqual({ ...user, id: '124', name: 'Test User' });
  const kept = await client.users.update('124', { name: 'Kept Id' });
  expect(kept.data).toEqual({ ...user, id: '124', name: 'Kept Id' });
});

test('users.retrieve', async () => {
  expect((await client.users.retrieve({ id: '126' })).data).toEqual({
    id: '126',
    email: 'a@b.example',
    name: 'Other',
    billingId: 'cus_2',
    metadata: {},
  });
});

test('users.list, and users() itself', async () => {
  const ids = ['subscribed', '124', '126'];
  expect((await client.users.list()).data?.map(({ id }) => id)).toEqual(ids);
  expect((await client.users()).data?.map(({ id }) => id)).toEqual(ids);
  expect((await client.users({ first: 1 })).data?.map(({ id }) => id)).toEqual(['subscribed']);
});

test('users.generateToken', async () => {
  const { data } = await client.users.generateToken({ userId: '124' });
  expect(data).toEqual({ token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) });
});

test('users.entitlements', async () => {
  const { data } = await client.users.entitlements({ userId: 'subscribed', featureId: 'messages' });
  expect(data).toEqual([
    {
      access: true,
      reason: allowed,
      consumption: left(38),
      feature: { ...messages, precision: 0 },
      subscription: expect.objectContaining({ userId: 'subscribed', status: 'ACTIVE' }),
      grant: null,
    },
  ]);
});

test('subscriptions: create, retrieve, list, changePackage, cancel', async () => {
  const packageIds = ['free-plan', 'proactive-messaging'];
  const held = (packageFacts: object) => ({
    id: expect.any(String),
    userId: '124',
    status: 'ACTIVE',
    startedAt: instant,
    endedAt: null,
    cancelsAt: null,
    trialEnd: null,
    package: packageFacts,
  });
  const both = [held({ ...freePlan, features: [granted] }), held({ ...addon, features: [unlimited] })];
  const { data } = await client.subscriptions.create({ packageIds: packageIds, userId: '124' });
  expect(data).toEqual(both);

  const id = data?.[0]?.id ?? '';
  expect((await client.subscriptions.retrieve({ id })).data).toEqual(both[0]);
  expect((await client.subscriptions.list({ userId: '124' })).data).toEqual(both);
  expect((await client.subscriptions.list()).data).toHaveLength(3);

  const changed = await client.subscriptions.changePackage({ userId: '124', packageId: 'pro-plan' });
  expect(changed.data).toEqual({
    subscription: expect.objectContaining({ status: 'ACTIVE', userId: '124' }),
    replaced: expect.objectContaining({ id, status: 'CANCELLED' }),
    cancelledAddons: [],
  });
  const cancelled = await client.subscriptions.cancel({ id: changed.data?.subscription.id ?? '' });
  expect(cancelled.data?.status).toBe('CANCELLED');
});

test('payments.generateLink answers that links are made from templates', async () => {
  const { data, error } = await client.payments.generateLink({ packageIds: ['124'] });
  expect(data).toBeUndefined();
  expect(error).toBeInstanceOf(SubscriptionLinkError);
});

test('request sends any operation', async () => {
  const { data } = await client.request<{ feature: { name: string } }>(
    'query ($id: String!) { feature(id: $id) { name } }',
    { id: 'api-calls' },
  );
  expect(data).toEqual({ feature: { name: 'API Calls' } });
});
