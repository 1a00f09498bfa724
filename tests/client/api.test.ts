import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadTokenRealms } from '../../src/auth/tokens/realms.ts';
import { createUserTokens } from '../../src/auth/tokens/tokens.ts';
import { reasons } from '../../src/entitlements/rules.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { callerError } from '../helpers/errors.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const who = '{ currentUser { id } }';

/** Asks the client API; answers status and body. */
async function ask(headers: Record<string, string>, query = who) {
  const { status, body } = await app.http.post('/client/graphql').set(headers).send({ query });
  return { status, body };
}

/** The headers of simple mode. */
const simple = (userId: string, key = app.keys.publicTest) => ({ Authorization: key, 'X-User-ID': userId });

/** The headers of secure mode, with a token as the company's server gets it. */
async function secure(userId: string, key = app.keys.test) {
  const { generateUserToken } = await app.ok(
    'mutation generateUserToken($userId: String!) { generateUserToken(userId: $userId) { token } }',
    { userId },
    key,
  );
  return { Authorization: `Bearer ${generateUserToken.token}` };
}

const answers = (data: object) => ({ status: 200, body: { data } });
const is = (id: string) => answers({ currentUser: { id } });
const refused = {
  status: 401,
  body: {
    errors: [
      {
        message: expect.stringMatching(/^Unauthenticated: /),
        extensions: {
          code: 'UNAUTHENTICATED',
          exception: { name: 'AuthenticationError', message: expect.stringMatching(/^Unauthenticated: /) },
        },
      },
    ],
  },
};
const unknown = (id: string) => ({
  status: 200,
  body: {
    data: null,
    errors: [
      expect.objectContaining({
        path: ['currentUser'],
        ...callerError('NOT_FOUND', 'UserNotFoundError', `There is no user with the id "${id}".`),
      }),
    ],
  },
});

