import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { flagKinds, statuses } from '../../src/billing/projection-rules.ts';
import type { TestApp } from '../helpers/app.ts';
import { startBillingApp } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

// What Stripe says decides, rule by rule, where the other tests of billing only touch it.

const day = 86_400;

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingApp>>;
let app: TestApp;
let [pro, free, extra, once] = ['', '', '', ''];

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingApp(stripe);
  app = server.app;
  await server.connect();
  pro = stripe.createPrice('Pro');
  free = stripe.createPrice('Free');
  extra = stripe.createPrice('Extra');
  once = stripe.createPrice('Extra once', { interval: null });
  await server.importAll();
  for (const [price, packageId] of Object.entries({
    ...{ [pro]: 'pro', [free]: 'free', [extra]: 'extra', [once]: 'extra' },
  }))
    await app.ok(`mutation { mapPrice(priceId: "${price}", packageId: "${packageId}") { id } }`);
  stripe.events = [];
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

/** Delivers what has happened since the last time. */
async function deliver(): Promise<void> {
  const events = stripe.events;
  stripe.events = [];
  await server.deliver(events);
}

const held = async (userId: string) => {
  const { subscriptions } = await app.ok(
    'query ($userId: String!) { subscriptions(userId: $userId) { status cancelsAt endedAt package { id } } }',
    { userId },
  );
  return subscriptions;
};
const statusesOf = async (userId: string): Promise<string[]> =>
  (await held(userId)).map(
    ({ status, package: { id } }: { status: string; package: { id: string } }) => `${id} ${status}`,
  );
const check = async (userId: string) => {
  const { canUseFeature } = await app.ok(
    'query ($userId: String!) { canUseFeature(userId: $userId, featureId: "calls") { access consumption { used budget } } }',
    { userId },
  );
  return canUseFeature;
};
const isoOf = (seconds: number) => new Date(seconds * 1_000).toISOString();

describe('a subscription at Stripe', () => {
  test.each([
    ['canceled', 'CANCELLED'],
    ['incomplete_expired', 'INCOMPLETE_EXPIRED'],
  ] as const)('that is %s is %s here, since then', async (there, here) => {
    const email = `${there}@example.com`;
    const id = stripe.subscribe(stripe.createCustomer(email), [pro], { startedAt: stripe.now - day });
    await deliver();
    expect((await check(email)).access).toBe(true);
    stripe.change(id, (row) => Object.assign(row, { status: there, ended_at: stripe.now - 60 }));
    await deliver();
    expect(await held(email)).toMatchObject([{ status: here, endedAt: isoOf(stripe.now - 60) }]);
    expect((await check(email)).access).toBe(false);
  });

  test('with a planned end stays, and tells it', async () => {
    const startedAt = stripe.now - 60;
    const id = stripe.subscribe(stripe.createCustomer('end@example.com'), [pro], { startedAt });
    const plan = async (change: object) => {
      stripe.change(id, (row) => Object.assign(row, change));
      await deliver();
      return held('end@example.com');
    };
    const there = { status: 'ACTIVE', endedAt: null };
    expect(await plan({ cancel_at_period_end: true })).toMatchObject([
      { ...there, cancelsAt: isoOf(startedAt + 30 * day) },
    ]);
    expect(await plan({ cancel_at_period_end: false, cancel_at: stripe.now + day })).toMatchObject([
      { ...there, cancelsAt: isoOf(stripe.now + day) },
    ]);
    expect((await check('end@example.com')).access).toBe(true);
    expect(await plan({ cancel_at: null })).toMatchObject([{ ...there, cancelsAt: null }]);
  });

  test('of several pieces has the limit of one', async () => {
    const id = stripe.subscribe(stripe.createCustomer('many@example.com'), [pro]);
    stripe.change(id, (row) => {
      for (const item of row.items) item.quantity = 3;
    });
    await deliver();
    expect((await check('many@example.com')).consumption.budget).toBe(1_000);
    const { providerSubscriptions } = await app.ok(
      '{ providerSubscriptions(userId: "many@example.com") { items { priceId quantity } } }',
    );
    expect(providerSubscriptions).toEqual([{ items: [{ priceId: pro, quantity: 3 }] }]);
  });

  test('keeps its windows when its items and its start change at Stripe', async () => {
    const startedAt = stripe.now - 3 * day;
    const id = stripe.subscribe(stripe.createCustomer('anchor@example.com'), [pro], { startedAt });
    await deliver();
    const startOf = async () => {
      const { subscriptions } = await app.ok('{ subscriptions(userId: "anchor@example.com") { startedAt } }');
      return subscriptions;
    };
    expect(await startOf()).toEqual([{ startedAt: isoOf(startedAt) }]);
    stripe.change(id, (row) => {
      row.start_date = stripe.now - 10;
      for (const item of row.items) item.created = stripe.now - 5;
    });
    await deliver();
    await server.importAll();
    expect(await startOf()).toEqual([{ startedAt: isoOf(startedAt) }]);
  });

  test('names its user by its own metadata', async () => {
    await app.ok('mutation { createUser(input: { id: "named", email: "named@example.net" }) { id } }');
    const customer = stripe.createCustomer('another@example.com');
    stripe.subscribe(customer, [pro], { metadata: { kana_user_id: 'named' } });
    await deliver();
    expect(await statusesOf('named')).toEqual(['pro ACTIVE']);
    const { user } = await app.ok('{ user(id: "named") { email billingId } }');
    expect(user).toEqual({ email: 'named@example.net', billingId: customer });
  });
});

