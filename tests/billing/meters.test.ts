import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { amountOf, amountText } from '../../src/amount.ts';
import { drawnBefore, isRepeatable, type MeteredUsage, meterUsage } from '../../src/billing/meters/rules.ts';
import type { TestApp } from '../helpers/app.ts';
import { startBillingApp } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

describe('what a usage is worth for a meter', () => {
  const usage = (change: Partial<MeteredUsage> & { units: number }): MeteredUsage => ({
    ...{ action: 'ADD', limit: amountOf(10), wins: true, scope: 'OVERAGE' },
    ...change,
    delta: amountOf(change.units),
  });
  test.each<[string, number, number, number, MeteredUsage, string, string]>([
    ['within the budget', 3, 0, 0, usage({ units: 4 }), '0', '0'],
    ['across the budget', 8, 0, 0, usage({ units: 5 }), '3', '0'],
    ['beyond it', 12, 0, 0, usage({ units: 5 }), '5', '0'],
    ['given back', 12, 0, 0, usage({ units: -5 }), '-2', '0'],
    ['set', 4, 0, 0, usage({ units: 11, action: 'SET' }), '1', '0'],
    ['each usage', 4, 0, 0, usage({ units: 11, action: 'SET', scope: 'ALL' }), '7', '0'],
    ['unlimited', 4, 0, 0, usage({ units: 11, limit: null }), '0', '0'],
    [
      'where another subscription decides on the budget',
      12,
      0,
      0,
      usage({ units: 5, wins: false }),
      '0',
      '0',
    ],
    ['paid by a top-up', 8, 0, 3, usage({ units: 5 }), '0', '3'],
    ['paid in part', 8, 0, 2, usage({ units: 5 }), '1', '2'],
    ['a later usage was paid too', 8, 0, 9, usage({ units: 5 }), '0', '3'],
    ['given back to the top-up', 13, 3, 1, usage({ units: -2 }), '0', '1'],
  ])('%s', (_name, used, drawn, drawnNow, given, value, drawnAfter) => {
    const result = meterUsage({ used: amountOf(used), drawn: amountOf(drawn) }, given, amountOf(drawnNow));
    expect([amountText(result.value), amountText(result.after.drawn)]).toEqual([value, drawnAfter]);
  });

  test('what was paid before the first usage that is looked at', () => {
    expect(drawnBefore(amountOf(12), amountOf(10), amountOf(5))).toBe(amountOf(2));
    expect(drawnBefore(amountOf(12), null, amountOf(5))).toBe(0n);
  });

  test('what was sent without an answer is sent again for 23 hours', () => {
    const now = new Date();
    expect(isRepeatable(null, now)).toBe(true);
    expect(isRepeatable(new Date(now.getTime() - 22 * 3_600_000), now)).toBe(true);
    expect(isRepeatable(new Date(now.getTime() - 24 * 3_600_000), now)).toBe(false);
  });
});

