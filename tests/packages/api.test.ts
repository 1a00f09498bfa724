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
});

const fields = `
  id name status metadata isAddon updatedAt
  features { id name limit type unitLabel unitLabelPlural metadata }
  prices { id provider amount displayAmount currency interval }`;
const create = `mutation createPackage($input: CreatePackageInput!) { createPackage(input: $input) { ${fields} } }`;
const update = `mutation updatePackage($id: String!, $input: UpdatePackageInput!) {
  updatePackage(id: $id, input: $input) { id metadata } }`;

const anInstant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const db = () => app.database.prisma;

async function createApiCalls() {
  const units = { unitLabel: 'API Call', unitLabelPlural: 'API Calls' };
  await db().feature.create({
    data: { environmentId: 'test', id: 'api-calls', name: 'API Calls', type: 'CONSUMABLE', ...units },
  });
}

describe('createPackage', () => {
  it('answers the documented call, with its one feature outside of a list and its variables as text', async () => {
    await createApiCalls();
    const entitlement = { limit: 1000, resetPeriod: 'MONTH', overageEnabled: false };
    const features = { id: 'api-calls', entitlement };
    const input = { id: 'pro-plan', name: 'Pro Plan', isAddon: false, metadata: {}, features };
    const response = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.test)
      .send({ query: create, variables: JSON.stringify({ input }) });
    expect(response.body).toEqual({
      data: {
        createPackage: {
          id: 'pro-plan',
          name: 'Pro Plan',
          status: 'DRAFT',
          metadata: {},
          features: [
            {
              id: 'api-calls',
              name: 'API Calls',
              limit: 1000,
              type: 'CONSUMABLE',
              unitLabel: 'API Call',
              unitLabelPlural: 'API Calls',
              metadata: {},
            },
          ],
          prices: [],
          isAddon: false,
          updatedAt: anInstant,
        },
      },
    });
  });

  it('makes a nameless package without features, called by its id', async () => {
    const { createPackage: created } = await app.ok(create, { input: { id: 'empty', features: [] } });
    expect(created).toEqual({
      id: 'empty',
      name: 'empty',
      status: 'DRAFT',
      metadata: {},
      features: [],
      prices: [],
      isAddon: false,
      updatedAt: anInstant,
    });
  });

  it('keeps features in the order given, unlimited and never reset without an entitlement', async () => {
    await createFeature(db(), { id: 'b-calls' });
    await createFeature(db(), { id: 'a-sso', type: 'BINARY' });
    await createFeature(db(), { id: 'c-seats' });
    const seats = { limit: 0, resetPeriod: 'YEAR', overageEnabled: true };
    const features = [{ id: 'c-seats', entitlement: seats }, { id: 'a-sso' }, { id: 'b-calls' }];
    const { createPackage: created } = await app.ok(
      `mutation ($input: CreatePackageInput!) {
        createPackage(input: $input) { features { id type limit resetPeriod overageEnabled } } }`,
      { input: { id: 'pro', features } },
    );
    const unlimited = { limit: null, resetPeriod: null, overageEnabled: false };
    expect(created.features).toEqual([
      { id: 'c-seats', type: 'CONSUMABLE', limit: 0, resetPeriod: 'YEAR', overageEnabled: true },
      { id: 'a-sso', type: 'BINARY', ...unlimited },
      { id: 'b-calls', type: 'CONSUMABLE', ...unlimited },
    ]);
  });

  it('makes an add-on of base packages, which name it back', async () => {
    await createPackage(db(), { id: 'pro' });
    await createPackage(db(), { id: 'free' });
    const { createPackage: addon } = await app.ok(
      `mutation ($input: CreatePackageInput!) {
        createPackage(input: $input) { isAddon basePackages { id addons { id } } addons { id } } }`,
      { input: { id: 'extra', isAddon: true, features: [], basePackages: ['free', 'pro'] } },
    );
    const addons = [{ id: 'extra' }];
    expect(addon).toEqual({
      isAddon: true,
      basePackages: [
        { id: 'pro', addons },
        { id: 'free', addons },
      ],
      addons: [],
    });
  });

  const monthly = { resetPeriod: 'MONTH' };
  it.each([
    ['a blank id', { id: ' ' }, 'input.id: must not be blank'],
    ['an id of 256 characters', { id: 'x'.repeat(256) }, 'input.id: must be at most 255 characters'],
    ['a feature twice', { features: [{ id: 'calls' }, { id: 'calls' }] }, 'input.features.1: is repeated'],
    [
      'a negative limit',
      { features: [{ id: 'calls', entitlement: { ...monthly, limit: -1 } }] },
      'input.features.0.entitlement.limit: must be 0 or more',
    ],
    [
      'an entitlement on a BINARY feature',
      { features: [{ id: 'calls' }, { id: 'sso', entitlement: monthly }] },
      'input.features.1.entitlement: only a CONSUMABLE feature has an entitlement',
    ],
    [
      'base packages of a base package',
      { basePackages: ['pro'] },
      'input.basePackages: only an add-on has base packages',
    ],
    [
      'an add-on as base package',
      { isAddon: true, basePackages: ['pro', 'extra'] },
      'input.basePackages.1: must not be an add-on',
    ],
    ['metadata that is no object', { metadata: 'text' }, 'input.metadata: must be a JSON object'],
  ])('refuses %s', async (_case, wrong, problem) => {
    await createFeature(db(), { id: 'calls' });
    await createFeature(db(), { id: 'sso', type: 'BINARY' });
    await createPackage(db(), { id: 'pro' });
    await createPackage(db(), { id: 'extra', isAddon: true });
    const input = { id: 'new', features: [], ...wrong };
    expect(await app.fails(create, { input })).toMatchObject(invalidInput(problem));
    expect(await db().package.count()).toBe(2);
  });

  it('is all or nothing: with an unknown feature or base package there is no package', async () => {
    await createFeature(db(), { id: 'calls' });
    const features = [{ id: 'calls' }, { id: 'nope' }];
    expect(await app.fails(create, { input: { id: 'new', features } })).toMatchObject(
      featureNotFound('nope'),
    );
    const addon = { id: 'new', isAddon: true, features: [{ id: 'calls' }], basePackages: ['nope'] };
    expect(await app.fails(create, { input: addon })).toMatchObject(packageNotFound('nope'));
    expect(await db().package.count()).toBe(0);
  });

  it('refuses an id that is taken, and leaves the package that has it alone', async () => {
    await createPackage(db(), { id: 'pro' });
    const input = { id: 'pro', name: 'Another', features: [] };
    expect(await app.fails(create, { input })).toMatchObject(
      callerError('CONFLICT', 'PackageAlreadyExistsError', 'A package with the id "pro" already exists.'),
    );
    expect(await db().package.findMany({ select: { name: true } })).toEqual([{ name: 'pro' }]);
  });

  it('sees neither the ids nor the features nor the packages of the other environment', async () => {
    await createFeature(db(), { id: 'calls' }, { in: 'live' });
    await createPackage(db(), { id: 'pro' }, { in: 'live' });
    const withFeature = { id: 'pro', features: [{ id: 'calls' }] };
    expect(await app.fails(create, { input: withFeature })).toMatchObject(featureNotFound('calls'));
    const withBase = { id: 'extra', isAddon: true, features: [], basePackages: ['pro'] };
    expect(await app.fails(create, { input: withBase })).toMatchObject(packageNotFound('pro'));
    await app.ok(create, { input: { id: 'pro', features: [] } });
    expect(await db().package.count()).toBe(2);
  });
});

