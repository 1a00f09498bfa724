import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestApp } from '../helpers/app.ts';
import { startBillingApp } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

// Stripe refuses, is away, or says what nobody expects: callers learn why, nothing is half written, and all goes on by
// itself once Stripe answers again.

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingApp>>;
let app: TestApp;
let pro: string;

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingApp(stripe);
  app = server.app;
  pro = stripe.createPrice('Pro');
  stripe.createMeter('calls');
  await server.connect();
  await server.importAll();
  await app.ok(`mutation { mapPrice(priceId: "${pro}", packageId: "pro") { id } }`);
  await server.settle();
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

const connection = async () =>
  (await app.ok('{ stripeConnection { problem problemSince import { state problem } } }')).stripeConnection;
const statusOf = async (userId: string) =>
  (await app.ok(`{ subscriptions(userId: "${userId}") { status package { id } } }`)).subscriptions.map(
    ({ status, package: { id } }: { status: string; package: { id: string } }) => `${id} ${status}`,
  );
const customerRow = (id: string) => app.database.prisma.stripeCustomer.findFirst({ where: { id } });

async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const json = { 'Content-Type': 'application/json' };
const refuse =
  (status: number, code?: string) =>
  (_call: string, response: ServerResponse): boolean => {
    const error = { type: 'invalid_request_error', message: 'sk_test_ours of zoe@example.com', code };
    response.writeHead(status, json).end(JSON.stringify({ error }));
    return true;
  };

test('whatever Stripe answers to a call, its caller learns why, and nothing is written', async () => {
  const customer = stripe.createCustomer('zoe@example.com');
  const sub = stripe.subscribe(customer, [pro]);
  await server.deliver(stripe.events.slice(-2));
  const [{ id }] = (await app.ok('{ subscriptions(userId: "zoe@example.com") { id } }')).subscriptions;
  await app.ok(`mutation { createBillingTemplate(packageId: "pro",
    input: { id: "pro-eur", currency: "eur", interval: "month", prices: ["${pro}"] }) { id } }`);
  const other = stripe.createPrice('Free');
  await server.deliver(stripe.events.slice(-1));
  await app.ok(`mutation { mapPrice(priceId: "${other}", packageId: "free") { id } }`);
  await server.settle();
  const urls = 'successUrl: "https://a.test", cancelUrl: "https://a.test"';
  const calls = {
    SubscriptionLinkError: [
      `generateSubscriptionLink(templateId: "pro-eur", ${urls}) { url }`,
      'generatePortalLink(userId: "zoe@example.com", returnUrl: "https://a.test") { url }',
    ],
    SubscriptionError: [
      `cancelSubscription(id: "${id}") { id }`,
      `cancelSubscription(id: "${id}", atPeriodEnd: true) { id }`,
      `resumeSubscription(id: "${id}") { id }`,
      `changePackage(userId: "zoe@example.com", packageId: "free") { replaced { id } }`,
    ],
    ProviderPriceError: [
      'createProviderPrice(packageId: "free", input: { productName: "x", amount: 1, currency: "eur" }) { id }',
    ],
    BillingMeterError: [
      'createBillingMeter(input: { packageId: "pro", featureId: "calls", eventName: "calls", sends: ALL }) { id }',
    ],
    'StripeUnreachableError|ValidationError': [
      'connectStripe(input: { secretKey: "sk_test_ours", webhookSecret: "whsec_other" }) { accountId }',
    ],
  };
  const before = await written();
  const answers: Record<string, typeof stripe.answersInstead> = {
    'a refusal': refuse(400),
    'an unknown key': refuse(401),
    'a missing right': refuse(403),
    'nothing there': refuse(404, 'resource_missing'),
    'a conflict': refuse(409),
    'too many questions': refuse(429),
    'a closed connection': (_call, response) => Boolean(response.socket?.destroy()),
  };
  const told: string[] = [];
  for (const [name, answer] of Object.entries(answers)) {
    stripe.answersInstead = answer;
    await Promise.all(
      Object.entries(calls).flatMap(([expected, mutations]) =>
        mutations.map(async (mutation) => {
          const error = await app.fails(`mutation { ${mutation} }`);
          const found = error.extensions.exception?.name ?? error.extensions.code;
          if (!new RegExp(`^(${expected})$`).test(found))
            told.push(`${name}: ${mutation}: ${JSON.stringify(error)}`);
          if (/sk_test_ours of zoe/.test(error.message)) told.push(`${name}: ${mutation}: ${error.message}`);
        }),
      ),
    );
  }
  stripe.answersInstead = () => false;
  expect(told).toEqual([]);
  expect(await written()).toEqual(before);
  expect(stripe.subscription(sub).status).toBe('active');
  await app.database.prisma.stripeCustomer.updateMany({ data: { wantedTries: 0 } });
  await server.everyMinute();
  expect(await server.verify()).toEqual([]);
});

