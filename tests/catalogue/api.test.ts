import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { countRows } from '../helpers/rows.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const file = {
  version: '1.0.0',
  features: [
    { id: 'dashboard', name: 'Dashboard', type: 'BINARY' },
    {
      id: 'api-calls',
      name: 'API calls',
      type: 'CONSUMABLE',
      unit_label: 'call',
      unit_label_plural: 'calls',
      metadata: { team: 'platform' },
    },
  ],
  packages: {
    draft: [{ id: 'next', name: 'Next', features: [] }],
    published: [
      {
        id: 'pro',
        name: 'Pro',
        features: [{ id: 'api-calls', limit: 1000, reset_period: 'MONTH' }, { id: 'dashboard' }],
        prices: [
          { id: 'price_2', provider: 'STRIPE', amount: 5000, currency: 'gbp', interval: 'month' },
          { id: 'price_1', provider: 'STRIPE', amount: 50_000, currency: 'gbp', interval: 'year' },
        ],
      },
      { id: 'free', name: 'Free', features: [{ id: 'api-calls', name: 'Calls', limit: null }] },
    ],
  },
  addons: {
    draft: [],
    published: [
      {
        id: 'more-calls',
        name: 'More calls',
        features: [{ id: 'api-calls', limit: 500, overage_enabled: true }],
        metadata: { sold: 'online' },
        base_packages: ['pro', 'free'],
      },
    ],
  },
};

const pull = (key = app.keys.test) => app.http.get('/cli/pull').set('Authorization', key);
const validate = (body: object, key = app.keys.test) =>
  app.http.post('/cli/validate').set('Authorization', key).send(body);
const publish = (body: object, key = app.keys.test) =>
  app.http.post('/cli/publish').set('Authorization', key).send(body);

const catalogue = `{
  features { id name type unitLabel unitLabelPlural metadata }
  packages(status: "ALL") { id name isAddon status metadata basePackages { id }
    features { id name limit resetPeriod overageEnabled }
    prices { id provider amount currency interval } } }`;

/** Everything that a catalogue consists of, away. */
async function clear() {
  const { prisma } = app.database;
  await prisma.packageFeature.deleteMany();
  await prisma.packageBase.deleteMany();
  await prisma.packagePrice.deleteMany();
  await prisma.package.deleteMany();
  await prisma.feature.deleteMany();
}

describe('into an empty environment', () => {
  beforeEach(clear);

  test('pulling answers an empty file', async () => {
    const { status, body } = await pull();
    const none = { draft: [], published: [] };
    expect([status, body]).toEqual([
      200,
      { app: 'test_app', version: '1.0.0', features: [], packages: none, addons: none },
    ]);
  });

  test('publishing builds the catalogue: in the order of the file, and exactly', async () => {
    const lines = [
      'New BINARY feature "dashboard".',
      'New CONSUMABLE feature "api-calls".',
      'New published package "pro".',
      'New published package "free".',
      'New draft package "next".',
      'New published add-on "more-calls".',
    ];
    expect((await validate(file)).body).toEqual({ data: lines });
    const { status, body } = await publish(file);
    expect([status, body]).toEqual([200, { ...file, app: 'test_app', data: lines }]);
    expect((await pull()).body).toEqual({ ...file, app: 'test_app' });
    expect((await validate(file)).body).toEqual({ data: [] });
  });

  test('what was pulled from one environment makes the other the same', async () => {
    await publish(file);
    const { body } = await pull();
    await publish(body, app.keys.live);
    expect((await pull(app.keys.live)).body).toEqual({ ...body, app: 'live_app' });
    expect(await app.ok(catalogue, {}, app.keys.live)).toEqual(await app.ok(catalogue));
  });

  test('what is published can be subscribed at once', async () => {
    await publish(file);
    await app.ok('mutation { createUser(input: { id: "124" }) { id } }');
    const subscribe =
      'mutation { subscribe(userId: "124", packageIds: ["pro", "more-calls"]) { status package { id } } }';
    expect(await app.ok(subscribe)).toEqual({
      subscribe: [
        { status: 'ACTIVE', package: { id: 'pro' } },
        { status: 'ACTIVE', package: { id: 'more-calls' } },
      ],
    });
    await app.database.prisma.subscription.deleteMany();
    await app.database.prisma.user.deleteMany();
  });
});

