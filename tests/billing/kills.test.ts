import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FakeStripe } from './fake-stripe.ts';
import { startBillingServer } from './server.ts';

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
  // Starting again looks at the ledger at once.
  await Promise.all([server.killAfter(40), server.killAndRestart()]);
  const expected = Array.from({ length: customerCount }, (_, index) => Math.max(0, (index % 5) - 1));
  const sumOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
  const sent = () => stripe.meterEvents.map(({ value }) => Number(value));
  await server.until(async () => sumOf(sent()) >= sumOf(expected));
  await server.until(async () => {
    const { package: base } = await server.ok('{ package(id: "base") { billingMeters { pending failed } } }');
    expect(base.billingMeters[0].failed).toBe(0);
    return base.billingMeters[0].pending === 0;
  });
  expect(sent().sort()).toEqual(expected.filter((value) => value > 0).sort());
});
