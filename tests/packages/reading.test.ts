import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { invalidInput, packageNotFound } from '../helpers/errors.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.hot.query('truncate feature, package cascade');
});

const fields = `
  id name status metadata isAddon updatedAt
  features { id name limit type unitLabel unitLabelPlural metadata }
  prices { id provider amount displayAmount currency interval }`;
const list =
  'query ($status: String, $withStatus: PackageStatus, $first: Int, $after: String) { packages(status: $status, withStatus: $withStatus, first: $first, after: $after) { id } }';

const anInstant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const db = () => app.database.prisma;

async function createApiCalls() {
  const units = { unitLabel: 'API Call', unitLabelPlural: 'API Calls' };
  await db().feature.create({
    data: { environmentId: 'test', id: 'api-calls', name: 'API Calls', type: 'CONSUMABLE', ...units },
  });
}

describe('package', () => {
  it('answers what it is, contains and costs', async () => {
    await createApiCalls();
    await createPackage(db(), {
      id: 'pro-plan',
      features: [{ id: 'api-calls', limit: 1000, resetPeriod: 'MONTH' }],
      prices: [{ id: 'price_1', amount: 5000, currency: 'gbp', interval: 'month' }],
    });
    const read = `query retrievePackage($id: String!) { package(id: $id, includeFeatures: true) { ${fields} } }`;
    expect(await app.ok(read, { id: 'pro-plan' })).toEqual({
      package: {
        id: 'pro-plan',
        name: 'pro-plan',
        status: 'PUBLISHED',
        metadata: {},
        features: [
          {
            id: 'api-calls',
            name: 'api-calls',
            limit: 1000,
            type: 'CONSUMABLE',
            unitLabel: 'API Call',
            unitLabelPlural: 'API Calls',
            metadata: {},
          },
        ],
        prices: [
          {
            id: 'price_1',
            provider: 'STRIPE',
            amount: 5000,
            displayAmount: '50.00',
            currency: 'gbp',
            interval: 'month',
          },
        ],
        isAddon: false,
        updatedAt: anInstant,
      },
    });
  });

  it('is not found by an unknown id, nor by one of the other environment', async () => {
    await createPackage(db(), { id: 'pro' }, { in: 'live' });
    const read = 'query ($id: String!) { package(id: $id) { id } }';
    expect(await app.fails(read, { id: 'pro' })).toMatchObject(packageNotFound('pro'));
    expect(await app.ok(read, { id: 'pro' }, app.keys.live)).toEqual({ package: { id: 'pro' } });
    expect(await app.fails(read, { id: '' })).toMatchObject(invalidInput('id: must not be blank'));
  });
});