describe('pull, edit, validate, publish, pull', () => {
  beforeEach(async () => {
    await clear();
    await publish(file);
  });

  test('changes what can change, and is stable', async () => {
    const { body: pulled } = await pull();
    expect((await validate(pulled)).body).toEqual({ data: [] });

    const edited = structuredClone(pulled);
    edited.features[1].name = 'API requests';
    edited.features.push({ id: 'seats', name: 'Seats', type: 'CONSUMABLE' });
    const [draft] = edited.packages.draft.splice(0, 1);
    edited.packages.published.push({ ...draft, name: 'Team', features: [{ id: 'seats', limit: 5 }] });
    edited.packages.published[0].prices.shift();
    edited.addons.draft.push({ id: 'vip', name: 'VIP', features: [], base_packages: ['next'] });

    const lines = [
      'Feature "api-calls": name "API calls" becomes "API requests".',
      'New CONSUMABLE feature "seats".',
      'Published package "pro": price "price_2" is removed.',
      'Draft package "next": name "Next" becomes "Team"; feature "seats" is added; is published permanently.',
      'New draft add-on "vip".',
    ];
    expect((await validate(edited)).body).toEqual({ data: lines });
    const { body: published } = await publish(edited);
    expect(published.data).toEqual(lines);

    const { body: again } = await pull();
    expect({ ...again, data: lines }).toEqual(published);
    // Packages keep the name that a feature had when it joined.
    edited.packages.published[0].features[0].name = 'API calls';
    edited.addons.published[0].features[0].name = 'API calls';
    expect(again).toEqual(edited);
    expect((await validate(again)).body).toEqual({ data: [] });
    expect((await publish(again)).body).toEqual({ ...again, data: [] });
  });

  test('never destroys: what cannot be done is told, and the rest is done', async () => {
    const { body: pulled } = await pull();
    const before = await app.ok(catalogue);
    const edited = {
      features: [
        { id: 'dashboard', name: 'Dashboard', type: 'CONSUMABLE' },
        { id: 'seats', name: 'Seats', type: 'CONSUMABLE' },
      ],
      packages: {
        published: [{ id: 'pro', name: 'Pro', features: [{ id: 'api-calls', limit: 1 }] }],
        draft: [{ id: 'free', name: 'Free', features: [{ id: 'api-calls', limit: null }] }],
      },
      addons: null,
    };
    const { body } = await publish(edited);
    expect(body).toEqual({
      ...pulled,
      features: [...pulled.features, { id: 'seats', name: 'Seats', type: 'CONSUMABLE' }],
      packages: {
        ...pulled.packages,
        published: pulled.packages.published.map((each: { id: string }) =>
          each.id === 'pro' ? { ...each, features: [{ id: 'api-calls', limit: 1 }] } : each,
        ),
      },
      data: [
        `[ERROR] Feature "dashboard" is BINARY, and a feature's type never changes: create a CONSUMABLE feature with another id.`,
        'New CONSUMABLE feature "seats".',
        'Will publish version 2 of package "pro": feature "dashboard" is removed; limit of "api-calls" 1000 becomes 1; reset period of "api-calls" "MONTH" becomes never. Nobody is subscribed to it.',
        '[ERROR] Published package "free" cannot become a draft again: it stays published. To prepare its next version, list it as published too.',
        '[WARNING] Feature "api-calls" is not in the file. It is kept: features are never deleted.',
        '[WARNING] Draft "next" is not in the file. It is kept. To discard it, archive it (archivePackage).',
        '[ERROR] Package "more-calls" is published and not in the file. It is kept for its subscribers. To stop new subscriptions, archive it (archivePackage).',
      ],
    });
    const after = await app.ok(catalogue);
    const others = ({ packages }: { packages: { id: string }[] }) =>
      packages.filter(({ id }) => id !== 'pro');
    expect(others(after)).toEqual(others(before));
    expect(after.features.slice(0, 2)).toEqual(before.features);
  });

  test('the file that the original’s command sends back, without app and add-ons, is up to date', async () => {
    const { features, packages } = (await pull()).body;
    expect((await validate({ version: '1.0.0', features, packages })).body).toEqual({ data: [] });
  });

  test('archived packages are no part of the file, and their ids stay taken', async () => {
    await app.ok('mutation { archivePackage(id: "free") { id } }');
    const { body } = await pull();
    expect(body.packages.published.map(({ id }: { id: string }) => id)).toEqual(['pro']);
    expect(body.addons.published[0].base_packages).toEqual(['pro', 'free']);
    expect((await validate(body)).body).toEqual({ data: [] });
    expect((await validate(file)).body).toEqual({
      data: ['[ERROR] Package "free" is archived permanently: choose another id.'],
    });
  });

  test('a change moves updatedAt, and no other package’s', async () => {
    const updated = async () =>
      (await app.ok('{ packages(status: "ALL") { id updatedAt } }')).packages.map(
        ({ id, updatedAt }: { id: string; updatedAt: string }) => [id, updatedAt],
      );
    const before = new Map<string, string>(await updated());
    const changed = structuredClone(file);
    changed.packages.draft[0] = { id: 'next', name: 'Other', features: [] };
    await publish(changed);
    const moved = (await updated()).filter(([id, at]: string[]) => before.get(id ?? '') !== at);
    expect(moved.map(([id]: string[]) => id)).toEqual(['next']);
  });
});