describe('updatePackage', () => {
  it.each(['DRAFT', 'PUBLISHED', 'ARCHIVED'] as const)(
    'replaces the metadata of a %s package whole',
    async (status) => {
      await createPackage(db(), { id: 'pro', status });
      const set = (metadata: unknown) => app.ok(update, { id: 'pro', input: { metadata } });
      await set({ tier: 1, old: true });
      expect(await set({ tier: 2 })).toEqual({ updatePackage: { id: 'pro', metadata: { tier: 2 } } });
    },
  );

  it('leaves alone what is omitted, and clears with null', async () => {
    await createPackage(db(), { id: 'pro' });
    await app.ok(update, { id: 'pro', input: { metadata: { tier: 1 } } });
    expect(await app.ok(update, { id: 'pro', input: {} })).toEqual({
      updatePackage: { id: 'pro', metadata: { tier: 1 } },
    });
    expect(await app.ok(update, { id: 'pro', input: { metadata: null } })).toEqual({
      updatePackage: { id: 'pro', metadata: null },
    });
  });

  it('refuses an unknown package, and metadata that is no object', async () => {
    await createPackage(db(), { id: 'pro' });
    expect(await app.fails(update, { id: 'nope', input: { metadata: {} } })).toMatchObject(
      packageNotFound('nope'),
    );
    expect(await app.fails(update, { id: 'pro', input: { metadata: [1] } })).toMatchObject(
      invalidInput('input.metadata: must be a JSON object'),
    );
    expect(await app.fails(update, { id: 'pro', input: { metadata: {} } }, app.keys.live)).toMatchObject(
      packageNotFound('pro'),
    );
  });
});

it('answers nothing without a private key', async () => {
  await createPackage(db(), { id: 'pro' });
  for (const key of [app.keys.publicTest, 'prv_test_wrong', '']) {
    const response = await app.http
      .post('/graphql')
      .set('Authorization', key)
      .send({ query: '{ packages { id } }' });
    expect({ status: response.status, data: response.body.data }).toEqual({ status: 401, data: undefined });
    expect(response.body.errors[0].extensions.code).toBe('UNAUTHENTICATED');
  }
});
