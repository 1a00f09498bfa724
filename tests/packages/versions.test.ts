import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { callerError } from '../helpers/errors.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
const db = () => app.database.prisma;
beforeEach(async () => {
  await app.database.hot.query(
    'truncate feature, package, "user", subscription, usage_event, usage_counter cascade',
  );
  await createFeature(db(), { id: 'calls' });
  await createFeature(db(), { id: 'sso', type: 'BINARY' });
  await createPackage(db(), {
    id: 'pro',
    features: [{ id: 'calls', limit: 100, resetPeriod: 'MONTH', overageEnabled: true }, 'sso'],
    prices: [{ id: 'price_1', amount: 5000, currency: 'gbp', interval: 'month' }],
  });
  await createUser(db(), { id: 'ada' });
  await createUser(db(), { id: 'bob' });
});

const shown = `id version isCurrent status name features { id limit resetPeriod overageEnabled } prices { id }`;
const newVersion = `mutation ($id: String!) { createPackageVersion(packageId: $id) { ${shown} } }`;
const edit = `mutation ($id: String!, $input: UpdateDraftPackageInput!) {
  updateDraftPackage(id: $id, input: $input) { ${shown} } }`;
const publish = `mutation ($id: String!) { publishPackage(id: $id) { ${shown} } }`;
const unpublish = `mutation ($id: String!) { unpublishPackage(id: $id) { ${shown} } }`;
const discard = 'mutation ($id: String!) { deleteDraftPackage(id: $id) { id } }';
const read = `query ($id: String!, $version: Int) { package(id: $id, version: $version) {
  ${shown} draft { version } versions { version status subscriberCount features { id limit } } subscriberCount } }`;
const subscribe = `mutation ($userId: String!) { subscribe(packageIds: ["pro"], userId: $userId) {
  package { version features { id limit } } } }`;
const canUse = `query ($userId: String!, $delta: Int) { canUseFeature(userId: $userId, featureId: "calls", delta: $delta) {
  access consumption { used budget } } }`;

const statusError = (message: string) => callerError('BAD_USER_INPUT', 'PackageStatusError', message);
const limitOf = (limit: number) => ({
  features: [{ id: 'calls', entitlement: { limit, resetPeriod: 'MONTH' } }],
});
const calls = (limit: number) => [{ id: 'calls', limit, resetPeriod: 'MONTH', overageEnabled: false }];

/** Publishes another version of `pro` with this limit. */
async function publishVersion(limit: number) {
  await app.ok(newVersion, { id: 'pro' });
  await app.ok(edit, { id: 'pro', input: limitOf(limit) });
  return (await app.ok(publish, { id: 'pro' })).publishPackage;
}

