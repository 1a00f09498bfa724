import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { callerError, featureNotFound, invalidInput, packageNotFound } from '../helpers/errors.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.hot.query('truncate feature, package cascade');
  await createFeature(db(), { id: 'calls' });
  await createFeature(db(), { id: 'sso', type: 'BINARY' });
});

const edit = `mutation ($id: String!, $input: UpdateDraftPackageInput!) { updateDraftPackage(id: $id, input: $input) {
  id name isAddon status features { id name limit resetPeriod overageEnabled } basePackages { id } } }`;
const publish = 'mutation ($id: String!) { publishPackage(id: $id) { id status features { id } } }';
const archive = 'mutation ($id: String!) { archivePackage(id: $id) { id status } }';
const setPrice = `mutation ($id: String!, $input: PackagePriceInput!) { setPackagePrice(packageId: $id, input: $input) {
  id prices { id provider amount displayAmount currency interval } } }`;
const removePrice = `mutation ($id: String!, $priceId: String!) {
  removePackagePrice(packageId: $id, priceId: $priceId) { id prices { id } } }`;
const read = `query ($id: String!) { package(id: $id) {
  id name isAddon status features { id name limit resetPeriod overageEnabled } basePackages { id } prices { id } } }`;

const db = () => app.database.prisma;
const unlimited = { limit: null, resetPeriod: null, overageEnabled: false };
const price = { id: 'price_1', amount: 5000, currency: 'gbp', interval: 'month' };

const statusError = (id: string, problem: string) =>
  callerError('BAD_USER_INPUT', 'PackageStatusError', `The package "${id}" cannot be ${problem}.`);

describe('updateDraftPackage', () => {
  beforeEach(async () => {
    await createPackage(db(), { id: 'new', status: 'DRAFT', features: ['calls'], prices: [price] });
    await createPackage(db(), { id: 'pro' });
    await createPackage(db(), { id: 'free' });
  });

  it('leaves alone what is omitted', async () => {
    const { updateDraftPackage: changed } = await app.ok(edit, { id: 'new', input: {} });
    expect(changed).toEqual({
      id: 'new',
      name: 'new',
      isAddon: false,
      status: 'DRAFT',
      features: [{ id: 'calls', name: 'calls', ...unlimited }],
      basePackages: [],
    });
  });

  it('replaces name, kind, features and base packages in one step', async () => {
    const entitlement = { limit: 5, resetPeriod: 'DAY', overageEnabled: true };
    const input = {
      name: 'New name',
      isAddon: true,
      features: [{ id: 'sso' }, { id: 'calls', entitlement }],
      basePackages: ['free', 'pro'],
    };
    const { updateDraftPackage: changed } = await app.ok(edit, { id: 'new', input });
    expect(changed).toEqual({
      id: 'new',
      name: 'New name',
      isAddon: true,
      status: 'DRAFT',
      features: [
        { id: 'sso', name: 'sso', ...unlimited },
        { id: 'calls', name: 'calls', ...entitlement },
      ],
      basePackages: [{ id: 'pro' }, { id: 'free' }],
    });
  });

  it('accepts one feature outside of a list, and empties the package with an empty list', async () => {
    const one = await app.ok(edit, { id: 'new', input: { features: { id: 'sso' } } });
    expect(one.updateDraftPackage.features).toEqual([{ id: 'sso', name: 'sso', ...unlimited }]);
    const none = await app.ok(edit, { id: 'new', input: { features: [] } });
    expect(none.updateDraftPackage.features).toEqual([]);
  });

  it('keeps the name under which a feature joined, and copies the present one when it joins again', async () => {
    const names = async (features: { id: string }[]) => {
      const answer = await app.ok(edit, { id: 'new', input: { features } });
      return answer.updateDraftPackage.features.map((feature: { name: string }) => feature.name);
    };
    await app.ok('mutation { updateFeature(id: "calls", input: { name: "API Calls" }) { id } }');
    expect(await names([{ id: 'sso' }, { id: 'calls' }])).toEqual(['sso', 'calls']);
    expect(await names([])).toEqual([]);
    expect(await names([{ id: 'calls' }])).toEqual(['API Calls']);
  });

  it('takes the base packages from a package that stops being an add-on', async () => {
    await createPackage(db(), { id: 'extra', status: 'DRAFT', isAddon: true, bases: ['pro'] });
    const { updateDraftPackage: changed } = await app.ok(edit, { id: 'extra', input: { isAddon: false } });
    expect({ isAddon: changed.isAddon, basePackages: changed.basePackages }).toEqual({
      isAddon: false,
      basePackages: [],
    });
  });

  it('opens an add-on to every base package with an empty list', async () => {
    await createPackage(db(), { id: 'extra', status: 'DRAFT', isAddon: true, bases: ['pro'] });
    const { updateDraftPackage: changed } = await app.ok(edit, { id: 'extra', input: { basePackages: [] } });
    expect({ isAddon: changed.isAddon, basePackages: changed.basePackages }).toEqual({
      isAddon: true,
      basePackages: [],
    });
  });

  it.each([
    ['a blank name', { name: '' }, invalidInput('input.name: must not be blank')],
    [
      'a feature twice',
      { features: [{ id: 'sso' }, { id: 'sso' }] },
      invalidInput('input.features.1: is repeated'),
    ],
    ['an unknown feature', { name: 'x', features: [{ id: 'sso' }, { id: 'nope' }] }, featureNotFound('nope')],
    [
      'base packages of a base package',
      { features: [], basePackages: ['pro'] },
      invalidInput('input.basePackages: only an add-on has base packages'),
    ],
    [
      'base packages of what stops being an add-on',
      { isAddon: false, basePackages: ['pro'] },
      invalidInput('input.basePackages: only an add-on has base packages'),
    ],
    [
      'an unknown base package',
      { name: 'x', features: [], isAddon: true, basePackages: ['nope'] },
      packageNotFound('nope'),
    ],
    [
      'itself as base package',
      { isAddon: true, basePackages: ['new'] },
      invalidInput('input.basePackages.0: must not be an add-on'),
    ],
  ])('refuses %s, and changes nothing at all', async (_case, input, expected) => {
    const before = await app.ok(read, { id: 'new' });
    expect(await app.fails(edit, { id: 'new', input })).toMatchObject(expected);
    expect(await app.ok(read, { id: 'new' })).toEqual(before);
  });

  it('does not make an add-on of a package that add-ons name as their base', async () => {
    await createPackage(db(), { id: 'extra', isAddon: true, bases: ['new'] });
    expect(await app.fails(edit, { id: 'new', input: { isAddon: true } })).toMatchObject(
      invalidInput('input.isAddon: must stay false: the add-on "extra" names the package as its base'),
    );
    await app.ok(edit, { id: 'new', input: { isAddon: false } });
  });

  it.each(['PUBLISHED', 'ARCHIVED'] as const)('refuses a %s package', async (status) => {
    await createPackage(db(), { id: 'done', status, features: ['calls'] });
    expect(await app.fails(edit, { id: 'done', input: { features: [] } })).toMatchObject(
      statusError('done', `changed: it is ${status}, not DRAFT`),
    );
    expect((await app.ok(read, { id: 'done' })).package.features).toEqual([
      { id: 'calls', name: 'calls', ...unlimited },
    ]);
  });
});