describe('currentUser', () => {
  beforeAll(async () => {
    const db = app.database.prisma;
    await createFeature(db, { id: 'sso', type: 'BINARY' });
    await db.feature.create({
      data: {
        environmentId: 'test',
        id: 'messages',
        name: 'Messages',
        type: 'CONSUMABLE',
        unitLabel: 'message',
        unitLabelPlural: 'messages',
        metadata: { colour: 'red' },
      },
    });
    await createFeature(db, { id: 'storage' });
    await createPackage(db, {
      id: 'plan',
      features: ['sso', { id: 'messages', limit: 10, resetPeriod: 'MONTH' }, 'storage'],
    });
    await createPackage(db, {
      id: 'more',
      isAddon: true,
      features: [{ id: 'messages', limit: 50, resetPeriod: 'MONTH', overageEnabled: true }],
    });
    await createPackage(db, { id: 'other', features: ['sso'] });
    await createPackage(db, { id: 'scarce', features: [{ id: 'messages', limit: 2 }] });
    for (const id of ['anna', 'nobody']) await createUser(db, { id, email: `${id}@example.com` });
    await createSubscription(db, { userId: 'anna', packageId: 'plan' });
    await createSubscription(db, { userId: 'anna', packageId: 'more' });
    await app.ok(
      'mutation { recordUsage(input: { userId: "anna", featureId: "messages", delta: 7 }) { recorded } }',
    );
  });

  const everything = `{ currentUser { id name email subscribedPackages { id name isAddon metadata features {
    id name type unitLabel unitLabelPlural metadata
    entitlement { access reason consumption { used budget overageEnabled } } } } } }`;

  it('tells the user, the packages, and what is left of each feature', async () => {
    const sso = {
      id: 'sso',
      name: 'sso',
      type: 'BINARY',
      unitLabel: null,
      unitLabelPlural: null,
      metadata: {},
      entitlement: { access: true, reason: reasons.binary, consumption: null },
    };
    // The plan grants 10, but the add-on 50: the highest limit counts, wherever the feature is met.
    const messages = {
      id: 'messages',
      name: 'Messages',
      type: 'CONSUMABLE',
      unitLabel: 'message',
      unitLabelPlural: 'messages',
      metadata: { colour: 'red' },
      entitlement: {
        access: true,
        reason: reasons.consumable,
        consumption: { used: 7, budget: 50, overageEnabled: true },
      },
    };
    const storage = {
      ...sso,
      id: 'storage',
      name: 'storage',
      type: 'CONSUMABLE',
      entitlement: {
        access: true,
        reason: reasons.consumable,
        consumption: { used: 0, budget: null, overageEnabled: false },
      },
    };
    const plan = {
      id: 'plan',
      name: 'plan',
      isAddon: false,
      metadata: {},
      features: [sso, messages, storage],
    };
    const more = { id: 'more', name: 'more', isAddon: true, metadata: {}, features: [messages] };
    expect(await ask(simple('anna'), everything)).toEqual(
      answers({
        currentUser: {
          id: 'anna',
          name: null,
          email: 'anna@example.com',
          subscribedPackages: [plan, more],
        },
      }),
    );
  });

  it('tells of a user without a subscription that there are no packages', async () => {
    expect(await ask(simple('nobody'), '{ currentUser { id subscribedPackages { id } } }')).toEqual(
      answers({ currentUser: { id: 'nobody', subscribedPackages: [] } }),
    );
  });

  it.each([
    ['ACTIVE', ['other']],
    ['TRIALING', ['other']],
    ['CANCELLED', []],
    ['PAST_DUE', []],
    ['UNPAID', []],
    ['INCOMPLETE', []],
    ['INCOMPLETE_EXPIRED', []],
  ] as const)('of a subscription that is %s tells %j', async (status, packages) => {
    const userId = `is-${status}`;
    await createUser(app.database.prisma, { id: userId });
    await createSubscription(app.database.prisma, { userId, packageId: 'other', status });

    expect(await ask(simple(userId), '{ currentUser { subscribedPackages { id } } }')).toEqual(
      answers({ currentUser: { subscribedPackages: packages.map((id) => ({ id })) } }),
    );
  });

  it('takes access away when nothing is left for one more', async () => {
    await createUser(app.database.prisma, { id: 'thrifty' });
    await createSubscription(app.database.prisma, { userId: 'thrifty', packageId: 'scarce' });
    await app.ok(
      'mutation { recordUsage(input: { userId: "thrifty", featureId: "messages", delta: 2 }) { recorded } }',
    );

    const query = `{ currentUser { subscribedPackages { features {
      entitlement { access reason consumption { used budget overageEnabled } } } } } }`;
    const entitlement = {
      access: false,
      reason: reasons.notEnough,
      consumption: { used: 2, budget: 2, overageEnabled: false },
    };
    expect(await ask(simple('thrifty'), query)).toEqual(
      answers({ currentUser: { subscribedPackages: [{ features: [{ entitlement }] }] } }),
    );
  });

  it('takes as many statements for two packages and thirty features as for one of each', async () => {
    const db = app.database.prisma;
    const features = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    for (const id of features) await createFeature(db, { id });
    await createPackage(db, { id: 'wide', features });
    await createPackage(db, { id: 'wider', isAddon: true, features });
    await createUser(db, { id: 'rich' });
    await createUser(db, { id: 'poor' });
    for (const packageId of ['wide', 'wider']) await createSubscription(db, { userId: 'rich', packageId });
    await createSubscription(db, { userId: 'poor', packageId: 'scarce' });

    const ofPoor = await statementsOf(() => ask(simple('poor'), everything));
    const ofRich = await statementsOf(() => ask(simple('rich'), everything));

    expect(ofRich).toHaveLength(ofPoor.length);
    expect(ofPoor.filter((statement) => statement.includes('unnest'))).toHaveLength(1);
  });
});

