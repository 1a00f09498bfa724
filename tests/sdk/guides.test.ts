import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// What the original's guides for Ruby do, which have no SDK: a plain HTTP client, and its own arithmetic.

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'api-calls' });
  await createPackage(prisma, {
    id: 'basic',
    features: [{ id: 'api-calls', limit: 50, resetPeriod: 'MONTH' }],
  });
  await createUser(prisma, { id: '124' });
  await createSubscription(prisma, { userId: '124', packageId: 'basic' });
  await createUser(prisma, { id: 'new' });
});
afterAll(() => app.close());

async function query(text: string, variables: object = {}) {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: app.keys.test },
    body: JSON.stringify({ query: text, variables }),
  });
  return response.json();
}

const getFeatureEntitlement = `query getFeatureEntitlement($id: String!, $userId: String!) {
  feature(id: $id) { type entitlement(userId: $userId) { access consumption { budget used } } } }`;
const createUsageEvent = `mutation createUsageEvent($input: CreateUsageEventInput!) {
  createUsageEvent(input: $input) }`;

test('record usage, then identify what is left: 50 granted, 49 used, so 1 may be used and 2 may not', async () => {
  const input = { userId: '124', featureId: 'api-calls', delta: 49 };
  expect(await query(createUsageEvent, { input })).toEqual({ data: { createUsageEvent: true } });

  const answer = await query(getFeatureEntitlement, { id: 'api-calls', userId: '124' });
  expect(answer).toEqual({
    data: {
      feature: { type: 'CONSUMABLE', entitlement: { access: true, consumption: { budget: 50, used: 49 } } },
    },
  });
  const { access, consumption } = answer.data.feature.entitlement;
  const usable = (amount: number) => access && consumption.budget - consumption.used >= amount;
  expect([usable(1), usable(2)]).toEqual([true, false]);
});

test('subscribe: list what can be had, then subscribe to it', async () => {
  const { data } = await query('query fetchPackages { packages { name id } }');
  expect(data).toEqual({ packages: [{ name: 'basic', id: 'basic' }] });

  const subscribe = `mutation subscribe($packageIds: [String!]!, $userId: String!) {
    subscribe(packageIds: $packageIds, userId: $userId) {
      package { id name isAddon features { name type limit } } } }`;
  const packageIds = data.packages.map(({ id }: { id: string }) => id);
  expect(await query(subscribe, { packageIds, userId: 'new' })).toEqual({
    data: {
      subscribe: [
        {
          package: {
            id: 'basic',
            name: 'basic',
            isAddon: false,
            features: [{ name: 'api-calls', type: 'CONSUMABLE', limit: 50 }],
          },
        },
      ],
    },
  });
});

test('the names that the original had withdrawn are refused by name', async () => {
  expect(await query('query fetchPlans { plans { name id } }')).toMatchObject({
    errors: [{ message: expect.stringContaining('Cannot query field "plans" on type "Query".') }],
  });
});