describe('a new version', () => {
  it('is a draft with all that the current one contains', async () => {
    const { createPackageVersion: draft } = await app.ok(newVersion, { id: 'pro' });
    expect(draft).toEqual({
      id: 'pro',
      version: 2,
      isCurrent: false,
      status: 'DRAFT',
      name: 'pro',
      features: [
        { id: 'calls', limit: 100, resetPeriod: 'MONTH', overageEnabled: true },
        { id: 'sso', limit: null, resetPeriod: null, overageEnabled: false },
      ],
      prices: [{ id: 'price_1' }],
    });
    const { package: current } = await app.ok(read, { id: 'pro' });
    expect(current).toMatchObject({ version: 1, status: 'PUBLISHED', draft: { version: 2 } });
  });

  it('is what people subscribe to once it is published; subscribers stay on theirs', async () => {
    await app.ok(subscribe, { userId: 'ada' });
    await app.ok(newVersion, { id: 'pro' });
    expect((await app.ok(edit, { id: 'pro', input: limitOf(200) })).updateDraftPackage).toMatchObject({
      version: 2,
      status: 'DRAFT',
      features: calls(200),
    });
    // Nothing is different before it is published.
    expect((await app.ok(read, { id: 'pro' })).package).toMatchObject({
      version: 1,
      features: [{ limit: 100 }, {}],
    });
    expect((await app.ok(publish, { id: 'pro' })).publishPackage).toMatchObject({
      version: 2,
      isCurrent: true,
      status: 'PUBLISHED',
      features: calls(200),
    });
    const { subscribe: begun } = await app.ok(subscribe, { userId: 'bob' });
    expect(begun).toEqual([{ package: { version: 2, features: [{ id: 'calls', limit: 200 }] } }]);

    const budgets = ['ada', 'bob'].map(
      async (userId) => (await app.ok(canUse, { userId })).canUseFeature.consumption,
    );
    expect(await Promise.all(budgets)).toEqual([
      { used: 0, budget: 100 },
      { used: 0, budget: 200 },
    ]);
    const { package: pro } = await app.ok(read, { id: 'pro' });
    expect(pro.subscriberCount).toBe(2);
    expect(pro.versions).toEqual([
      { version: 2, status: 'PUBLISHED', subscriberCount: 1, features: [{ id: 'calls', limit: 200 }] },
      {
        version: 1,
        status: 'PUBLISHED',
        subscriberCount: 1,
        features: [
          { id: 'calls', limit: 100 },
          { id: 'sso', limit: null },
        ],
      },
    ]);
    const { subscriptions } = await app.ok(
      'query { subscriptions(userId: "ada") { package { version status features { id } } } }',
    );
    expect(subscriptions).toEqual([
      { package: { version: 1, status: 'PUBLISHED', features: [{ id: 'calls' }, { id: 'sso' }] } },
    ]);
  });

  it('counts usage in the version that is held, and lets go of what it no longer contains', async () => {
    await app.ok(subscribe, { userId: 'ada' });
    await publishVersion(1);
    await app.ok(subscribe, { userId: 'bob' });
    for (const userId of ['ada', 'bob'])
      await app.ok(
        `mutation ($userId: String!) { recordUsage(input: { userId: $userId, featureId: "calls", delta: 1 }) { recorded } }`,
        { userId },
      );
    expect((await app.ok(canUse, { userId: 'ada' })).canUseFeature).toMatchObject({ access: true });
    expect((await app.ok(canUse, { userId: 'bob' })).canUseFeature).toMatchObject({ access: false });
    const sso = 'query ($userId: String!) { canUseFeature(userId: $userId, featureId: "sso") { access } }';
    expect((await app.ok(sso, { userId: 'ada' })).canUseFeature.access).toBe(true);
    expect((await app.ok(sso, { userId: 'bob' })).canUseFeature.access).toBe(false);
    const { features } = await app.ok('query { features { id packages { id version } } }');
    expect(features).toEqual([
      { id: 'calls', packages: [{ id: 'pro', version: 2 }] },
      { id: 'sso', packages: [] },
    ]);
  });

  it('is refused while there is a draft, and of a package that is not published', async () => {
    await app.ok(newVersion, { id: 'pro' });
    expect(await app.fails(newVersion, { id: 'pro' })).toMatchObject(
      statusError('The package "pro" cannot be given another version: version 2 is a DRAFT already.'),
    );
    await createPackage(db(), { id: 'new', status: 'DRAFT' });
    expect(await app.fails(newVersion, { id: 'new' })).toMatchObject(
      statusError('The package "new" cannot be given another version: it is DRAFT, not PUBLISHED.'),
    );
  });

  it('has the same id, so its kind stays', async () => {
    await app.ok(newVersion, { id: 'pro' });
    expect(await app.fails(edit, { id: 'pro', input: { isAddon: true } })).toMatchObject(
      statusError('The package "pro" stays a base package: it has been published.'),
    );
  });

  it('has prices of its own', async () => {
    await app.ok(newVersion, { id: 'pro' });
    const set = `mutation ($version: Int, $id: String!) { setPackagePrice(packageId: "pro", version: $version,
      input: { id: $id, amount: 1, currency: "gbp" }) { id } }`;
    await app.ok(set, { version: 2, id: 'price_2' });
    const pricesOf = async (version: number) =>
      (await app.ok(read, { id: 'pro', version })).package.prices.map(({ id }: { id: string }) => id);
    expect([await pricesOf(1), await pricesOf(2)]).toEqual([['price_1'], ['price_1', 'price_2']]);
    expect(await app.fails(set, { version: 3, id: 'x' })).toMatchObject(
      callerError('BAD_USER_INPUT', 'ValidationError', 'version: the package "pro" has no version 3'),
    );
    expect(await app.fails(read, { id: 'pro', version: 3 })).toMatchObject(
      callerError('NOT_FOUND', 'PackageNotFoundError', 'The package "pro" has no version 3.'),
    );
  });
});