describe('sending usage to meters', () => {
  let stripe: FakeStripe;
  let server: Awaited<ReturnType<typeof startBillingApp>>;
  let app: TestApp;
  let customer: string;

  const create = `mutation ($input: BillingMeterInput!) { createBillingMeter(input: $input) { billingMeters { featureId eventName sends } } }`;
  const input = { packageId: 'pro', featureId: 'calls', eventName: 'calls', sends: 'OVERAGE' };
  const record = (userId: string, delta: number, more = '') =>
    app.ok(
      `mutation { recordUsage(input: { userId: "${userId}", featureId: "calls", delta: ${delta} ${more} }) { recorded } }`,
    );
  const values = (of = customer) =>
    stripe.meterEvents.flatMap((event) => (event.customer === of ? [Number(event.value)] : []));
  const meter = async () => {
    const answer = await app.ok(
      '{ package(id: "pro") { billingMeters { sent pending failed lastSentAt } } billingMeterFailures { usageEventId packageId value problem } }',
    );
    return { ...answer.package.billingMeters[0], failures: answer.billingMeterFailures };
  };

  beforeAll(async () => {
    stripe = await new FakeStripe().start();
    server = await startBillingApp(stripe);
    app = server.app;
    await server.connect();
    const price = stripe.createPrice('Pro');
    await server.importAll();
    await app.ok(`mutation { mapPrice(priceId: "${price}", packageId: "pro") { id } }`);
    await app.ok('mutation { createUser(input: { id: "ada" }) { id } }');
    customer = stripe.createCustomer('ada@example.com', { metadata: { kana_user_id: 'ada' } });
    stripe.subscribe(customer, [price], { startedAt: stripe.now - 60 });
    await server.importAll();
    await record('ada', 990);
  });
  afterAll(async () => {
    await server.close();
    await stripe.stop();
  });

  test.each([
    [{ ...input, eventName: 'none' }, 'input.eventName'],
    [{ ...input, eventName: 'last' }, 'input.eventName'],
    [{ ...input, packageId: 'none' }, 'none'],
    [{ ...input, featureId: 'none' }, 'none'],
  ])('%j is refused', async (given, named) => {
    if (stripe.meters.length === 0) stripe.createMeter('last', 'last');
    expect((await app.fails(create, { input: given })).message).toContain(named);
  });

  test('usage beyond the budget is sent once, with the id of the ledger', async () => {
    stripe.createMeter('calls');
    expect(await app.ok(create, { input })).toEqual({
      createBillingMeter: { billingMeters: [{ featureId: 'calls', eventName: 'calls', sends: 'OVERAGE' }] },
    });
    expect((await app.fails(create, { input })).extensions.code).toBe('CONFLICT');
    await record('ada', 5);
    await record('ada', 25);
    await record('ada', 7);
    await app.ok('mutation { createUser(input: { id: "bo" }) { id } }');
    await app.ok('mutation { subscribe(userId: "bo", packageIds: ["pro"]) { id } }');
    await record('bo', 2_000);
    await server.everyMinute();
    expect(values()).toEqual([20, 7]);
    expect(stripe.meterEvents).toHaveLength(2);
    const { usageEvents } = await app.ok(
      '{ usageEvents(userId: "ada", first: 1, newestFirst: true) { id } }',
    );
    expect(stripe.meterEvents[1]?.identifier).toBe(usageEvents[0].id);
    expect(await meter()).toMatchObject({ sent: 2, pending: 0, failed: 0, failures: [] });
    await server.everyMinute();
    expect(values()).toEqual([20, 7]);
  });

  test('SET, reverts and top-ups', async () => {
    await app.ok(
      'mutation { recordUsage(input: { userId: "ada", featureId: "calls", delta: 1010, action: SET }) { recorded } }',
    );
    await app.ok('mutation { topUp(input: { userId: "ada", featureId: "calls", amount: 5 }) { id } }');
    await record('ada', 8);
    await server.everyMinute();
    expect(values()).toEqual([20, 7, -17, 3]);
  });

  test('an answer that is lost, an outage and a refusal', async () => {
    stripe.breaks.add('POST /v1/billing/meter_events');
    await record('ada', 1);
    await server.everyMinute();
    stripe.isDown = true;
    await record('ada', 2);
    await server.everyMinute().catch(() => undefined);
    stripe.isDown = false;
    expect(await meter()).toMatchObject({ pending: 1, failed: 0 });
    await app.database.prisma.billingMeterEvent.updateMany({ data: { nextTryAt: new Date() } });
    await server.everyMinute();
    expect(values().slice(4)).toEqual([1, 2]);
    await app.database.prisma.$executeRaw`
      INSERT INTO billing_meter_event (environment_id, id, package_id, feature_id, customer_id, value, occurred_at)
      VALUES ('test', 999999, 'pro', 'calls', ${customer}, 4, now() - interval '40 days')`;
    await server.everyMinute();
    expect(await meter()).toMatchObject({
      failed: 1,
      failures: [
        { usageEventId: '999999', packageId: 'pro', value: 4, problem: expect.stringContaining('too_far') },
      ],
    });
    expect(await app.ok('mutation { retryBillingMeter(packageId: "pro", featureId: "calls") }')).toEqual({
      retryBillingMeter: 1,
    });
    await server.everyMinute();
    expect(await meter()).toMatchObject({ failed: 1, pending: 0 });
  });

  test('a deleted meter sends nothing more', async () => {
    await app.ok('mutation { deleteBillingMeter(packageId: "pro", featureId: "calls") { id } }');
    await record('ada', 50);
    await server.everyMinute();
    expect(values()).toHaveLength(6);
    const again = await app.fails(
      'mutation { deleteBillingMeter(packageId: "pro", featureId: "calls") { id } }',
    );
    expect(again.extensions.code).toBe('NOT_FOUND');
  });
});