async function written() {
  const { prisma } = app.database;
  const [templates, prices, meters, audit] = await Promise.all([
    prisma.billingTemplate.count(),
    prisma.stripePrice.count({ where: { packageId: { not: null } } }),
    prisma.billingMeter.count(),
    prisma.auditEntry.count({ where: { action: { not: 'importStripe' } } }),
  ]);
  return { templates, prices, meters, audit, held: await statusOf('zoe@example.com') };
}

test('a key that is revoked is told, Stripe is asked ever less, and all is followed once it is valid again', async () => {
  const customers = Array.from({ length: 12 }, (_, index) =>
    stripe.createCustomer(`revoked${index}@example.com`),
  );
  for (const customer of customers) stripe.subscribe(customer, [pro]);
  stripe.secretKey = 'sk_test_another';
  const asked = stripe.requests.length;
  for (const event of stripe.events.slice(-24)) await server.post(event);
  await until(async () => (await connection()).problem !== null);
  expect(await connection()).toMatchObject({
    problem: 'StripeAuthenticationError, 401',
    problemSince: expect.any(String),
  });
  // One attempt asks of four customers at most, each twice and for what was bought.
  await app.ok('{ users(first: 1) { id } }');
  expect(stripe.requests.length - asked).toBeLessThanOrEqual(16);
  const quiet = stripe.requests.length;
  await server.everyMinute().catch(() => undefined);
  expect(stripe.requests.length).toBe(quiet);
  expect(await statusOf('zoe@example.com')).toEqual(['pro ACTIVE']);

  stripe.secretKey = 'sk_test_ours';
  const { prisma } = app.database;
  const { asksAgainAt } = await prisma.stripeConnection.findUniqueOrThrow({
    where: { environmentId: 'test' },
  });
  expect((asksAgainAt?.getTime() ?? Infinity) - Date.now()).toBeLessThanOrEqual(60_000);
  // As if the pauses were over.
  await prisma.stripeConnection.updateMany({ data: { asksAgainAt: new Date(0) } });
  await prisma.stripeCustomer.updateMany({
    where: { wantedAt: { not: null } },
    data: { wantedAt: new Date(0), wantedTries: 0 },
  });
  await server.everyMinute();
  expect(await connection()).toMatchObject({ problem: null, problemSince: null });
  for (const index of customers.keys())
    expect(await statusOf(`revoked${index}@example.com`)).toEqual(['pro ACTIVE']);
});

test('a customer who could not be read for days delays no other', async () => {
  const customer = stripe.createCustomer('days@example.com');
  const others = Array.from({ length: 5 }, (_, index) => stripe.createCustomer(`beside${index}@example.com`));
  stripe.answersInstead = (call, response) => call.endsWith(customer) && refuse(400)(call, response);
  await app.database.prisma.stripeCustomer.create({
    data: { environmentId: 'test', id: customer, readNumber: 1, wantedAt: new Date(0), wantedTries: 200 },
  });
  for (const event of stripe.events.slice(-5)) await server.post(event);
  await until(async () => ((await customerRow(others.at(-1) ?? ''))?.readNumber ?? 0n) > 0n);
  await until(async () => (await customerRow(customer))?.wantedTries === 201);
  const wait = ((await customerRow(customer))?.wantedAt?.getTime() ?? 0) - Date.now();
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(3_600_000);
  stripe.answersInstead = () => false;
  await app.database.prisma.stripeCustomer.updateMany({ data: { wantedTries: 0, wantedAt: null } });
});

test('events are forgotten after their time also where Stripe does not answer', async () => {
  const { prisma } = app.database;
  const old = {
    environmentId: 'test',
    id: 'evt_old',
    type: 'x',
    createdAt: new Date(0),
    receivedAt: new Date(0),
  };
  await prisma.stripeEvent.create({ data: old });
  await prisma.stripeConnection.updateMany({ data: { reconciledAt: null } });
  stripe.forbidden = new Set(['/v1/events']);
  await server.everyMinute();
  stripe.forbidden = new Set();
  expect(await prisma.stripeEvent.count({ where: { id: 'evt_old' } })).toBe(0);
  expect((await connection()).problem).toContain('StripePermissionError');
  await prisma.stripeConnection.updateMany({ data: { asksAgainAt: null } });
  await server.everyMinute();
  expect((await connection()).problem).toBeNull();
});

test('an import whose job was lost goes on', async () => {
  await app.database.prisma.stripeConnection.updateMany({
    data: { importState: 'RUNNING', importCursor: null, importTotal: null, importFound: 0 },
  });
  await server.everyMinute();
  expect((await connection()).import).toEqual({ state: 'DONE', problem: null });
});

test('the list of events is read in slices', async () => {
  const quiet = stripe.createCustomer('quiet@example.com');
  for (let index = 0; index < 250; index += 1) stripe.changeCustomer(quiet, { name: `Quiet ${index}` });
  const { prisma } = app.database;
  await prisma.stripeConnection.updateMany({ data: { eventsUntil: new Date(0), reconciledAt: null } });
  await prisma.stripeConnection.updateMany({ data: { eventsUntil: new Date(Date.now() - 60_000) } });
  const listed = () => stripe.requests.filter((call) => call === 'GET /v1/events').length;
  const before = listed();
  await server.everyMinute();
  expect(listed() - before).toBeGreaterThanOrEqual(3);
  expect((await app.ok('{ user(id: "quiet@example.com") { name } }')).user.name).toBe('Quiet 249');
});