describe('publishPackage', () => {
  it('opens a DRAFT with features, once', async () => {
    await createPackage(db(), { id: 'pro', status: 'DRAFT', features: ['calls'] });
    expect(await app.ok(publish, { id: 'pro' })).toEqual({
      publishPackage: { id: 'pro', status: 'PUBLISHED', features: [{ id: 'calls' }] },
    });
    expect(await app.fails(publish, { id: 'pro' })).toMatchObject(
      statusError('pro', 'published: it is PUBLISHED, not DRAFT'),
    );
  });

  it('refuses a package without features', async () => {
    await createPackage(db(), { id: 'empty', status: 'DRAFT' });
    expect(await app.fails(publish, { id: 'empty' })).toMatchObject(
      statusError('empty', 'published: it has no features'),
    );
    expect((await app.ok(read, { id: 'empty' })).package.status).toBe('DRAFT');
  });

  it('refuses an ARCHIVED package: that is final', async () => {
    await createPackage(db(), { id: 'old', status: 'ARCHIVED', features: ['calls'] });
    expect(await app.fails(publish, { id: 'old' })).toMatchObject(
      statusError('old', 'published: it is ARCHIVED, not DRAFT'),
    );
  });
});

describe('archivePackage', () => {
  it.each(['DRAFT', 'PUBLISHED'] as const)('closes a %s package, once', async (status) => {
    await createPackage(db(), { id: 'pro', status });
    expect(await app.ok(archive, { id: 'pro' })).toEqual({
      archivePackage: { id: 'pro', status: 'ARCHIVED' },
    });
    expect(await app.fails(archive, { id: 'pro' })).toMatchObject(
      statusError('pro', 'archived: it is ARCHIVED, not DRAFT or PUBLISHED'),
    );
  });
});