describe('what the user has, and what can be had', () => {
  const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);

  it('tells every entitlement with its usage, period and package, granted ones too', async () => {
    await createUser(app.database.prisma, { id: 'rita' });
    await createSubscription(app.database.prisma, { userId: 'rita', packageId: 'plan' });
    await app.ok(
      'mutation { grantFeature(input: { userId: "rita", featureId: "storage", limit: 5 }) { id } }',
    );
    await app.ok('mutation { topUp(input: { userId: "rita", featureId: "messages", amount: 3 }) { id } }');
    await app.ok(
      'mutation { recordUsage(input: { userId: "rita", featureId: "messages", delta: 7 }) { recorded } }',
    );
    const query = `query ($featureId: String) { entitlements(featureId: $featureId) {
      feature { id } access packageId periodStart periodEnd consumption { used budget remaining } } }`;
    const { body } = await app.http.post('/client/graphql').set(simple('rita')).send({ query });
    const consumption = { used: 7, budget: 10, remaining: 6 };
    const messages = { feature: { id: 'messages' }, access: true, packageId: 'plan', consumption };
    expect(body).toEqual({
      data: {
        entitlements: [
          {
            ...{ feature: { id: 'sso' }, access: true, packageId: 'plan', consumption: null },
            ...{ periodStart: null, periodEnd: null },
          },
          { ...messages, periodStart: instant, periodEnd: instant },
          expect.objectContaining({ feature: { id: 'storage' }, periodStart: instant, periodEnd: null }),
        ],
      },
    });
    const only = await app.http
      .post('/client/graphql')
      .set(simple('rita'))
      .send({ query, variables: { featureId: 'messages' } });
    expect(only.body.data.entitlements).toHaveLength(1);
  });

  it('tells the usage by period, and subscriptions that have not ended', async () => {
    const query = `{ showUsage(featureId: "messages") {
        current { periodStart periodEnd consumption { used remaining } } past { periodStart } }
      currentUser { subscriptions { packageId version status isAddon startedAt trialEnd cancelsAt } } }`;
    const held = { version: 1, status: 'ACTIVE', startedAt: instant, trialEnd: null, cancelsAt: null };
    expect(await ask(simple('anna'), query)).toEqual(
      answers({
        showUsage: {
          current: { periodStart: instant, periodEnd: instant, consumption: { used: 7, remaining: 43 } },
          past: [],
        },
        currentUser: {
          subscriptions: [
            { ...held, packageId: 'plan', isAddon: false },
            { ...held, packageId: 'more', isAddon: true },
          ],
        },
      }),
    );
  });

  it('tells the published packages with limits and prices, without hidden ones and drafts', async () => {
    const { prisma } = app.database;
    const price = { id: 'price_1', amount: 5000, currency: 'eur', interval: 'month' };
    await createPackage(prisma, { id: 'sold', features: [{ id: 'messages', limit: 3 }], prices: [price] });
    for (const [id, metadata] of Object.entries({ secret: { hidden: true }, open: { hidden: false } })) {
      await createPackage(prisma, { id });
      await prisma.package.update({
        where: { environmentId_id: { environmentId: 'test', id } },
        data: { metadata },
      });
    }
    await createPackage(prisma, { id: 'draft', status: 'DRAFT' });
    await app.ok('mutation { updatePackage(id: "other", input: { metadata: null }) { id } }');
    const query = `query ($first: Int, $after: String) { packages(first: $first, after: $after) {
      id version isAddon prices { id amount displayAmount currency interval }
      packageFeatures { featureId name type unitLabel limit resetPeriod resetEvery overageEnabled } } }`;
    const send = async (variables = {}) =>
      (await app.http.post('/client/graphql').set(simple('nobody')).send({ query, variables })).body.data
        .packages;
    const packages = await send();
    const ids = packages.map(({ id }: { id: string }) => id);
    expect(ids).toEqual(expect.arrayContaining(['plan', 'more', 'other', 'sold', 'open']));
    expect(ids).not.toEqual(expect.arrayContaining(['secret']));
    expect(ids).not.toEqual(expect.arrayContaining(['draft']));
    const [first] = await send({ first: 1, after: ids[ids.indexOf('sold') - 1] });
    expect(first).toEqual({
      ...{ id: 'sold', version: 1, isAddon: false },
      prices: [{ ...price, displayAmount: '50.00' }],
      packageFeatures: [
        {
          ...{ featureId: 'messages', name: 'messages', type: 'CONSUMABLE', unitLabel: 'message' },
          ...{ limit: 3, resetPeriod: null, resetEvery: 1, overageEnabled: false },
        },
      ],
    });
  });

  it('takes as many statements for many features and packages as for few', async () => {
    const query =
      '{ entitlements { feature { id } } packages { id prices { id } packageFeatures { name } } currentUser { subscriptions { id } } }';
    const ofPoor = await statementsOf(() => ask(simple('poor'), query));
    const ofRich = await statementsOf(() => ask(simple('rich'), query));
    expect(ofRich).toHaveLength(ofPoor.length);
  });
});