describe('publishing at the same moment', () => {
  beforeEach(clear);

  test('the same file twice makes everything once', async () => {
    const answers = await Promise.all([publish(file), publish(file), publish(file)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map(({ body }) => body.data.length).sort()).toEqual([0, 0, 6]);
    expect((await pull()).body).toEqual({ ...file, app: 'test_app' });
  });

  test('files with the same new things in another order do not stop each other', async () => {
    const features = Array.from({ length: 20 }, (_, index) => ({
      id: `f${index}`,
      name: `f${index}`,
      type: 'BINARY',
    }));
    const reversed = [...features].reverse();
    const answers = await Promise.all(
      [features, reversed, features].map((each) => publish({ features: each })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await pull()).body.features).toHaveLength(20);
  });

  test('a feature that the API makes meanwhile is planned again, not a failure', async () => {
    const create = 'mutation ($id: String!) { createFeature(input: { id: $id, type: BINARY }) { id } }';
    const ids = Array.from({ length: 30 }, (_, index) => `f${index}`);
    const [published] = await Promise.all([
      publish({ features: ids.map((id) => ({ id, name: 'published', type: 'BINARY' })) }),
      ...[...ids].reverse().map((id) => app.ok(create, { id }).catch(() => undefined)),
    ]);
    expect(published.status).toBe(200);
    expect((await pull()).body.features.map(({ name }: { name: string }) => name)).toEqual(
      ids.map(() => 'published'),
    );
  });
});

describe('who may not', () => {
  const unauthenticated = {
    errors: [
      {
        message: 'Unauthenticated: send a valid private key in the Authorization header.',
        extensions: {
          code: 'UNAUTHENTICATED',
          exception: {
            name: 'AuthenticationError',
            message: 'Unauthenticated: send a valid private key in the Authorization header.',
          },
        },
      },
    ],
    data: ['[ERROR] Unauthenticated: send a valid private key in the Authorization header.'],
  };

  it.each([
    ['no key', () => ''],
    ['a public key', () => app.keys.publicTest],
    ['an unknown key', () => `prv_test_${'x'.repeat(32)}`],
  ])('%s is answered 401 at every door, and changes nothing', async (_, key) => {
    const before = await countRows(app.database);
    for (const request of [pull(key()), validate(file, key()), publish(file, key())]) {
      const { status, body } = await request;
      expect([status, body]).toEqual([401, unauthenticated]);
    }
    expect(await countRows(app.database)).toEqual(before);
  });

  it('is the one with the wrong method', async () => {
    expect((await app.http.post('/cli/pull')).status).toBe(405);
    expect((await app.http.get('/cli/publish')).status).toBe(405);
  });
});

describe('what is no configuration file', () => {
  it.each([
    ['no JSON', '{', ['The body is not JSON.']],
    [
      'a number that JSON does not hold exactly',
      '{"features":[{"id":"a","name":"A","type":"BINARY","metadata":{"a":12345678901234567890}}]}',
      ['features.0.metadata: must hold only numbers that JSON holds exactly: send others as text'],
    ],
    [
      'what is nested so deeply that it cannot be copied',
      `{"features":[${'['.repeat(50_000)}${']'.repeat(50_000)}]}`,
      ['features.0: Invalid input: expected object, received array'],
    ],
    ['no object', '[]', ['must be an object with features, packages and addons']],
    [
      'wrong in several places',
      JSON.stringify({ features: [{ id: '', name: 'x', type: 'OTHER' }], packages: 'none' }),
      [
        'features.0.id: must not be blank',
        'features.0.type: must be CONSUMABLE or BINARY',
        'packages: Invalid input: expected object, received string',
      ],
    ],
  ])('%s is answered 400, with every problem', async (_, body, messages) => {
    const before = await countRows(app.database);
    for (const path of ['/cli/validate', '/cli/publish']) {
      const answer = await app.http
        .post(path)
        .set('Authorization', app.keys.test)
        .set('Content-Type', 'application/json')
        .send(body);
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({
        errors: messages.map((message) => ({
          message,
          extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
        })),
        data: messages.map((message) => `[ERROR] ${message}`),
      });
    }
    expect(await countRows(app.database)).toEqual(before);
  });
});
