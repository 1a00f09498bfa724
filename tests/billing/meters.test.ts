import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { amountOf, amountText } from '../../src/amount.ts';
import {
  baseOf,
  beginWindow,
  isRepeatable,
  type MeteredUsage,
  meterUsage,
  useUnsent,
} from '../../src/billing/meters/rules.ts';
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
    const before = { used: amountOf(used), drawn: amountOf(drawn), sent: 0n };
    // Everything before was sent.
    const sent = given.limit !== null && given.wins ? baseOf(before, given) : 0n;
    const result = meterUsage({ ...before, sent }, given, amountOf(drawnNow));
    expect([amountText(result.value), amountText(result.after.drawn)]).toEqual([value, drawnAfter]);
  });

  type Steps = [units: number, value: number, action?: 'SET'][];
  /** @param used what was used before it was known who pays; the limit is 10 */
  test.each<[string, 'ALL' | 'OVERAGE', { used: number; sent?: number }, Steps]>([
    [
      'nothing before',
      'ALL',
      { used: 0 },
      [
        [5, 5],
        [-2, -2],
        [0, -3, 'SET'],
        [4, 4],
      ],
    ],
    [
      'usage goes on above the base',
      'ALL',
      { used: 7 },
      [
        [5, 5],
        [3, 3],
      ],
    ],
    [
      'what was sent is taken back first, and the base never',
      'ALL',
      { used: 7 },
      [
        [5, 5],
        [-2, -2],
        [-6, -3],
        [4, 4],
      ],
    ],
    [
      'SET to less than the base',
      'ALL',
      { used: 7 },
      [
        [2, 0, 'SET'],
        [5, 3, 'SET'],
        [1, -3, 'SET'],
        [7, 6, 'SET'],
      ],
    ],
    [
      'SET to the base',
      'ALL',
      { used: 7 },
      [
        [7, 0, 'SET'],
        [9, 2, 'SET'],
      ],
    ],
    [
      'less than nothing',
      'ALL',
      { used: 3 },
      [
        [-5, 0],
        [4, 2],
        [-9, -2],
        [8, 1],
      ],
    ],
    [
      'beyond the budget before',
      'OVERAGE',
      { used: 15 },
      [
        [2, 2],
        [-4, -2],
        [5, 5],
        [0, -5, 'SET'],
        [12, 2, 'SET'],
      ],
    ],
    [
      'within the budget before',
      'OVERAGE',
      { used: 8 },
      [
        [-3, 0],
        [9, 4],
        [-9, -4],
      ],
    ],
    [
      'sent for the subscription before',
      'ALL',
      { used: 7, sent: 5 },
      [
        [1, 1],
        [-7, -6],
        [3, 3],
      ],
    ],
    [
      'sent more than counts now',
      'OVERAGE',
      { used: 8, sent: 4 },
      [
        [3, 1],
        [-11, -1],
        [12, 2],
      ],
    ],
  ])('%s (%s)', (_name, scope, { used, sent = 0 }, steps) => {
    const terms = { limit: amountOf(10), wins: true, scope };
    let window = beginWindow({ used: amountOf(used), sent: amountOf(sent) }, terms, 0n);
    const values = steps.map(([units, , action = 'ADD' as const]) => {
      const { value, after } = meterUsage(window, { ...terms, action, delta: amountOf(units) }, 0n);
      window = after;
      expect(after.sent).toBeGreaterThanOrEqual(0n);
      return Number(amountText(value));
    });
    expect(values).toEqual(steps.map(([, value]) => value));
  });

  test('what was used while another subscription decided, or nobody looked, goes to the base', () => {
    const terms = { limit: amountOf(10), wins: true, scope: 'OVERAGE' } as const;
    const add = (units: number, wins = true) => ({
      ...terms,
      wins,
      action: 'ADD' as const,
      delta: amountOf(units),
    });
    const begun = meterUsage(beginWindow({ used: 0n, sent: 0n }, terms, 0n), add(12), 0n).after;
    const other = meterUsage(begun, add(5, false), 0n);
    expect([other.value, baseOf(other.after, terms)]).toEqual([0n, amountOf(5)]);
    const unlooked = useUnsent(other.after, amountOf(20), terms, 0n);
    expect(baseOf(unlooked, terms)).toBe(amountOf(8));
    expect(meterUsage(unlooked, add(-4), 0n).value).toBe(amountOf(-2));
    expect(meterUsage(unlooked, add(4), 0n).value).toBe(amountOf(4));
  });

  test('of what was used before, top-ups have paid what they can', () => {
    const terms = { limit: amountOf(10), wins: true, scope: 'OVERAGE' } as const;
    const begin = (sent: number, limit: bigint | null = terms.limit) =>
      beginWindow({ used: amountOf(12), sent: amountOf(sent) }, { ...terms, limit }, amountOf(5));
    expect(begin(0)).toEqual({ used: amountOf(12), drawn: amountOf(2), sent: 0n });
    expect(begin(2).drawn).toBe(0n);
    expect(begin(0, null).drawn).toBe(0n);
    const add = { ...terms, action: 'ADD' as const, delta: amountOf(4) };
    // Of 4 more, the top-up pays the 3 that it has left.
    expect(meterUsage(begin(0), add, amountOf(5)).value).toBe(amountOf(1));
    // It paid them while nobody looked: what comes then is sent.
    const known = { used: amountOf(12), drawn: 0n, sent: amountOf(2) };
    const unlooked = useUnsent(known, amountOf(15), terms, amountOf(3));
    expect([unlooked.drawn, baseOf(unlooked, terms)]).toEqual([amountOf(3), 0n]);
    expect(meterUsage(unlooked, add, amountOf(3)).value).toBe(amountOf(4));
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
  let price: string;

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
    price = stripe.createPrice('Pro');
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

  test('a meter that is made again begins with the usage after it', async () => {
    await app.ok(create, { input: { ...input, sends: 'ALL' } });
    const before = values().length;
    await record('ada', 4);
    await record('ada', -4);
    // What Stripe has from before is taken back; what was recorded while there was no meter is not.
    await record('ada', 0, 'action: SET');
    await record('ada', 3);
    await server.everyMinute();
    expect(values().slice(before)).toEqual([4, -4, -16, 3]);
    expect(await server.verify()).toEqual([]);
  });

  test('what was used before it was known who pays is not sent, and not taken back either', async () => {
    await app.ok('mutation { createUser(input: { id: "cy" }) { id } }');
    const cy = stripe.createCustomer('cy@example.com', { metadata: { kana_user_id: 'cy' } });
    stripe.subscribe(cy, [price], { startedAt: stripe.now - 60 });
    await record('cy', 40);
    await server.everyMinute();
    await server.importAll();
    await record('cy', -10);
    await record('cy', 5);
    await server.everyMinute();
    expect(values(cy)).toEqual([5]);
    await record('cy', 0, 'action: SET');
    await record('cy', 7);
    await server.everyMinute();
    expect(values(cy)).toEqual([5, -5, 7]);
    const { differences, notes } = await server.compare();
    expect(differences).toEqual([]);
    expect(notes).toContainEqual(expect.stringContaining(': 40 not sent to the meter calls, used before'));
    // What was made wrongly is a difference all the same.
    const { prisma } = app.database;
    const addToLast = (value: number) => prisma.$executeRaw`
      UPDATE billing_meter_event SET value = value + ${value} WHERE id = (SELECT max(id) FROM billing_meter_event)`;
    await addToLast(1);
    expect(await server.verify()).toEqual([
      expect.stringContaining('by the ledger 7 for the meter calls, made 8'),
    ]);
    await addToLast(-1);
  });

  test('usage that is carried over to another package is taken back where it was sent', async () => {
    const free = stripe.createPrice('Free');
    await server.importAll();
    await app.ok(`mutation { mapPrice(priceId: "${free}", packageId: "free") { id } }`);
    await app.ok(create, { input: { ...input, packageId: 'free', sends: 'ALL' } });
    const before = values().length;
    const move = (to: string) =>
      app.ok(
        `mutation { changePackage(userId: "ada", packageId: "${to}", usage: CARRY) { subscription { id } } }`,
      );
    await record('ada', 6);
    await server.everyMinute();
    await move('free');
    await record('ada', -2);
    await server.everyMinute();
    await move('pro');
    await record('ada', 0, 'action: SET');
    await record('ada', 1);
    await server.everyMinute();
    // Of the 9 that were sent in all, 2 and then 7 are taken back.
    expect(values().slice(before)).toEqual([6, -2, -7, 1]);
    expect(await server.verify()).toEqual([]);
  });

  test('a usage that nobody looked at is a difference', async () => {
    const extra = stripe.createPrice('Extra');
    stripe.createMeter('more');
    await server.importAll();
    await app.ok(`mutation { mapPrice(priceId: "${extra}", packageId: "extra") { id } }`);
    await app.ok(create, { input: { ...input, packageId: 'extra', eventName: 'more', sends: 'ALL' } });
    stripe.subscribe(customer, [extra], { startedAt: stripe.now - 60 });
    await server.importAll();
    await record('ada', 2);
    await server.everyMinute();
    expect(await server.verify()).toEqual([]);
    const { prisma } = app.database;
    await prisma.$executeRaw`
      DELETE FROM billing_meter_window WHERE metered_at = (SELECT max(metered_at) FROM billing_meter_window)
        AND subscription_id IN (SELECT id FROM subscription WHERE package_id = 'extra')`;
    expect(await server.verify()).toEqual([
      expect.stringMatching(/package extra, feature calls, .* was not looked at for the meter more$/),
    ]);
  });

  type Taken = 'look' | 'know' | { delta: number; isSet: boolean };
  /** Does these things one after the other. Returns what is used then. */
  async function take(userId: string, steps: Taken[], know: () => Promise<void>): Promise<number> {
    let used = 0;
    for (const step of steps) {
      if (step === 'look') await server.everyMinute();
      else if (step === 'know') await know();
      else if (step.isSet && step.delta >= 0) {
        used = step.delta;
        await record(userId, step.delta, 'action: SET');
      } else {
        used += step.delta;
        await record(userId, step.delta);
      }
    }
    return used;
  }

  test('whatever is used before and after it is known who pays: Stripe has part of it, and all of it if it was known', async () => {
    const usages = fc.record({ delta: fc.integer({ min: -900, max: 1_500 }), isSet: fc.boolean() });
    const steps = fc.array(fc.oneof(usages, fc.constantFrom('look' as const, 'know' as const)), {
      ...{ minLength: 4, maxLength: 9 },
    });
    const late = stripe.createPrice('All of it');
    await server.importAll();
    await app.ok(`mutation { mapPrice(priceId: "${late}", packageId: "pro") { id } }`);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (taken, isKnownFirst) => {
        run += 1;
        const userId = `late-${run}`;
        const events = stripe.events.length;
        await app.ok(`mutation { createUser(input: { id: "${userId}" }) { id } }`);
        const cus = stripe.createCustomer(null, { metadata: { kana_user_id: userId } });
        stripe.subscribe(cus, [late], { startedAt: stripe.now - 60 });
        const know = () => server.deliver(stripe.events.slice(events));
        if (isKnownFirst) await know();
        const used = await take(userId, [{ delta: 700, isSet: false }, 'look', ...taken], know);
        await know();
        await server.everyMinute();
        const sums = values(cus).map((_value, index, all) => all.slice(0, index + 1).reduce((a, b) => a + b));
        expect(Math.min(0, ...sums)).toBe(0);
        const sum = sums.at(-1) ?? 0;
        expect(sum).toBeLessThanOrEqual(Math.max(used, 0));
        if (isKnownFirst) expect(sum).toBe(Math.max(used, 0));
        stripe.cancel(stripe.subscriptions.at(-1)?.id ?? '');
      }),
      { numRuns: Number(process.env.RUNS ?? 8), seed: Number(process.env.SEED ?? 1), endOnFailure: true },
    );
    // What Stripe has of an earlier test's customers was looked at there.
    expect((await server.verify()).filter((line) => line.includes('by the ledger'))).toEqual([]);
  }, 600_000);
});