describe('a request stands for the user', () => {
  beforeAll(async () => {
    for (const id of ['ben', 'zoë']) await createUser(app.database.prisma, { id });
    await createUser(app.database.prisma, { id: 'ben' }, { in: 'live' });
    await createUser(app.database.prisma, { id: 'only-live' }, { in: 'live' });
  });

  it.each<[string, () => Promise<Record<string, string>> | Record<string, string>, string]>([
    ['whom X-User-ID names, beside a public key', () => simple('ben'), 'ben'],
    [
      'whom X-User-ID names, beside a public key after Bearer',
      () => simple('ben', `Bearer ${app.keys.publicTest}`),
      'ben',
    ],
    ['whose id is not ASCII', () => simple('zoë'), 'zoë'],
    ['whom the token names', () => secure('ben'), 'ben'],
    [
      'whom the token names, without Bearer',
      async () => ({ Authorization: (await secure('ben')).Authorization.slice(7) }),
      'ben',
    ],
    [
      'whom the token names, not the one in X-User-ID',
      async () => ({ ...(await secure('ben')), 'X-User-ID': 'zoë' }),
      'ben',
    ],
    ['whatever version of the API it asks for', () => ({ ...simple('ben'), 'X-API-Version': '0.1' }), 'ben'],
  ])('%s', async (_whom, headers, id) => {
    expect(await ask(await headers())).toEqual(is(id));
  });

  it('whom X-User-ID names in the way in which browsers write it', async () => {
    const headers = { ...simple('zoë'), 'Content-Type': 'application/json' };
    const body = JSON.stringify({ query: who });
    const response = await fetch(`${app.url}/client/graphql`, { method: 'POST', headers, body });

    expect(await response.json()).toEqual({ data: { currentUser: { id: 'zoë' } } });
  });

  it('of the environment of its key or token, and of no other', async () => {
    const inLive = simple('only-live', app.keys.publicLive);
    expect(await ask(inLive)).toEqual(is('only-live'));
    expect(await ask(simple('only-live'))).toEqual(unknown('only-live'));
    expect(await ask(await secure('only-live', app.keys.live))).toEqual(is('only-live'));

    const email = 'live@example.com';
    await app.database.prisma.user.updateMany({
      where: { environmentId: 'live', id: 'ben' },
      data: { email },
    });
    const query = '{ currentUser { email } }';
    expect(await ask(await secure('ben', app.keys.live), query)).toEqual(answers({ currentUser: { email } }));
    expect(await ask(await secure('ben'), query)).toEqual(answers({ currentUser: { email: null } }));
  });
});

describe('a request is unauthenticated', () => {
  beforeAll(() => createUser(app.database.prisma, { id: 'cleo' }));

  /** A token of this server's own, made at another time. */
  async function tokenMadeAt(at: Date) {
    const realms = await loadTokenRealms(app.database.prisma, [], testEncryption);
    const token = await createUserTokens(realms, 'usekana.com').issue(
      { environmentId: 'test', userId: 'cleo' },
      at,
    );
    return { Authorization: `Bearer ${token}` };
  }
  const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 60 * 60 * 1000);

  it('never, if its token is a month old but for an hour', async () => {
    expect(await ask(await tokenMadeAt(daysAgo(30 - 1 / 24)))).toEqual(is('cleo'));
  });

  it.each<[string, () => Promise<Record<string, string>> | Record<string, string>]>([
    ['without any credentials', () => ({})],
    ['with the id of a user alone', () => ({ 'X-User-ID': 'cleo' })],
    ['with a public key alone', () => ({ Authorization: app.keys.publicTest })],
    ['with a public key and an empty id', () => simple('')],
    ['with a public key that was never issued', () => simple('cleo', `pub_test_${'a'.repeat(32)}`)],
    ['with a private key', () => simple('cleo', app.keys.test)],
    ['with an expired token', () => tokenMadeAt(daysAgo(31))],
    [
      'with a token of which a letter was changed',
      async () => {
        const { Authorization } = await secure('cleo');
        const at = Authorization.length - 10;
        const letter = Authorization[at] === 'A' ? 'B' : 'A';
        return { Authorization: `${Authorization.slice(0, at)}${letter}${Authorization.slice(at + 1)}` };
      },
    ],
    [
      'with a token of another installation',
      async () => {
        const elsewhere = [
          { environmentId: 'test', appId: 'test_app', secrets: ['a secret of somebody else'] },
        ];
        const user = { environmentId: 'test', userId: 'cleo' };
        const token = await createUserTokens(elsewhere, 'usekana.com').issue(user, new Date());
        return { Authorization: `Bearer ${token}` };
      },
    ],
    ['with anything else', () => ({ Authorization: 'Bearer let-me-in' })],
  ])('%s', async (_how, headers) => {
    expect(await ask(await headers())).toEqual(refused);
  });

  it('on the admin API, with a public key or a user token', async () => {
    const admin = async (headers: Record<string, string>) => {
      const { status, body } = await app.http
        .post('/graphql')
        .set(headers)
        .send({ query: '{ users { id } }' });
      return { status, body };
    };
    expect(await admin(simple('cleo'))).toEqual(refused);
    expect(await admin(await secure('cleo'))).toEqual(refused);
  });

  it('never, if it only asks for the schema', async () => {
    expect(await ask({}, '{ __schema { queryType { name } mutationType { name } } }')).toEqual(
      answers({ __schema: { queryType: { name: 'Query' }, mutationType: null } }),
    );
  });
});

