import type { TestApp } from '../helpers/app.ts';

// What the examples of the original's documentation have in common. Each is sent twice: once as the cURL
// examples do, once as the Ruby guide does; in an environment of its own, because many can be sent only once.

export interface Way {
  name: string;
  environment: 'test' | 'live';
  variables: (given: object) => unknown;
  authorization: (key: string) => string;
}

export const ways: Way[] = [
  {
    name: 'with its variables in a string, the key alone',
    environment: 'test',
    variables: (given) => JSON.stringify(given),
    authorization: (key) => key,
  },
  {
    name: 'with its variables in an object, the key after Bearer',
    environment: 'live',
    variables: (given) => given,
    authorization: (key) => `Bearer ${key}`,
  },
];

/** Sends an example; it answers 200, whatever the outcome. */
export async function send(app: TestApp, way: Way, query: string, variables?: object) {
  const { status, body } = await app.http
    .post('/graphql')
    .set('Authorization', way.authorization(app.keys[way.environment]))
    .send({ query, variables: variables && way.variables(variables) });
  if (status !== 200) throw new Error(`${query}\nanswered ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Empties both environments between examples, whose states contradict each other. */
export async function forgetEverything({ database: { prisma } }: TestApp) {
  await prisma.$executeRaw`
    TRUNCATE usage_counter, usage_event, usage_key, subscription, "user", package_price, package_base,
             package_feature, package, feature RESTART IDENTITY CASCADE`;
}

export const packageFields = `
    id
    name
    status
    metadata
    features {
      id
      name
      limit
      type
      unitLabel
      unitLabelPlural
      metadata
    }
    prices {
      id
      provider
      amount
      displayAmount
      currency
      interval
    }
    isAddon
    updatedAt`;

export interface Feature {
  id: string;
  name: string;
  type: 'BINARY' | 'CONSUMABLE';
  unitLabel: string;
  unitLabelPlural: string;
  metadata: object;
}

export interface Package {
  id: string;
  name: string;
  status: 'DRAFT' | 'PUBLISHED';
  metadata: object;
  features: (Feature & { limit: number })[];
  prices: (Omit<typeof price, 'interval'> & { interval: string | null })[];
  isAddon: boolean;
  updatedAt: string;
}

export const price = {
  id: 'price_1L7NHvIiEnRX8aivoxbSWREF',
  provider: 'STRIPE',
  amount: 5000,
  displayAmount: '50.00',
  currency: 'gbp',
  interval: 'month',
};

export const apiCalls: Feature = {
  id: 'api-calls',
  name: 'API Calls',
  type: 'CONSUMABLE',
  unitLabel: 'API Call',
  unitLabelPlural: 'API Calls',
  metadata: {},
};

export const messages: Feature = {
  id: 'messages',
  name: 'Messages',
  type: 'CONSUMABLE',
  unitLabel: 'Message',
  unitLabelPlural: 'Messages',
  metadata: {},
};

/**
 * A package as most examples show it; `facts` says what is different. They print a limit as a string, against
 * their own table of types, by which it is an Int: that is what is answered.
 */
export function packageOf(facts: Pick<Package, 'id' | 'name' | 'updatedAt'> & Partial<Package>): Package {
  return {
    status: 'PUBLISHED',
    metadata: {},
    features: [{ ...apiCalls, limit: 1000 }],
    prices: [price],
    isAddon: false,
    ...facts,
  };
}

/** Puts packages, and the features that they contain, into the environment, in this order. */
export async function install(app: TestApp, way: Way, features: Feature[], packages: Package[] = []) {
  const { prisma } = app.database;
  const environmentId = way.environment;
  const createdAt = (place: number) => new Date(Date.UTC(2021, 10, 1, 0, place));
  for (const [place, feature] of features.entries())
    await prisma.feature.create({ data: { ...feature, environmentId, createdAt: createdAt(place) } });
  for (const [place, { features: contained, prices, ...facts }] of packages.entries())
    await prisma.package.create({
      data: {
        ...facts,
        environmentId,
        createdAt: createdAt(place),
        features: {
          create: contained.map(({ id, name, limit }, position) => ({
            featureId: id,
            name,
            limit,
            position,
            resetPeriod: 'MONTH' as const,
          })),
        },
        prices: { create: prices.map(({ displayAmount: _computed, ...stored }) => stored) },
      },
    });
}

export const testUser = {
  id: '124',
  billingId: 'cus_Lp1bSKob4laHDD',
  name: 'Test User',
  email: 'test@usekana.com',
  metadata: {},
};
