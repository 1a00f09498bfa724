import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase } from '../helpers/database.ts';
import { startServer } from '../helpers/process.ts';
import { FakeStripe } from './fake-stripe.ts';
import { key, startBillingServer } from './server.ts';

// A server that is killed while it imports, or while it applies a new mapping, ends where one ends that never was.

const customerCount = 140;

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingServer>>;

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingServer(stripe);
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

async function held(): Promise<string[]> {
  const rows = await server.database.prisma.subscription.findMany({
    include: { user: { select: { id: true } } },
    orderBy: [{ userKey: 'asc' }, { packageId: 'asc' }],
  });
  return rows.map(({ user, packageId, status }) => `${user.id} ${packageId} ${status}`).sort();
}

const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code).replaceAll("'", '%27')}`;

test('without a connection nothing of Stripe is loaded', async () => {
  const { url, drop } = await createTestDatabase();
  // Tells of the library the moment it is loaded.
  const hook = `export const resolve = (name, context, next) => {
    if (/(^|\\/)stripe[^/]*$/.test(name)) process._rawDebug("Stripe is loaded");
    return next(name, context);
  };`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hook))});`;
  const alone = await startServer({
    ...{ DATABASE_URL: url, KANA_TEST_PRIVATE_KEY: key, KANA_DEMO: 'false', LOG_LEVEL: 'error' },
    ...{
      STRIPE_API_BASE: stripe.url,
      NODE_OPTIONS: `--import=${dataUrl(register)}`,
    },
  });
  const send = async (query: string) => {
    const headers = { Authorization: key, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ query });
    return (await fetch(`${alone.url}/graphql`, { method: 'POST', headers, body })).json();
  };
  const urls = 'successUrl: "https://a.test", cancelUrl: "https://a.test"';
  const link = await send(`mutation { generateSubscriptionLink(templateId: "t", ${urls}) { url } }`);
  expect(JSON.stringify(link)).toContain('connectStripe');
  const { payload, header } = stripe.signed(
    { id: 'evt_1', type: 'customer.created', created: stripe.now, object: {} },
    'whsec_ours',
  );
  const headers = { 'Stripe-Signature': header };
  const webhook = await fetch(`${alone.url}/billing/stripe/webhook`, {
    method: 'POST',
    headers,
    body: payload,
  });
  expect(webhook.status).toBe(400);
  expect(alone.stderr()).not.toContain('Stripe is loaded');
  await send(
    'mutation { connectStripe(input: { secretKey: "sk_test_ours", webhookSecret: "whsec_ours" }) { accountId } }',
  );
  expect(alone.stderr()).toContain('Stripe is loaded');
  await alone.end('SIGTERM');
  await drop();
});

let base: string;

test('the environment variables connect; kills in the import and the projection change nothing of the outcome', async () => {
  base = stripe.createPrice('Base');
  const addon = stripe.createPrice('Addon');
  for (let index = 0; index < customerCount; index += 1) {
    const customer = stripe.createCustomer(`c${index}@example.com`);
    stripe.subscribe(customer, index % 3 === 0 ? [base, addon] : [base]);
  }
  stripe.events = [];
  await server.until(async () => (await server.readImport()) !== undefined);
  await server.ok(`mutation {
    createFeature(input: { id: "calls", type: CONSUMABLE }) { id }
    a: createPackage(input: { id: "base", features: [{ id: "calls", entitlement: { limit: 1, resetPeriod: YEAR } }] }) { id } b: publishPackage(id: "base") { id }
    c: createPackage(input: { id: "addon", isAddon: true, features: [{ id: "calls", entitlement: { limit: 0, resetPeriod: YEAR } }] }) { id } d: publishPackage(id: "addon") { id }
  }`);
  await server.ok('mutation { importStripe { accountId } }');
  await server.killAfter(60);
  await server.killAfter(120);
  await server.until(async () => (await server.readImport()).state === 'DONE');
  expect(await server.readImport()).toEqual({
    ...{ state: 'DONE', prices: 2, customers: customerCount, subscriptions: customerCount },
    problem: null,
  });
  expect(await server.database.prisma.user.count()).toBe(customerCount);

  for (const [priceId, packageId] of [
    [base, 'base'],
    [addon, 'addon'],
  ] as const)
    await server.ok(`mutation { mapPrice(priceId: "${priceId}", packageId: "${packageId}") { id } }`);
  await server.until(async () => (await held()).length > 40);
  await server.killAndRestart();
  const expected = Array.from({ length: customerCount }, (_, index) => [
    `c${index}@example.com base ACTIVE`,
    ...(index % 3 === 0 ? [`c${index}@example.com addon ACTIVE`] : []),
  ]).flat();
  await server.until(async () => (await held()).length >= expected.length);
  expect(await held()).toEqual(expected.sort());
  expect(server.process().stderr()).toBe('');
});

test('what environment variables connect is disconnected by taking them away', async () => {
  const disconnect = server.ok('mutation { disconnectStripe { accountId } }');
  await expect(disconnect).rejects.toThrow(/STRIPE_TEST_SECRET_KEY.*StripeConfiguredError/);
  const other = server.ok(
    'mutation { connectStripe(input: { secretKey: "sk_test_other", webhookSecret: "whsec_x" }) { accountId } }',
  );
  await expect(other).rejects.toThrow(/input.secretKey: must be the one in STRIPE_TEST_SECRET_KEY/);
});