describe('undo', () => {
  it('makes a package a draft again while nobody ever subscribed', async () => {
    expect((await app.ok(unpublish, { id: 'pro' })).unpublishPackage).toMatchObject({
      version: 1,
      status: 'DRAFT',
    });
    await app.ok(publish, { id: 'pro' });
    await app.ok(subscribe, { userId: 'ada' });
    expect(await app.fails(unpublish, { id: 'pro' })).toMatchObject(
      statusError('The package "pro" cannot be unpublished: somebody has subscribed to version 1.'),
    );
  });

  it('takes a version back, and the one before it is current again', async () => {
    await app.ok(subscribe, { userId: 'ada' });
    await publishVersion(200);
    expect((await app.ok(unpublish, { id: 'pro' })).unpublishPackage).toMatchObject({
      version: 2,
      status: 'DRAFT',
    });
    expect((await app.ok(read, { id: 'pro' })).package).toMatchObject({ version: 1, status: 'PUBLISHED' });
    expect((await app.ok(subscribe, { userId: 'bob' })).subscribe).toMatchObject([
      { package: { version: 1 } },
    ]);
  });

  it('deletes the draft of the next version, or a package that was never published', async () => {
    await app.ok(newVersion, { id: 'pro' });
    await app.ok(discard, { id: 'pro' });
    expect((await app.ok(read, { id: 'pro' })).package).toMatchObject({ version: 1, draft: null });
    expect(await app.fails(discard, { id: 'pro' })).toMatchObject(
      statusError('The package "pro" cannot be deleted: it is PUBLISHED, not DRAFT.'),
    );
    await createPackage(db(), { id: 'new', status: 'DRAFT', features: ['calls'] });
    await createPackage(db(), { id: 'extra', isAddon: true, bases: ['new'] });
    expect(await app.fails(discard, { id: 'new' })).toMatchObject(
      statusError('The package "new" cannot be deleted: the add-on "extra" names it as its base.'),
    );
    await createPackage(db(), { id: 'other', status: 'DRAFT', features: ['calls'] });
    await app.ok(discard, { id: 'other' });
    expect(await app.fails(read, { id: 'other' })).toMatchObject({ extensions: { code: 'NOT_FOUND' } });
  });

  it('deletes a feature that nothing uses', async () => {
    const remove = 'mutation ($id: String!) { deleteFeature(id: $id) { id } }';
    expect(await app.fails(remove, { id: 'calls' })).toMatchObject(
      callerError(
        'CONFLICT',
        'FeatureInUseError',
        'The feature "calls" cannot be deleted: the package "pro" contains it.',
      ),
    );
    await createFeature(db(), { id: 'spare' });
    await app.ok(`mutation { recordUsage(input: { userId: "ada", featureId: "spare" }) { recorded } }`);
    expect(await app.fails(remove, { id: 'spare' })).toMatchObject(
      callerError(
        'CONFLICT',
        'FeatureInUseError',
        'The feature "spare" cannot be deleted: usage of it was recorded.',
      ),
    );
    await createFeature(db(), { id: 'typo' });
    expect((await app.ok(remove, { id: 'typo' })).deleteFeature).toEqual({ id: 'typo' });
  });
});

describe('without a version', () => {
  it('changes the name and the metadata', async () => {
    await publishVersion(200);
    const rename =
      'mutation { updatePackage(id: "pro", input: { name: "Pro 2" }) { name version metadata } }';
    expect((await app.ok(rename)).updatePackage).toEqual({ name: 'Pro 2', version: 2, metadata: {} });
    expect((await app.ok(read, { id: 'pro', version: 1 })).package.name).toBe('Pro 2');
  });

  it('duplicates a package, without its prices', async () => {
    const copy = `mutation ($newId: String!) { duplicatePackage(id: "pro", newId: $newId, name: "Team") { ${shown} } }`;
    await publishVersion(200);
    expect((await app.ok(copy, { newId: 'team' })).duplicatePackage).toEqual({
      id: 'team',
      version: 1,
      isCurrent: true,
      status: 'DRAFT',
      name: 'Team',
      features: calls(200),
      prices: [],
    });
    expect(await app.fails(copy, { newId: 'team' })).toMatchObject({ extensions: { code: 'CONFLICT' } });
  });
});

it('reads lists of packages, their versions and features in as many statements, however many there are', async () => {
  const list = `query { packages { id versions { version features { id type } subscriberCount } draft { version } }
    features { id packages { id version features { id } } } }`;
  const few = (await statementsOf(() => app.ok(list))).length;
  for (const id of ['a', 'b', 'c', 'd']) await createPackage(db(), { id, features: ['calls', 'sso'] });
  await publishVersion(200);
  await app.ok(newVersion, { id: 'a' });
  expect(await statementsOf(() => app.ok(list))).toHaveLength(few);
});