describe('a user who is not there any more', () => {
  it.each<[string, (userId: string) => Promise<object> | object]>([
    ['X-User-ID', (userId) => simple(userId)],
    ['a token', (userId) => secure(userId)],
  ])('named by %s, is a UserNotFoundError', async (by, headersOf) => {
    const { key } = await createUser(app.database.prisma, { id: `gone-${by}` });
    const headers = { ...(await headersOf(`gone-${by}`)) };
    await app.database.prisma.user.delete({ where: { key } });

    expect(await ask(headers)).toEqual(unknown(`gone-${by}`));
  });

  it('because another id was given, is found by the new id only', async () => {
    await createUser(app.database.prisma, { id: 'maiden' });
    const former = await secure('maiden');
    await app.ok('mutation { updateUser(id: "maiden", input: { id: "married" }) { id } }');

    expect(await ask(former)).toEqual(unknown('maiden'));
    expect(await ask(await secure('married'))).toEqual(is('married'));
  });

  it('because of a merge, is the survivor', async () => {
    const { prisma } = app.database;
    const survivor = await createUser(prisma, { id: 'survivor' });
    const { key } = await createUser(prisma, { id: 'merged' });
    await createSubscription(prisma, { userId: 'survivor', packageId: 'scarce' });
    const former = await secure('merged');
    await prisma.user.update({ where: { key }, data: { mergedInto: survivor.key } });

    const query = '{ currentUser { id subscribedPackages { features { entitlement { access } } } } }';
    const expected = answers({
      currentUser: {
        id: 'survivor',
        subscribedPackages: [{ features: [{ entitlement: { access: true } }] }],
      },
    });
    for (const headers of [former, simple('merged'), await secure('merged')])
      expect(await ask(headers, query)).toEqual(expected);
  });
});

describe('generateUserToken', () => {
  const generate = 'mutation ($userId: String!) { generateUserToken(userId: $userId) { token } }';

  it('needs a user who exists in the environment of the key', async () => {
    await createUser(app.database.prisma, { id: 'tina' });

    for (const [userId, key] of [
      ['nobody-at-all', app.keys.test],
      ['tina', app.keys.live],
    ] as const) {
      const message = `There is no user with the id "${userId}".`;
      expect(await app.fails(generate, { userId }, key)).toMatchObject({
        path: ['generateUserToken'],
        ...callerError('NOT_FOUND', 'UserNotFoundError', message),
      });
    }
  });

  it('needs an id that a user can have', async () => {
    expect(await app.fails(generate, { userId: ' ' })).toMatchObject(
      callerError('BAD_USER_INPUT', 'ValidationError', 'userId: must not be blank'),
    );
  });
});

it('refuses an X-User-ID that nobody can have', async () => {
  expect(await ask(simple('x'.repeat(256)))).toMatchObject({
    status: 200,
    body: {
      errors: [callerError('BAD_USER_INPUT', 'ValidationError', 'X-User-ID: must be at most 255 characters')],
    },
  });
});

it('shows GraphiQL for itself to a browser that comes by', async () => {
  const { status, text } = await app.http.get('/client/graphql').set('Accept', 'text/html');

  expect(status).toBe(200);
  expect(text).toContain('/client/graphql');
});
