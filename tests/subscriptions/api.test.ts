import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

const packageFields =
  'id name isAddon status features { id name type limit unitLabel unitLabelPlural metadata } prices { id provider amount displayAmount currency interval } metadata';
const fields = `id userId status package { ${packageFields} }`;
const short = 'id userId status package { id } endedAt';
const subscribe = `mutation subscribeUserToPlan($packageIds: [String!]!, $userId: String!) {
  subscribe(packageIds: $packageIds, userId: $userId) { ${short} }
}`;
const retrieve = `query retrieveSubscription($id: String!) { subscription(id: $id) { ${short} } }`;
const list = `query listSubscriptions($userId: String!) { subscriptions(userId: $userId) { ${short} } }`;
const cancel = `mutation ($id: String!) { cancelSubscription(id: $id) { ${short} } }`;
const change = `mutation ($userId: String!, $packageId: String!) { changePackage(userId: $userId, packageId: $packageId) {
  subscription { ${short} startedAt } replaced { ${short} } cancelledAddons { ${short} } } }`;

const tiers = 'Cannot subscribe to multiple tiers';
const noTier = 'Cannot subscribe to addon. Missing live tier subscription.';
const heldAlready = 'Cannot subscribe to a package that the user is already subscribed to.';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'api-calls' });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, {
    id: 'free',
    features: [{ id: 'api-calls', limit: 1000, resetPeriod: 'MONTH' }],
    prices: [{ id: 'price_1', amount: 5000, currency: 'gbp', interval: 'month' }],
  });
  await createPackage(prisma, { id: 'pro', features: ['api-calls', 'sso'] });
  await createPackage(prisma, { id: 'draft', status: 'DRAFT' });
  await createPackage(prisma, { id: 'seats', isAddon: true });
  await createPackage(prisma, { id: 'pro-support', isAddon: true, bases: ['pro'] });
  await createPackage(prisma, { id: 'live-only' }, { in: 'live' });
});
afterAll(() => app.close());

async function newUser(id: string) {
  return createUser(app.database.prisma, { id });
}

const refused = (message: string, path: string) => ({
  message,
  path: [path],
  extensions: { code: 'BAD_USER_INPUT', exception: { name: 'SubscriptionError', message } },
});
const notFound = (name: string, message: string, path: string) => ({
  message,
  path: [path],
  extensions: { code: 'NOT_FOUND', exception: { name, message } },
});
const active = (userId: string, packageId: string) => ({
  id: expect.stringMatching(/^\d+$/),
  userId,
  status: 'ACTIVE',
  package: { id: packageId },
  endedAt: null,
});
const ended = (subscription: object) => ({
  ...subscription,
  status: 'CANCELLED',
  endedAt: expect.stringMatching(/^\d{4}-.*Z$/),
});

/** Sends the same operation `count` times at once; answers the bodies. */
async function race(count: number, query: string, variables: object) {
  const calls = Array.from({ length: count }, () =>
    app.http.post('/graphql').set('Authorization', app.keys.test).send({ query, variables }),
  );
  return (await Promise.all(calls)).map(({ body }) => body);
}

