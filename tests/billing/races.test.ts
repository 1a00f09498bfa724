import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startBillingApp } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

// The connection, packages and users change while Stripe is asked, events are projected and an import runs.

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingApp>>;

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingApp(stripe);
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

const rounds = Number(process.env.ROUNDS ?? 2);

/** Holds the answer to the next such call until `release`. */
function hold(call: string) {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    stripe.delays = (name) => {
      if (name !== call) return undefined;
      stripe.delays = () => undefined;
      resolve();
      return released;
    };
  });
  return { reached, release: () => release() };
}

const importState = async () =>
  (await server.app.ok('{ stripeConnection { accountId import { state customers } } }')).stripeConnection;

test('what a former account still answers is not stored once another one is connected', async () => {
  const { app } = server;
  const { prisma } = app.database;
  for (let index = 0; index < 6; index += 1)
    stripe.subscribe(stripe.createCustomer(`former${index}@example.com`), [stripe.createPrice('Former')]);
  for (const call of ['GET /v1/customers', 'GET /v1/prices', 'GET /v1/subscriptions']) {
    stripe.accountId = 'acct_1';
    await server.connect();
    const held = hold(call);
    await app.ok('mutation { importStripe { accountId } }');
    await held.reached;
    await app.ok('mutation { disconnectStripe { accountId } }');
    stripe.accountId = 'acct_2';
    await server.connect();
    held.release();
    await server.settle();
    expect(await importState()).toEqual({ accountId: 'acct_2', import: { state: null, customers: 0 } });
    expect([call, await prisma.stripeCustomer.count(), await prisma.stripePrice.count()]).toEqual([
      call,
      0,
      0,
    ]);
  }
  await app.ok('mutation { disconnectStripe { accountId } }');
  stripe.accountId = 'acct_1';
  stripe.forget();
});

test('a key that is replaced while an import runs does not end it', async () => {
  await server.connect();
  for (let index = 0; index < 6; index += 1) stripe.createCustomer(`rotated${index}@example.com`);
  const held = hold('GET /v1/subscriptions');
  await server.app.ok('mutation { importStripe { accountId } }');
  await held.reached;
  stripe.nextSecretKey = 'sk_test_next';
  await server.connect({ secretKey: 'sk_test_next' });
  stripe.secretKey = '';
  held.release();
  await server.settle();
  expect(await importState()).toEqual({ accountId: 'acct_1', import: { state: 'DONE', customers: 6 } });
  stripe.secretKey = 'sk_test_ours';
  await server.connect();
});

test('a package that is deleted while it gets a price, a template or a meter is not found', async () => {
  const { app } = server;
  const [sold, template] = [stripe.createPrice('Sold'), stripe.createPrice('Template')];
  stripe.createMeter('calls');
  await server.importAll();
  const create = (id: string) =>
    app.ok(`mutation { createPackage(input: { id: "${id}",
      features: [{ id: "calls", entitlement: { limit: 1, resetPeriod: MONTH } }] }) { id } }`);
  const outcomeOf = async (mutation: string) => {
    const { body } = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.test)
      .send({ query: `mutation { ${mutation} }` });
    const [error] = body.errors ?? [];
    return error === undefined ? 'done' : (error.extensions.exception?.name ?? error.extensions.code);
  };
  await create('asked');
  const held = hold('POST /v1/prices');
  const making = outcomeOf(
    'createProviderPrice(packageId: "asked", input: { productName: "x", amount: 1, currency: "eur" }) { id }',
  );
  await held.reached;
  await app.ok('mutation { deleteDraftPackage(id: "asked") { id } }');
  held.release();
  expect(await making).toBe('PackageNotFoundError');
  const allowed = [
    'done',
    'PackageNotFoundError',
    'FeatureNotFoundError',
    'ValidationError',
    'PriceMappedError',
  ];
  for (let round = 0; round < 6; round += 1) {
    const id = `short${round}`;
    await create(id);
    await app.ok(`mutation { mapPrice(priceId: "${template}", packageId: "${id}") { id } }`);
    const outcomes = await Promise.all([
      outcomeOf(`createBillingTemplate(packageId: "${id}",
        input: { id: "${id}", currency: "eur", interval: "month", prices: ["${template}"] }) { id }`),
      outcomeOf(`mapPrice(priceId: "${sold}", packageId: "${id}") { id }`),
      outcomeOf(
        `createBillingMeter(input: { packageId: "${id}", featureId: "calls", eventName: "calls", sends: ALL }) { id }`,
      ),
      outcomeOf(`deleteDraftPackage(id: "${id}") { id }`),
    ]);
    expect(allowed).toEqual(expect.arrayContaining(outcomes.slice(0, 3)));
    expect(outcomes[3]).not.toBe('INTERNAL_SERVER_ERROR');
    await outcomeOf(`deleteBillingMeter(packageId: "${id}", featureId: "calls") { id }`);
    await outcomeOf(`deleteDraftPackage(id: "${id}") { id }`);
  }
  await server.settle();
});

test('whatever comes first, in the end everybody holds what is paid, and who is deleted stays deleted', async () => {
  const { app } = server;
  const names = ['free', 'pro', 'extra'];
  const prices = names.map((name) => stripe.createPrice(name));
  await server.connect();
  await server.importAll();
  for (const [index, name] of names.entries())
    await app.ok(`mutation { mapPrice(priceId: "${prices[index]}", packageId: "${name}") { id } }`);
  await server.settle();
  for (let round = 0; round < rounds; round += 1) {
    const people = Array.from({ length: 12 }, (_, index) => `r${round}-${index}@example.com`);
    const before = stripe.events.length;
    const subscriptions = people.map((email, index) =>
      stripe.subscribe(stripe.createCustomer(email), [prices[index % 3] ?? '']),
    );
    await server.deliver(stripe.events.slice(before));
    const changed = stripe.events.length;
    for (const [index, id] of subscriptions.entries())
      stripe.change(id, (row) => {
        row.status = (index + round) % 2 === 0 ? 'active' : 'past_due';
      });
    const events = stripe.events.slice(changed);
    const merges = [0, 4, 8].map((index) => [people[index], people[index + 1]]);
    const deleted = [people[2], people[6], people[10]];
    await Promise.all([
      ...[...events, ...events].map((event) => server.post(event)),
      ...merges.map((ids) => app.ok(`mutation { mergeUsers(ids: ${JSON.stringify(ids)}) { id } }`)),
      ...deleted.map((id) => app.ok(`mutation { deleteUser(id: "${id}") { id } }`)),
      app.ok('mutation { importStripe { accountId } }'),
    ]);
    await server.settle();
    await server.everyMinute();
    expect(await server.verify()).toEqual([]);
    const users = (await app.ok('{ users { id } }')).users.map(({ id }: { id: string }) => id);
    for (const id of deleted) expect(users).not.toContain(id);
    // The oldest one survives; users were created by several at once.
    for (const pair of merges) expect(users.filter((id: string) => pair.includes(id))).toHaveLength(1);
  }
});