describe('prices', () => {
  it('are added in order, and replaced whole by their id', async () => {
    await createPackage(db(), { id: 'pro' });
    await app.ok(setPrice, { id: 'pro', input: { ...price, provider: 'CHARGEBEE' } });
    await app.ok(setPrice, { id: 'pro', input: { id: 'price_0', amount: 9, currency: 'JPY' } });
    const replaced = { id: 'price_1', amount: 120, currency: 'usd' };
    expect(await app.ok(setPrice, { id: 'pro', input: replaced })).toEqual({
      setPackagePrice: {
        id: 'pro',
        prices: [
          { ...replaced, provider: 'STRIPE', displayAmount: '1.20', interval: null },
          {
            id: 'price_0',
            provider: 'STRIPE',
            amount: 9,
            displayAmount: '9',
            currency: 'jpy',
            interval: null,
          },
        ],
      },
    });
  });

  it('belong to one package: another may have the same id', async () => {
    await createPackage(db(), { id: 'pro', prices: [price] });
    await createPackage(db(), { id: 'free', prices: [price] });
    expect(await app.ok(removePrice, { id: 'pro', priceId: 'price_1' })).toEqual({
      removePackagePrice: { id: 'pro', prices: [] },
    });
    expect((await app.ok(read, { id: 'free' })).package.prices).toEqual([{ id: 'price_1' }]);
    expect(await app.fails(removePrice, { id: 'pro', priceId: 'price_1' })).toMatchObject(
      callerError('NOT_FOUND', 'PriceNotFoundError', 'The package has no price with the id "price_1".'),
    );
  });

  it.each([
    ['a blank id', { id: '' }, 'input.id: must not be blank'],
    ['a negative amount', { amount: -1 }, 'input.amount: must be 0 or more'],
    [
      'a currency that is no code',
      { currency: '£' },
      'input.currency: must be an ISO 4217 code of three letters, such as "gbp"',
    ],
  ])('refuse %s', async (_case, wrong, problem) => {
    await createPackage(db(), { id: 'pro' });
    expect(await app.fails(setPrice, { id: 'pro', input: { ...price, ...wrong } })).toMatchObject(
      invalidInput(problem),
    );
    expect(await db().packagePrice.count()).toBe(0);
  });

  it('stay as they are once the package is ARCHIVED', async () => {
    await createPackage(db(), { id: 'old', status: 'ARCHIVED', prices: [price] });
    const expected = statusError('old', 'priced: it is ARCHIVED, not DRAFT or PUBLISHED');
    expect(await app.fails(setPrice, { id: 'old', input: price })).toMatchObject(expected);
    expect(await app.fails(removePrice, { id: 'old', priceId: 'price_1' })).toMatchObject(expected);
  });
});

describe('every change of a package', () => {
  const changes = [
    [
      'updatePackage',
      'mutation ($id: String!) { updatePackage(id: $id, input: { metadata: {} }) { id } }',
      {},
    ],
    ['updateDraftPackage of its name', edit, { input: { name: 'x' } }],
    ['updateDraftPackage of its features', edit, { input: { features: [] } }],
    ['publishPackage', publish, {}],
    ['archivePackage', archive, {}],
    ['setPackagePrice', setPrice, { input: { ...price, amount: 1 } }],
    ['removePackagePrice', removePrice, { priceId: 'price_1' }],
  ] as const;

  it.each(changes)('moves updatedAt: %s', async (_name, mutation, variables) => {
    await createPackage(db(), { id: 'pro', status: 'DRAFT', features: ['calls'], prices: [price] });
    const long = new Date('2022-01-01T00:00:00Z');
    await db().package.updateMany({ data: { updatedAt: long } });
    await app.ok(mutation, { id: 'pro', ...variables });
    const { updatedAt } = await db().package.findFirstOrThrow();
    expect(updatedAt.getTime()).toBeGreaterThan(long.getTime());
  });

  it.each(changes)(
    'does not find an unknown one, nor one of the other environment: %s',
    async (_name, mutation, variables) => {
      await createPackage(db(), { id: 'pro', status: 'DRAFT', features: ['calls'], prices: [price] });
      const before = await db().package.findFirstOrThrow({ include: { features: true, prices: true } });
      expect(await app.fails(mutation, { id: 'nope', ...variables })).toMatchObject(packageNotFound('nope'));
      expect(await app.fails(mutation, { id: 'pro', ...variables }, app.keys.live)).toMatchObject(
        packageNotFound('pro'),
      );
      expect(await db().package.findFirstOrThrow({ include: { features: true, prices: true } })).toEqual(
        before,
      );
    },
  );
});