test('what Stripe says of products, prices and people may be anything', async () => {
  const nul = String.fromCharCode(0);
  const odd = [
    ['no product', (price: Record<string, unknown>) => ({ ...price, product: null })],
    [
      'a name',
      (price: Record<string, unknown>) => ({
        ...price,
        product: { id: 'prod_x', name: `a${nul}b\ud800`, active: true },
      }),
    ],
    ['an amount', (price: Record<string, unknown>) => ({ ...price, unit_amount: 1e21, currency: 'jpy' })],
    [
      'an interval',
      (price: Record<string, unknown>) => ({
        ...price,
        recurring: { interval: 'month', interval_count: 1e12 },
      }),
    ],
    ['a time', (price: Record<string, unknown>) => ({ ...price, created: 1e15 })],
  ] as const;
  const ids = odd.map(([name]) => stripe.createPrice(name));
  const customer = stripe.createCustomer(`z${nul}\ud800@example.com`, {
    name: `Zed ${nul}\udfff`,
    metadata: { kana_user_id: `a${nul}` },
  });
  const many = Array.from({ length: 100 }, () => pro);
  stripe.subscribe(customer, many);
  const withoutPrice = stripe.subscribe(customer, [pro]);
  const ends = [
    { start_date: stripe.now, ended_at: stripe.now },
    { start_date: stripe.now, ended_at: stripe.now - 100 },
    // The hour that comes twice in Berlin, and the one that never comes.
    { start_date: 1_792_890_000, ended_at: 1_792_893_600 },
    { start_date: 1_774_745_999, ended_at: 1_774_746_000 },
  ];
  const over = ends.map((times, index) => {
    const owner = stripe.createCustomer(`over${index}@example.com`);
    stripe.change(stripe.subscribe(owner, [pro]), (row) => {
      Object.assign(row, {
        ...times,
        status: 'canceled',
        items: row.items.map((item) => ({ ...item, created: times.start_date })),
      });
    });
    return owner;
  });
  const ahead = stripe.createCustomer('ahead@example.com');
  stripe.change(stripe.subscribe(ahead, [pro], { startedAt: stripe.now + 86_400 }), (row) => {
    Object.assign(row, { cancel_at: stripe.now - 86_400, trial_end: 1 });
  });
  const never = stripe.createCustomer('never@example.com');
  stripe.change(stripe.subscribe(never, [pro], { startedAt: 1e15 }), (row) => {
    row.items = row.items.map((item) => ({ ...item, quantity: 2 ** 60 }));
  });
  stripe.retold = (call, answer) => {
    const { data } = answer as { data?: Record<string, unknown>[] };
    if (call === 'GET /v1/prices' && data !== undefined)
      return {
        ...answer,
        data: data.map((price) => odd[ids.indexOf(String(price.id))]?.[1](price) ?? price),
      };
    if (call === 'GET /v1/subscriptions' && data !== undefined)
      return {
        ...answer,
        data: data.map((each) =>
          each.id === withoutPrice
            ? {
                ...each,
                items: {
                  data: [{ id: 'si_x', created: 1, quantity: 2 ** 60, price: null }],
                  has_more: false,
                },
              }
            : each,
        ),
      };
    return answer;
  };
  expect(await server.importAll()).toMatchObject({ state: 'DONE', problem: null });
  stripe.retold = (_call, answer) => answer;
  const { providerPrices } = await app.ok('{ providerPrices { id productName amount intervalCount } }');
  for (const id of ids) expect(providerPrices).toContainEqual(expect.objectContaining({ id }));
  expect(await statusOf(customer)).toEqual(['pro ACTIVE']);
  expect((await app.ok(`{ user(id: "${customer}") { name email } }`)).user).toEqual({
    name: 'Zed',
    email: null,
  });
  for (const index of over.keys())
    expect(await statusOf(`over${index}@example.com`)).toEqual(['pro CANCELLED']);
  for (const name of ['ahead', 'never'])
    expect(await statusOf(`${name}@example.com`)).toEqual(['pro ACTIVE']);
  await app.ok('{ subscriptions(userId: "never@example.com") { startedAt endedAt } }');
  const wanted = { wantedAt: { not: null } };
  expect(await app.database.prisma.stripeCustomer.count({ where: wanted })).toBe(0);
  expect(
    (await app.ok('{ providerSubscriptions { id items { quantity } } }')).providerSubscriptions.length,
  ).toBeGreaterThan(0);
});

test('the log names no person and no key', () => {
  expect(server.logged().length).toBeGreaterThan(1_000);
  expect(/@example\.com|\bZed\b|sk_test|whsec/.exec(server.logged())?.[0]).toBeUndefined();
});