test('the command verify says that all agrees, and names what differs', async () => {
  expect(await server.verify()).toEqual({
    code: 0,
    stdout: `environment test: ${customerCount} customers compared with Stripe, 0 differences.\n${customerCount} users verified, 0 counters differ from the ledger.\n`,
    stderr: '',
  });
  const [subscription] = stripe.subscriptions;
  const [item] = subscription?.items ?? [];
  if (subscription === undefined || item === undefined) throw new Error('there is none');
  subscription.status = 'past_due';
  const unseen = stripe.createCustomer('unseen@example.com');
  const { code, stdout } = await server.verify();
  subscription.status = 'active';
  stripe.customers.pop();
  expect(code).toBe(1);
  expect(stdout.split('\n').slice(0, -3)).toEqual([
    `environment test, customer ${unseen}: Stripe has it, and nothing is known of it here`,
    expect.stringMatching(
      `subscription ${subscription.id}, item ${item.id}, package base: here ACTIVE \\(active\\), by Stripe PAST_DUE \\(past_due\\)$`,
    ),
    expect.stringContaining('package addon: here ACTIVE (active), by Stripe PAST_DUE (past_due)'),
  ]);
  expect(stdout).toContain(', 3 differences.');
});

test('a kill while events are followed loses none of them', async () => {
  const changed = stripe.subscriptions.slice(0, 60);
  const follow = async (status: 'past_due' | 'active', kills: number) => {
    for (const { id } of changed)
      stripe.change(id, (row) => {
        row.status = status;
      });
    // Each is delivered twice, the last one first.
    const events = stripe.events.slice(-changed.length).reverse();
    const delivering = Promise.all([...events, ...events].map((event) => server.deliver(event)));
    for (let kill = 0; kill < kills; kill += 1) await server.killAfter(50);
    await delivering;
    const here = status === 'active' ? 'ACTIVE' : 'PAST_DUE';
    const wanted = changed.flatMap(({ customer, items }) =>
      items.map(({ price }) => {
        const { email } = stripe.customer(customer);
        return `${email} ${price === base ? 'base' : 'addon'} ${here}`;
      }),
    );
    await server.until(async () => {
      const rows = await held();
      return wanted.every((each) => rows.includes(each));
    });
  };
  await follow('past_due', 2);
  await follow('active', 0);
  expect((await server.verify()).stdout).toContain(', 0 differences.');
});

test('a kill between a change at Stripe and its answer leaves what Stripe says', async () => {
  const customer = stripe.createCustomer('late@example.com');
  const id = stripe.subscribe(customer, [base]);
  for (const event of stripe.events.slice(-2)) await server.deliver(event);
  await server.until(async () => (await held()).includes('late@example.com base ACTIVE'));
  const { subscriptions } = await server.ok('{ subscriptions(userId: "late@example.com") { id } }');
  const cancelling = server
    .ok(`mutation { cancelSubscription(id: "${subscriptions[0].id}") { id } }`)
    .then(() => 'answered')
    .catch(() => 'broken off');
  await server.killAfter(1_000_000, () => stripe.subscription(id).status === 'canceled');
  await cancelling;
  await server.deliver(stripe.events.at(-1) as (typeof stripe.events)[number]);
  await server.until(async () => (await held()).includes('late@example.com base CANCELLED'));
  expect((await server.verify()).stdout).toContain(', 0 differences.');
  stripe.changeCustomer(customer, { deleted: true });
});

test('a kill while usage is sent to a meter neither loses nor repeats any', async () => {
  stripe.createMeter('calls');
  await server.ok(`mutation { createBillingMeter(
    input: { packageId: "base", featureId: "calls", eventName: "calls", sends: OVERAGE }) { id } }`);
  const usages = Array.from(
    { length: customerCount },
    (_, index) =>
      `a${index}: recordUsage(input: { userId: "c${index}@example.com", featureId: "calls", delta: ${index % 5} }) { recorded }`,
  );
  await server.ok(`mutation { ${usages.slice(0, 70).join(' ')} }`);
  await server.ok(`mutation { ${usages.slice(70).join(' ')} }`);
  const expected = Array.from({ length: customerCount }, (_, index) => Math.max(0, (index % 5) - 1));
  const sumOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
  const sent = () => stripe.meterEvents.map(({ value }) => Number(value));
  // Starting again looks at the ledger at once; so may the server do meanwhile.
  const isOver = () => sumOf(sent()) >= sumOf(expected);
  await Promise.all([server.killAfter(40, isOver), server.killAndRestart()]);
  await server.until(async () => isOver());
  await server.until(async () => {
    const { package: base } = await server.ok('{ package(id: "base") { billingMeters { pending failed } } }');
    expect(base.billingMeters[0].failed).toBe(0);
    return base.billingMeters[0].pending === 0;
  });
  expect(sent().sort()).toEqual(expected.filter((value) => value > 0).sort());

  // As if it were two hours later: what was just sent may not be added up at Stripe yet.
  const { prisma } = server.database;
  await prisma.$executeRaw`UPDATE billing_meter SET created_at = created_at - interval '3 hours'`;
  await prisma.$executeRaw`UPDATE billing_meter_event SET occurred_at = occurred_at - interval '2 hours'`;
  for (const event of stripe.meterEvents) event.timestamp -= 7_200;
  expect((await server.verify()).stdout).toContain(', 0 differences.');
  const [first] = stripe.meterEvents;
  if (first !== undefined) first.value = '100';
  await prisma.$executeRaw`
    UPDATE billing_meter_event SET value = value + 1 WHERE id = (SELECT max(id) FROM billing_meter_event)`;
  const { stdout } = await server.verify();
  expect(stdout).toMatch(
    /package base, feature calls, window from \S+: by the ledger \d for the meter calls, made \d\n/,
  );
  expect(stdout).toMatch(
    new RegExp(`customer ${first?.customer}, meter calls, usage from .*: sent \\d, Stripe has 100\n`),
  );
  expect(stdout).toContain(', 3 differences.');
});