describe('subscribe', () => {
  it('answers what it made, in the order of the packages', async () => {
    await newUser('124');
    const query = `mutation ($packageIds: [String!]!, $userId: String!) { subscribe(packageIds: $packageIds, userId: $userId) { ${fields} } }`;
    const { subscribe: made } = await app.ok(query, { packageIds: ['seats', 'free'], userId: '124' });
    expect(made).toEqual([
      {
        ...active('124', 'seats'),
        endedAt: undefined,
        package: {
          id: 'seats',
          name: 'seats',
          isAddon: true,
          status: 'PUBLISHED',
          features: [],
          prices: [],
          metadata: {},
        },
      },
      {
        ...active('124', 'free'),
        endedAt: undefined,
        package: {
          id: 'free',
          name: 'free',
          isAddon: false,
          status: 'PUBLISHED',
          features: [
            {
              id: 'api-calls',
              name: 'api-calls',
              type: 'CONSUMABLE',
              limit: 1000,
              unitLabel: null,
              unitLabelPlural: null,
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
          metadata: {},
        },
      },
    ]);
  });

  it('answers only what is new', async () => {
    await newUser('upgrader');
    expect(await app.ok(subscribe, { packageIds: ['pro'], userId: 'upgrader' })).toEqual({
      subscribe: [active('upgrader', 'pro')],
    });
    expect(await app.ok(subscribe, { packageIds: ['seats', 'pro-support'], userId: 'upgrader' })).toEqual({
      subscribe: [active('upgrader', 'seats'), active('upgrader', 'pro-support')],
    });
  });

  it('begins all of a call at the same moment, without an end', async () => {
    await newUser('punctual');
    const times = `mutation { subscribe(packageIds: ["pro", "seats"], userId: "punctual") { startedAt endedAt trialEnd } }`;
    const { subscribe: made } = await app.ok(times);
    const startedAt = made[0].startedAt;
    expect(startedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(made).toEqual([
      { startedAt, endedAt: null, trialEnd: null },
      { startedAt, endedAt: null, trialEnd: null },
    ]);
  });

  it.each([
    ['an add-on without a base', ['seats'], noTier],
    ['two bases', ['free', 'pro'], tiers],
    ['an add-on of another base', ['free', 'pro-support'], noTier],
    ['an unknown package', ['free', 'nothing'], 'Package Id not found for app'],
    ['a package of the other environment', ['live-only'], 'Package Id not found for app'],
    [
      'a package that is not published',
      ['draft'],
      'Cannot subscribe to the package "draft": it is DRAFT, not PUBLISHED.',
    ],
  ])('refuses %s, and subscribes to nothing', async (name, packageIds, message) => {
    const { key } = await newUser(name);
    const error = await app.fails(subscribe, { packageIds, userId: name });
    expect(error).toEqual({ ...refused(message, 'subscribe'), locations: [{ line: 2, column: 3 }] });
    expect(await app.ok(list, { userId: name })).toEqual({ subscriptions: [] });
    expect(await app.database.prisma.user.findUnique({ where: { key } })).toMatchObject({ revision: 0 });
  });

  it('refuses a second base and an add-on twice', async () => {
    await newUser('full');
    await app.ok(subscribe, { packageIds: ['free', 'seats'], userId: 'full' });
    for (const [packageId, message] of [
      ['pro', tiers],
      ['free', tiers],
      ['seats', heldAlready],
    ]) {
      expect(await app.fails(subscribe, { packageIds: [packageId], userId: 'full' })).toMatchObject(
        refused(`${message}`, 'subscribe'),
      );
    }
    expect(await app.ok(list, { userId: 'full' })).toEqual({
      subscriptions: [active('full', 'free'), active('full', 'seats')],
    });
  });

  it.each(['PAST_DUE', 'UNPAID', 'INCOMPLETE'] as const)(
    'counts a base that is %s as held, but not as live',
    async (status) => {
      await newUser(status);
      await createSubscription(app.database.prisma, { userId: status, packageId: 'free', status });
      expect(await app.fails(subscribe, { packageIds: ['pro'], userId: status })).toMatchObject(
        refused(tiers, 'subscribe'),
      );
      expect(await app.fails(subscribe, { packageIds: ['seats'], userId: status })).toMatchObject(
        refused(noTier, 'subscribe'),
      );
    },
  );

  it.each(['CANCELLED', 'INCOMPLETE_EXPIRED'] as const)(
    'lets a base that is %s be followed by another',
    async (status) => {
      await newUser(status);
      await createSubscription(app.database.prisma, { userId: status, packageId: 'free', status });
      expect(await app.ok(subscribe, { packageIds: ['free'], userId: status })).toEqual({
        subscribe: [active(status, 'free')],
      });
    },
  );

  it('knows the user before the packages', async () => {
    expect(await app.fails(subscribe, { packageIds: ['nothing'], userId: 'nobody' })).toMatchObject(
      notFound('UserNotFoundError', 'There is no user with the id "nobody".', 'subscribe'),
    );
  });

  it.each([
    ['no package', [], 'packageIds: must name at least one package'],
    ['a package twice', ['seats', 'free', 'seats'], 'packageIds.2: names a package that was named before'],
    ['a blank id', ['free', ' '], 'packageIds.1: must not be blank'],
    [
      '101 packages',
      Array.from({ length: 101 }, (_, index) => `p${index}`),
      'packageIds: must name at most 100 packages',
    ],
  ])('refuses %s', async (_name, packageIds, message) => {
    expect(await app.fails(subscribe, { packageIds, userId: '124' })).toMatchObject({
      message,
      extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
    });
  });

  it('subscribes the survivor of a merge', async () => {
    const { prisma } = app.database;
    const { key } = await newUser('survivor');
    await prisma.user.create({ data: { environmentId: 'test', id: 'merged', mergedInto: key } });
    expect(await app.ok(subscribe, { packageIds: ['free'], userId: 'merged' })).toEqual({
      subscribe: [active('survivor', 'free')],
    });
    expect(await app.ok(list, { userId: 'merged' })).toEqual({ subscriptions: [active('survivor', 'free')] });
  });
});

describe('subscription and subscriptions', () => {
  it('find what was made', async () => {
    await newUser('reader');
    const { subscribe: made } = await app.ok(subscribe, { packageIds: ['pro', 'seats'], userId: 'reader' });
    expect(await app.ok(retrieve, { id: made[1].id })).toEqual({ subscription: active('reader', 'seats') });
    expect(await app.ok(list, { userId: 'reader' })).toEqual({ subscriptions: made });
  });

  it.each(['999999', 'two', '0', '92233720368547758080'])('answer that there is no %s', async (id) => {
    for (const [query, path] of [
      [retrieve, 'subscription'],
      [cancel, 'cancelSubscription'],
    ] as const) {
      expect(await app.fails(query, { id })).toMatchObject(
        notFound('SubscriptionNotFoundError', `There is no subscription with the id "${id}".`, path),
      );
    }
  });

  it('answer that there is no such user', async () => {
    expect(await app.fails(list, { userId: 'nobody' })).toMatchObject(
      notFound('UserNotFoundError', 'There is no user with the id "nobody".', 'subscriptions'),
    );
  });

  it('stay in their environment', async () => {
    await newUser('local');
    const { subscribe: made } = await app.ok(subscribe, { packageIds: ['pro'], userId: 'local' });
    const { id } = made[0];
    for (const query of [retrieve, cancel]) {
      expect(await app.fails(query, { id }, app.keys.live)).toMatchObject({
        extensions: { code: 'NOT_FOUND' },
      });
    }
    expect(await app.ok('{ subscriptions { id } }', {}, app.keys.live)).toEqual({ subscriptions: [] });
  });

  it('are listed by creation and paged, of one user and of all', async () => {
    const { prisma } = app.database;
    const page =
      'query ($userId: String, $first: Int, $after: String) { subscriptions(userId: $userId, first: $first, after: $after) { package { id } } }';
    for (const id of ['pager', 'other']) {
      await createUser(prisma, { id }, { in: 'live' });
      await createSubscription(prisma, { userId: id, packageId: 'live-only' }, { in: 'live' });
    }
    await createPackage(prisma, { id: 'addon-1', isAddon: true }, { in: 'live' });
    await createPackage(prisma, { id: 'addon-2', isAddon: true }, { in: 'live' });
    const first = await createSubscription(prisma, { userId: 'pager', packageId: 'addon-2' }, { in: 'live' });
    await createSubscription(prisma, { userId: 'pager', packageId: 'addon-1' }, { in: 'live' });
    const ids = async (variables: object) =>
      (await app.ok(page, variables, app.keys.live)).subscriptions.map(
        (subscription: { package: { id: string } }) => subscription.package.id,
      );

    expect(await ids({})).toEqual(['live-only', 'live-only', 'addon-2', 'addon-1']);
    expect(await ids({ userId: 'pager' })).toEqual(['live-only', 'addon-2', 'addon-1']);
    expect(await ids({ userId: 'pager', first: 2 })).toEqual(['live-only', 'addon-2']);
    expect(await ids({ userId: 'pager', after: `${first.id}` })).toEqual(['addon-1']);
    for (const after of [`${first.id}`, 'two']) {
      expect(await app.fails(page, { userId: 'other', after }, app.keys.live)).toMatchObject({
        message: `after: there is no item with the id "${after}"`,
        extensions: { code: 'BAD_USER_INPUT' },
      });
    }
  });

  it('take a constant number of statements, however many there are', async () => {
    const { prisma } = app.database;
    for (let index = 0; index < 100; index += 1) {
      const id = `many-${index}`;
      await createPackage(prisma, {
        id,
        features: [{ id: 'api-calls', limit: index }, 'sso'],
        prices: [{ id, amount: index, currency: 'gbp' }],
      });
      await createUser(prisma, { id });
      await createSubscription(prisma, { userId: id, packageId: id });
    }
    const before = await prisma.subscription.findFirstOrThrow({
      where: { environmentId: 'test', packageId: { not: { startsWith: 'many-' } } },
      orderBy: { id: 'desc' },
    });
    const query = `query ($first: Int, $after: String) { subscriptions(first: $first, after: $after) { ${fields} } }`;
    const page = async (first: number) => {
      let seen: { package: { id: string; features: object[]; prices: object[] } }[] = [];
      const statements = await statementsOf(async () => {
        seen = (await app.ok(query, { first, after: `${before.id}` })).subscriptions;
      });
      expect(seen.map(({ package: item }) => [item.id, item.features.length, item.prices.length])).toEqual(
        Array.from({ length: first }, (_, index) => [`many-${index}`, 2, 1]),
      );
      return statements.length;
    };

    const few = await page(10);
    expect(few).toBeGreaterThan(0);
    expect(await page(100)).toBe(few);
  });
});

describe('cancelSubscription', () => {
  it('ends an add-on alone', async () => {
    await newUser('less');
    const { subscribe: made } = await app.ok(subscribe, {
      packageIds: ['pro', 'seats', 'pro-support'],
      userId: 'less',
    });
    const [pro, seats, support] = made;
    expect(await app.ok(cancel, { id: seats.id })).toEqual({ cancelSubscription: ended(seats) });
    expect(await app.ok(list, { userId: 'less' })).toEqual({ subscriptions: [pro, ended(seats), support] });
  });

  it('ends a base and its add-ons at the same moment; the user may come back', async () => {
    await newUser('leaver');
    const { subscribe: made } = await app.ok(subscribe, { packageIds: ['pro', 'seats'], userId: 'leaver' });
    const [pro, seats] = made;
    const { cancelSubscription: cancelled } = await app.ok(cancel, { id: pro.id });
    expect(cancelled).toEqual(ended(pro));
    const { endedAt } = cancelled;
    const over = [
      { ...pro, status: 'CANCELLED', endedAt },
      { ...seats, status: 'CANCELLED', endedAt },
    ];
    expect(await app.ok(list, { userId: 'leaver' })).toEqual({ subscriptions: over });

    await app.ok(subscribe, { packageIds: ['pro', 'seats'], userId: 'leaver' });
    expect(await app.ok(list, { userId: 'leaver' })).toEqual({
      subscriptions: [...over, active('leaver', 'pro'), active('leaver', 'seats')],
    });
  });

  it.each(['CANCELLED', 'INCOMPLETE_EXPIRED'] as const)('refuses what is %s', async (status) => {
    const userId = `over-${status}`;
    await newUser(userId);
    const { id } = await createSubscription(app.database.prisma, { userId, packageId: 'free', status });
    expect(await app.fails(cancel, { id: `${id}` })).toMatchObject(
      refused(`Cannot cancel the subscription "${id}": it is ${status}.`, 'cancelSubscription'),
    );
    expect(await app.ok(list, { userId })).toEqual({
      subscriptions: [
        { ...active(userId, 'free'), status, endedAt: status === 'CANCELLED' ? expect.any(String) : null },
      ],
    });
  });
});

describe('changePackage', () => {
  it('swaps the base at one moment, and ends the add-ons that are not open to the new one', async () => {
    await newUser('changer');
    const { subscribe: made } = await app.ok(subscribe, {
      packageIds: ['pro', 'seats', 'pro-support'],
      userId: 'changer',
    });
    const [pro, seats, support] = made;
    const { changePackage: changed } = await app.ok(change, { userId: 'changer', packageId: 'free' });
    const { startedAt } = changed.subscription;
    expect(changed).toEqual({
      subscription: { ...active('changer', 'free'), startedAt },
      replaced: { ...pro, status: 'CANCELLED', endedAt: startedAt },
      cancelledAddons: [{ ...support, status: 'CANCELLED', endedAt: startedAt }],
    });
    expect(await app.ok(list, { userId: 'changer' })).toEqual({
      subscriptions: [changed.replaced, seats, changed.cancelledAddons[0], active('changer', 'free')],
    });
  });

  it('keeps add-ons that are open to the new base', async () => {
    await newUser('riser');
    const { subscribe: made } = await app.ok(subscribe, { packageIds: ['free', 'seats'], userId: 'riser' });
    expect(await app.ok(change, { userId: 'riser', packageId: 'pro' })).toEqual({
      changePackage: {
        subscription: { ...active('riser', 'pro'), startedAt: expect.any(String) },
        replaced: ended(made[0]),
        cancelledAddons: [],
      },
    });
  });

  it.each([
    ['the base that is held', 'free', heldAlready],
    ['an add-on', 'seats', 'Cannot change to the package "seats": it is an add-on.'],
    [
      'a package that is not published',
      'draft',
      'Cannot subscribe to the package "draft": it is DRAFT, not PUBLISHED.',
    ],
    ['an unknown package', 'nothing', 'Package Id not found for app'],
  ])('refuses %s, and changes nothing', async (_name, packageId, message) => {
    const userId = `keeps-${packageId}`;
    await newUser(userId);
    const { subscribe: made } = await app.ok(subscribe, { packageIds: ['free'], userId });
    expect(await app.fails(change, { userId, packageId })).toMatchObject(refused(message, 'changePackage'));
    expect(await app.ok(list, { userId })).toEqual({ subscriptions: made });
  });

  it('refuses a user without a base, and one who does not exist', async () => {
    await newUser('baseless');
    expect(await app.fails(change, { userId: 'baseless', packageId: 'pro' })).toMatchObject(
      refused('Cannot change the package of a user without a base package.', 'changePackage'),
    );
    expect(await app.fails(change, { userId: 'nobody', packageId: 'pro' })).toMatchObject(
      notFound('UserNotFoundError', 'There is no user with the id "nobody".', 'changePackage'),
    );
  });
});

describe('calls that race', () => {
  const held = (userId: string) =>
    app.database.prisma.subscription.findMany({
      where: { user: { id: userId }, status: 'ACTIVE' },
      select: { packageId: true },
      orderBy: { id: 'asc' },
    });

  it('leave one base of twenty subscribes', async () => {
    await newUser('crowd');
    const bodies = await race(20, subscribe, { packageIds: ['free', 'seats'], userId: 'crowd' });
    expect(bodies.filter(({ errors }) => !errors)).toEqual([
      { data: { subscribe: [active('crowd', 'free'), active('crowd', 'seats')] } },
    ]);
    for (const { errors } of bodies.filter((body) => body.errors)) {
      expect(errors).toMatchObject([refused(tiers, 'subscribe')]);
    }
    expect(await held('crowd')).toEqual([{ packageId: 'free' }, { packageId: 'seats' }]);
  });

  it('swap a base once', async () => {
    await newUser('swaps');
    await app.ok(subscribe, { packageIds: ['free'], userId: 'swaps' });
    const bodies = await race(10, change, { userId: 'swaps', packageId: 'pro' });
    expect(bodies.filter(({ errors }) => !errors)).toHaveLength(1);
    for (const { errors } of bodies.filter((body) => body.errors)) {
      expect(errors).toMatchObject([refused(heldAlready, 'changePackage')]);
    }
    expect(await held('swaps')).toEqual([{ packageId: 'pro' }]);
  });

  it('cancel once', async () => {
    await newUser('cancels');
    const { subscribe: made } = await app.ok(subscribe, { packageIds: ['free'], userId: 'cancels' });
    const { id } = made[0];
    const bodies = await race(10, cancel, { id });
    expect(bodies.filter(({ errors }) => !errors)).toEqual([
      { data: { cancelSubscription: ended(made[0]) } },
    ]);
    for (const { errors } of bodies.filter((body) => body.errors)) {
      expect(errors).toMatchObject([
        refused(`Cannot cancel the subscription "${id}": it is CANCELLED.`, 'cancelSubscription'),
      ]);
    }
  });
});