describe('a customer at Stripe', () => {
  test('who changes: imported users follow, of others only gaps are filled', async () => {
    await app.ok('mutation { createUser(input: { id: "own", email: "own@example.com" }) { id } }');
    const [imported, own] = [
      stripe.createCustomer('imp@example.com', { name: 'Imp' }),
      stripe.createCustomer('own@example.com'),
    ];
    await deliver();
    stripe.changeCustomer(imported, { name: 'Imp II', email: 'imp2@example.com' });
    stripe.changeCustomer(own, { name: 'Own', email: 'own2@example.com' });
    await deliver();
    stripe.changeCustomer(own, { name: 'Owner' });
    await deliver();
    const { a, b } = await app.ok(
      '{ a: user(id: "imp@example.com") { name email } b: user(id: "own") { name email } }',
    );
    expect(a).toEqual({ name: 'Imp II', email: 'imp2@example.com' });
    expect(b).toEqual({ name: 'Own', email: 'own@example.com' });
  });

  test('who is deleted leaves the user, with what was used', async () => {
    const customer = stripe.createCustomer('gone@example.com');
    stripe.subscribe(customer, [pro], { startedAt: stripe.now - 60 });
    await deliver();
    await app.ok(
      'mutation { recordUsage(input: { userId: "gone@example.com", featureId: "calls", delta: 5 }) { recorded } }',
    );
    stripe.changeCustomer(customer, { deleted: true });
    await deliver();
    expect(await statusesOf('gone@example.com')).toEqual(['pro CANCELLED']);
    const { user, usageEvents } = await app.ok(
      '{ user(id: "gone@example.com") { billingId } usageEvents(userId: "gone@example.com") { delta } }',
    );
    expect([user.billingId, usageEvents]).toEqual([customer, [{ delta: 5 }]]);
  });
});

describe('what the webhook did not bring', () => {
  const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000);
  const set = (data: object) => app.database.prisma.stripeConnection.updateMany({ data });
  const subscribe = (name: string) => stripe.subscribe(stripe.createCustomer(`${name}@example.com`), [free]);
  const isHere = async (name: string) => {
    const { users } = await app.ok('{ users { id } }');
    return users.some(({ id }: { id: string }) => id === `${name}@example.com`);
  };

  test('is found by the list of events within an hour', async () => {
    subscribe('missed');
    await set({ reconciledAt: ago(0.9), eventsUntil: ago(0.9) });
    await server.everyMinute();
    expect(await isHere('missed')).toBe(false);
    await set({ reconciledAt: ago(1), eventsUntil: ago(1) });
    await server.everyMinute();
    expect(await statusesOf('missed@example.com')).toEqual(['free ACTIVE']);
    stripe.events = [];
  });

  test('and had no event at all, within a day', async () => {
    subscribe('silent');
    stripe.events = [];
    await set({ reconciledAt: ago(1), importEndedAt: ago(23.9) });
    await server.everyMinute();
    expect(await isHere('silent')).toBe(false);
    await set({ reconciledAt: ago(1), importEndedAt: ago(24.1) });
    await server.everyMinute();
    expect(await statusesOf('silent@example.com')).toEqual(['free ACTIVE']);
  });

  test('is longer ago than Stripe lists events: everything is read', async () => {
    subscribe('old');
    stripe.events = [];
    await set({ reconciledAt: ago(1), importEndedAt: ago(1), eventsUntil: ago(24 * 29.5) });
    await server.everyMinute();
    expect(await statusesOf('old@example.com')).toEqual(['free ACTIVE']);
  });

  test('an event that comes twice is stored once, and asked about once', async () => {
    subscribe('twice');
    const [, event] = stripe.events.splice(0);
    if (event === undefined) throw new Error('there is none');
    const [before, asked] = [await app.database.prisma.stripeEvent.count(), stripe.requests.length];
    for (const _time of [1, 2]) {
      expect((await server.post(event)).status).toBe(200);
      await server.settle();
    }
    expect(await app.database.prisma.stripeEvent.count()).toBe(before + 1);
    // The customer, the subscriptions and the payments.
    expect(stripe.requests.length).toBe(asked + 3);
  });
});

test('the guide explains every status and every flag', async () => {
  const guide = await readFile(new URL('../../docs/guides/stripe.md', import.meta.url), 'utf8');
  for (const there of Object.keys(statuses)) expect(guide).toContain(`| \`${there}\` | ${statuses[there]} |`);
  for (const kind of flagKinds) expect(guide).toContain(`| \`${kind}\` |`);
});