describe('packages', () => {
  const ids = async (variables: object) =>
    (await app.ok(list, variables)).packages.map((found: { id: string }) => found.id);

  beforeEach(async () => {
    const createdAt = (second: number) => new Date(Date.UTC(2022, 0, 1, 0, 0, second));
    const rows = [
      { id: 'e', status: 'PUBLISHED', createdAt: createdAt(1) },
      { id: 'd', status: 'DRAFT', createdAt: createdAt(2) },
      { id: 'b', status: 'PUBLISHED', createdAt: createdAt(3) },
      { id: 'c', status: 'ARCHIVED', createdAt: createdAt(3) },
      { id: 'a', status: 'PUBLISHED', createdAt: createdAt(3) },
    ] as const;
    await db().package.createMany({
      data: rows.map((row) => ({ ...row, name: row.id, environmentId: 'test' })),
    });
    await createPackage(db(), { id: 'elsewhere' }, { in: 'live' });
  });

  it.each([
    ['PUBLISHED without a status', {}, ['e', 'a', 'b']],
    ['PUBLISHED with null', { status: null }, ['e', 'a', 'b']],
    ['PUBLISHED', { status: 'PUBLISHED' }, ['e', 'a', 'b']],
    ['DRAFT', { status: 'DRAFT' }, ['d']],
    ['ARCHIVED', { status: 'ARCHIVED' }, ['c']],
    ['ALL', { status: 'ALL' }, ['e', 'd', 'a', 'b', 'c']],
    ['DRAFT, by the enum', { withStatus: 'DRAFT' }, ['d']],
    ['ALL, by the enum', { withStatus: 'ALL' }, ['e', 'd', 'a', 'b', 'c']],
  ])('lists %s, the oldest first, then by id', async (_case, variables, expected) => {
    expect(await ids(variables)).toEqual(expected);
  });

  it('pages within a status, from a package of any status on', async () => {
    expect(await ids({ first: 2 })).toEqual(['e', 'a']);
    expect(await ids({ first: 2, after: 'a' })).toEqual(['b']);
    expect(await ids({ first: 2, after: 'd' })).toEqual(['a', 'b']);
    expect(await ids({ status: 'ALL', first: 3, after: 'e' })).toEqual(['d', 'a', 'b']);
    expect(await ids({ status: 'ALL', after: 'c' })).toEqual([]);
  });

  it.each([
    ['an unknown status', { status: 'published' }, 'status: must be one of ARCHIVED, DRAFT, PUBLISHED, ALL'],
    [
      'a status by both arguments',
      { status: 'DRAFT', withStatus: 'DRAFT' },
      'withStatus: cannot be combined with status',
    ],
    ['a page of nothing', { first: 0 }, 'first: must be at least 1'],
    ['a page that is too large', { first: 1001 }, 'first: must be at most 1000'],
    [
      'a place that does not exist',
      { after: 'elsewhere' },
      'after: there is no item with the id "elsewhere"',
    ],
  ])('refuses %s', async (_case, variables, problem) => {
    expect(await app.fails(list, variables)).toMatchObject(invalidInput(problem));
  });

  it('accepts includeFeatures and ignores it', async () => {
    const query = '{ packages(includeFeatures: false) { id features { id } } }';
    expect((await app.ok(query)).packages[0]).toEqual({ id: 'e', features: [] });
  });
});

describe('reading many packages', () => {
  async function fill(from: number, to: number) {
    const prices = [{ id: 'price', amount: 1, currency: 'gbp' }];
    const indexes = Array.from({ length: to - from }, (_, offset) => from + offset);
    await Promise.all(
      indexes.map(async (index) => {
        await createPackage(db(), { id: `base-${index}`, features: ['calls', 'sso'], prices });
        const bases = [`base-${index}`];
        await createPackage(db(), {
          id: `addon-${index}`,
          isAddon: true,
          bases,
          features: ['calls'],
          prices,
        });
      }),
    );
  }

  it.each([
    ['packages', `{ packages { ${fields} basePackages { ${fields} } addons { ${fields} } } }`],
    [
      'the packages of features',
      `{ features { id packages { ${fields} basePackages { id features { type } } } } }`,
    ],
  ])('takes as many statements for 100 %s as for 2', async (_case, query) => {
    await createFeature(db(), { id: 'calls' });
    await createFeature(db(), { id: 'sso', type: 'BINARY' });
    await fill(0, 1);
    const few = await statementsOf(() => app.ok(query));
    await fill(1, 50);
    const many = await statementsOf(() => app.ok(query));
    expect(few.length).toBeGreaterThan(0);
    expect(many).toHaveLength(few.length);
  });

  it('answers the packages of a feature, of every status, the oldest first', async () => {
    await createFeature(db(), { id: 'calls' });
    await createFeature(db(), { id: 'sso', type: 'BINARY' });
    await createPackage(db(), { id: 'z', features: ['calls'], status: 'ARCHIVED' });
    await createPackage(db(), { id: 'y', features: ['sso'] });
    await createPackage(db(), { id: 'x', features: ['sso', 'calls'], status: 'DRAFT' });
    expect(await app.ok('{ features { id packages { id status } } }')).toEqual({
      features: [
        {
          id: 'calls',
          packages: [
            { id: 'z', status: 'ARCHIVED' },
            { id: 'x', status: 'DRAFT' },
          ],
        },
        {
          id: 'sso',
          packages: [
            { id: 'y', status: 'PUBLISHED' },
            { id: 'x', status: 'DRAFT' },
          ],
        },
      ],
    });
  });
});