describe('payments and links', () => {
  test('a payment that arrives later counts once it has arrived, and once', async () => {
    const customer = stripe.createCustomer('later@example.com');
    stripe.subscribe(customer, [pro]);
    stripe.payOnce(customer, once);
    const session = stripe.sessions.at(-1);
    if (session === undefined) throw new Error('there is none');
    session.payment_status = 'unpaid';
    await deliver();
    expect(await statusesOf('later@example.com')).toEqual(['pro ACTIVE']);
    session.payment_status = 'paid';
    const object = { object: 'checkout.session', customer };
    for (const id of ['evt_arrived_1', 'evt_arrived_2']) {
      stripe.events.push({
        ...{ id, type: 'checkout.session.async_payment_succeeded', created: stripe.now, object },
      });
      await deliver();
    }
    expect((await statusesOf('later@example.com')).sort()).toEqual(['extra ACTIVE', 'pro ACTIVE']);
    // What costs nothing needs no payment.
    const given = stripe.createCustomer('given@example.com');
    stripe.payOnce(given, once);
    Object.assign(stripe.sessions.at(-1) ?? {}, { payment_status: 'no_payment_required' });
    await deliver();
    expect(await statusesOf('given@example.com')).toEqual(['extra ACTIVE']);
  });

  test.each([
    [
      'generateSubscriptionLink(templateId: "t", successUrl: "https://a.test", cancelUrl: "ftp://a.test")',
      'cancelUrl',
    ],
    [
      'generateSubscriptionLink(templateId: "t", successUrl: "/ok", cancelUrl: "https://a.test")',
      'successUrl',
    ],
    ['generatePortalLink(userId: "portal", returnUrl: "javascript:alert(1)")', 'returnUrl'],
  ])('%s leads nowhere else', async (call, field) => {
    const error = await app.fails(`mutation { ${call} { url } }`);
    expect(error.extensions.code).toBe('BAD_USER_INPUT');
    expect(error.message).toContain(field);
  });

  test('a buyer of something once need not be known before', async () => {
    await app.ok(`mutation { createBillingTemplate(packageId: "extra", input: {
      id: "once", currency: "eur", prices: ["${once}"] }) { id } }`);
    await app.ok('mutation { createUser(input: { id: "own-id", email: "shopper@example.com" }) { id } }');
    const buy = async (user: string, email: string) => {
      const { generateSubscriptionLink } = await app.ok(
        `mutation { generateSubscriptionLink(${user} templateId: "once", successUrl: "https://a.test", cancelUrl: "https://a.test") { url } }`,
      );
      stripe.complete(generateSubscriptionLink.url, email);
      await deliver();
    };
    await buy('userId: "own-id",', 'ignored@example.com');
    await buy('userId: "nobody-yet",', 'unknown@example.com');
    await buy('', 'stranger@example.com');
    for (const id of ['own-id', 'unknown@example.com', 'stranger@example.com'])
      expect(await statusesOf(id)).toEqual(['extra ACTIVE']);
    const { billingFlags } = await app.ok('{ billingFlags(userId: "own-id") { kind } }');
    expect(billingFlags).toEqual([{ kind: 'ADDON_WITHOUT_BASE' }]);
  });

  test('the portal is for those whom Stripe knows', async () => {
    const portal = (userId: string) =>
      `mutation { generatePortalLink(userId: "${userId}", returnUrl: "https://a.test") { url } }`;
    expect((await app.fails(portal('nobody'))).extensions.exception?.name).toBe('UserNotFoundError');
    await app.ok('mutation { createUser(input: { id: "portal" }) { id } }');
    const unknown = await app.fails(portal('portal'));
    expect(unknown.extensions.exception?.name).toBe('SubscriptionLinkError');
    const customer = stripe.createCustomer('portal@example.com', { metadata: { kana_user_id: 'portal' } });
    await deliver();
    const { generatePortalLink } = await app.ok(portal('portal'));
    expect(generatePortalLink.url).toContain(customer);
  });

  test('a user with an add-on or an ended base package may still buy one', async () => {
    await app.ok(`mutation { createBillingTemplate(packageId: "pro", input: {
      id: "t", currency: "eur", interval: "month", prices: ["${pro}"] }) { id } }`);
    const customer = stripe.createCustomer('back@example.com');
    stripe.cancel(stripe.subscribe(customer, [free]));
    stripe.payOnce(customer, once);
    await deliver();
    const link =
      'mutation { generateSubscriptionLink(userId: "back@example.com", templateId: "t", successUrl: "https://a.test", cancelUrl: "https://a.test") { url } }';
    const { generateSubscriptionLink } = await app.ok(link);
    stripe.complete(generateSubscriptionLink.url, 'ignored@example.com');
    // The customer whom Stripe knows pays again.
    expect(stripe.subscriptions.at(-1)?.customer).toBe(customer);
    await deliver();
    expect((await app.fails(link)).message).toContain('changePackage');
  });
});
