import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  AuthenticationError,
  KanaAdmin,
  SubscriptionLinkError,
  TimeoutError,
} from '../../packages/sdk/src/index.ts';
import { settleJobs } from '../../src/subscriptions/settle.ts';
import type { TestApp } from '../helpers/app.ts';
import { startBillingApp, webhookSecret } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

const day = 86_400;

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingApp>>;
let app: TestApp;

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingApp(stripe);
  app = server.app;
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

let delivered = 0;
/** Delivers all events that were not delivered yet. */
async function deliver(): Promise<void> {
  const events = stripe.events.slice(delivered);
  delivered = stripe.events.length;
  await server.deliver(events);
}

const map = (priceId: string, packageId: string) =>
  app.ok(
    'mutation ($priceId: String!, $packageId: String!) { mapPrice(priceId: $priceId, packageId: $packageId) { package { id } } }',
    {
      priceId,
      packageId,
    },
  );

async function heldBy(userId: string) {
  const { subscriptions } = await app.ok(
    `query ($userId: String!) { subscriptions(userId: $userId) { status startedAt endedAt provider providerStatus
      providerSubscriptionId package { id } } }`,
    { userId },
  );
  return subscriptions.map(({ package: { id }, ...rest }: { package: { id: string }; status: string }) => ({
    id,
    ...rest,
  }));
}
const statusOf = async (userId: string) =>
  (await heldBy(userId)).map(({ id, status }: { id: string; status: string }) => `${id} ${status}`);
const flags = async () => {
  const { billingFlags } = await app.ok('{ billingFlags { kind customerId message user { id } } }');
  return billingFlags.map(({ kind }: { kind: string }) => kind);
};

const prices: Record<string, string> = {};

describe('connecting', () => {
  test('an environment without a connection says what to do', async () => {
    expect(await app.ok('{ stripeConnection { accountId } }')).toEqual({ stripeConnection: null });
    const importing = await app.fails('mutation { importStripe { accountId } }');
    expect(importing.extensions.exception?.name).toBe('StripeNotConnectedError');
    const link = await app.fails(
      'mutation { generateSubscriptionLink(templateId: "t", successUrl: "https://a.test", cancelUrl: "https://a.test") { url } }',
    );
    expect(link.extensions.exception?.name).toBe('SubscriptionLinkError');
    expect(link.message).toContain('connectStripe');
  });

  test.each([
    [{ secretKey: 'pk_test_x', webhookSecret }, 'input.secretKey'],
    [{ secretKey: 'sk_live_ours', webhookSecret }, 'input.secretKey'],
    [{ secretKey: 'sk_test_unknown', webhookSecret }, 'input.secretKey'],
    [{ secretKey: 'sk_test_ours', webhookSecret: 'secret' }, 'input.webhookSecret'],
  ])('%j is refused, and the field is named', async (input, field) => {
    const error = await server.refuseConnection(input);
    expect(error.extensions.code).toBe('BAD_USER_INPUT');
    expect(error.message).toContain(field);
    expect(error.message).not.toContain(input.secretKey);
  });

  test('a key that may not read something is refused with the name of it', async () => {
    stripe.forbidden = new Set(['/v1/events', '/v1/prices']);
    const error = await server.refuseConnection({ secretKey: 'sk_test_ours', webhookSecret });
    expect(error.message).toContain('Prices, Events');
    stripe.forbidden = new Set(['/v1/payment_intents', '/v1/charges']);
    const payments = await server.refuseConnection({ secretKey: 'sk_test_ours', webhookSecret });
    stripe.forbidden = new Set();
    expect(payments.message).toContain('may not read PaymentIntents, Charges');
  });

  test('a key that may is kept encrypted, and never told', async () => {
    expect(await server.connect({ secretKey: 'sk_test_ours', webhookSecret })).toEqual({
      connectStripe: { accountId: 'acct_1', import: { state: null } },
    });
    const [row] = await app.database.prisma.$queryRaw<{ text: string }[]>`
      select to_jsonb(c)::text as text from stripe_connection c`;
    expect(row?.text).toContain('acct_1');
    expect(row?.text).not.toMatch(/sk_test|whsec/);
  });
});

describe('importing', () => {
  const startedAt = Math.floor(Date.now() / 1_000) - 40 * day;

  test('prices, customers and subscriptions come; what is mapped later is applied then', async () => {
    prices.pro = stripe.createPrice('Pro');
    prices.free = stripe.createPrice('Free', { amount: 0 });
    prices.extra = stripe.createPrice('Extra', { amount: 500, interval: null });
    const ada = stripe.createCustomer('ada@example.com', { name: 'Ada' });
    stripe.subscribe(ada, [prices.pro], { startedAt });
    const bo = stripe.createCustomer('bo@example.com');
    await app.ok(`mutation { createUser(input: { id: "bo", billingId: "${bo}" }) { id } }`);
    expect(await server.importAll()).toEqual({
      state: 'DONE',
      prices: 3,
      customers: 2,
      subscriptions: 1,
      problem: null,
    });
    expect(await heldBy('ada@example.com')).toEqual([]);
    const { providerPrices } = await app.ok(
      '{ providerPrices(mapped: false) { id productName amount currency interval package { id } } }',
    );
    expect(providerPrices[0]).toEqual({
      id: prices.pro,
      productName: 'Pro',
      amount: 1_000,
      currency: 'eur',
      interval: 'month',
      package: null,
    });

    await map(prices.pro, 'pro');
    await server.settle();
    expect(await heldBy('ada@example.com')).toEqual([
      expect.objectContaining({
        id: 'pro',
        status: 'ACTIVE',
        provider: 'STRIPE',
        providerStatus: 'active',
        startedAt: new Date(startedAt * 1_000).toISOString(),
        endedAt: null,
      }),
    ]);
    const { user } = await app.ok('{ user(id: "bo") { email billingId } }');
    expect(user).toEqual({ email: 'bo@example.com', billingId: bo });
  });

  test('again changes nothing', async () => {
    const before = await app.database.prisma.subscription.findMany();
    await server.importAll();
    expect(await app.database.prisma.subscription.findMany()).toEqual(before);
    delivered = stripe.events.length;
  });

  test('a mapping is final', async () => {
    await map(prices.pro ?? '', 'pro');
    const error = await app.fails(
      `mutation { mapPrice(priceId: "${prices.pro}", packageId: "free") { id } }`,
    );
    expect(error.extensions.exception?.name).toBe('PriceMappedError');
    await map(prices.free ?? '', 'free');
    await map(prices.extra ?? '', 'extra');
    await server.settle();
  });

  test('an import that Stripe breaks off says why, and the next one does everything', async () => {
    stripe.forbidden = new Set(['/v1/customers']);
    expect(await server.importAll()).toMatchObject({
      state: 'FAILED',
      problem: expect.stringContaining('StripePermissionError'),
    });
    stripe.forbidden = new Set();
    expect(await server.importAll()).toMatchObject({ state: 'DONE', customers: 2 });
  });
});

describe('the webhook', () => {
  let customer: string;
  let subscription: string;

  test('a new subscription appears, with usage since its start', async () => {
    await app.ok('mutation { createUser(input: { id: "cleo", email: "cleo@example.com" }) { id } }');
    await app.ok(
      'mutation { recordUsage(input: { userId: "cleo", featureId: "calls", delta: 4 }) { recorded } }',
    );
    customer = stripe.createCustomer('Cleo@Example.com ');
    subscription = stripe.subscribe(customer, [prices.pro ?? ''], { startedAt: stripe.now - 60 });
    await deliver();
    expect(await statusOf('cleo')).toEqual(['pro ACTIVE']);
    const { canUseFeature } = await app.ok(
      '{ canUseFeature(userId: "cleo", featureId: "calls") { access consumption { used budget } } }',
    );
    expect(canUseFeature).toEqual({ access: true, consumption: { used: 4, budget: 1_000 } });
  });

  test.each([
    ['past_due', 'PAST_DUE', false],
    ['unpaid', 'UNPAID', false],
    ['incomplete', 'INCOMPLETE', false],
    ['paused', 'UNPAID', false],
    ['something_new', 'UNPAID', false],
    ['trialing', 'TRIALING', true],
    ['active', 'ACTIVE', true],
  ] as const)('%s at Stripe is %s here', async (there, here, access) => {
    stripe.change(subscription, (row) => {
      row.status = there;
    });
    await deliver();
    expect(await statusOf('cleo')).toEqual([`pro ${here}`]);
    expect(await heldBy('cleo')).toMatchObject([{ providerStatus: there }]);
    const { canUseFeature } = await app.ok(
      '{ canUseFeature(userId: "cleo", featureId: "calls") { access } }',
    );
    expect(canUseFeature.access).toBe(access);
    expect(await flags()).toEqual(there === 'something_new' ? ['UNKNOWN_STATUS'] : []);
  });

  test('paused payments are flagged, and withhold access only where that is wanted', async () => {
    stripe.change(subscription, (row) => {
      row.paused = true;
    });
    await deliver();
    expect(await statusOf('cleo')).toEqual(['pro ACTIVE']);
    expect(await flags()).toEqual(['COLLECTION_PAUSED']);
    await server.connect({ secretKey: 'sk_test_ours', webhookSecret, withholdAccessWhilePaused: true });
    stripe.change(subscription, () => undefined);
    await deliver();
    expect(await statusOf('cleo')).toEqual(['pro UNPAID']);
    await server.connect({ secretKey: 'sk_test_ours', webhookSecret, withholdAccessWhilePaused: false });
    stripe.change(subscription, (row) => {
      row.paused = false;
    });
    await deliver();
    expect(await statusOf('cleo')).toEqual(['pro ACTIVE']);
    expect(await flags()).toEqual([]);
  });

  test('no job of ours ends a trial that Stripe decides on', async () => {
    stripe.change(subscription, (row) => {
      row.status = 'trialing';
      row.trial_end = stripe.now - 60;
    });
    await deliver();
    const [job] = Object.values(settleJobs(app.database.prisma));
    await job?.({}, { pool: app.database.work, stop: new AbortController().signal } as never);
    expect(await statusOf('cleo')).toEqual(['pro TRIALING']);
    stripe.change(subscription, (row) => {
      row.status = 'active';
    });
    await deliver();
    expect(await statusOf('cleo')).toEqual(['pro ACTIVE']);
  });

  test('another price is another package; the old one ends', async () => {
    stripe.change(subscription, (row) => {
      row.items = row.items.map((item) => ({ ...item, price: prices.free ?? '' }));
    });
    await deliver();
    expect(await statusOf('cleo')).toEqual(['pro CANCELLED', 'free ACTIVE']);
  });

  test('several bases: the best is held, the other flagged; an add-on comes with it', async () => {
    const url = 'http://127.0.0.1:9/';
    await app.ok(`mutation { createWebhook(input: { url: "${url}", events: ["flag.raised"] }) { secret } }`);
    const second = stripe.subscribe(customer, [prices.pro ?? '', prices.extra ?? ''], {
      startedAt: stripe.now - 30,
    });
    await deliver();
    expect((await statusOf('cleo')).sort()).toEqual([
      'extra ACTIVE',
      'free CANCELLED',
      'pro ACTIVE',
      'pro CANCELLED',
    ]);
    expect(await flags()).toEqual(['SEVERAL_BASES']);
    await deliver();
    const { rows } = await app.database.work.query('select type, data from webhook_event');
    const told = { flag: 'BILLING', billingFlag: 'SEVERAL_BASES', customerId: customer, userIds: ['cleo'] };
    expect(rows).toEqual([{ type: 'flag.raised', data: told }]);
    stripe.cancel(second);
    await deliver();
    expect((await statusOf('cleo')).sort()).toEqual([
      'extra CANCELLED',
      'free ACTIVE',
      'pro CANCELLED',
      'pro CANCELLED',
    ]);
    expect(await flags()).toEqual([]);
  });

  test('a base that was subscribed by hand stays; once it ends, what is paid is held', async () => {
    await app.ok('mutation { createUser(input: { id: "dora", email: "dora@example.com" }) { id } }');
    const { subscribe } = await app.ok('mutation { subscribe(userId: "dora", packageIds: ["free"]) { id } }');
    stripe.subscribe(stripe.createCustomer('dora@example.com'), [prices.pro ?? '']);
    await deliver();
    expect(await statusOf('dora')).toEqual(['free ACTIVE']);
    expect(await flags()).toEqual(['SUBSCRIBED_BY_HAND']);
    await app.ok(`mutation { cancelSubscription(id: "${subscribe[0].id}") { id } }`);
    await server.everyMinute();
    expect(await statusOf('dora')).toEqual(['free CANCELLED', 'pro ACTIVE']);
    expect(await flags()).toEqual([]);
  });

  test('several users with one email: nothing is attached, and it is flagged', async () => {
    await app.ok(`mutation { a: createUser(input: { id: "e1", email: "e@example.com" }) { id }
      b: createUser(input: { id: "e2", email: "E@example.com" }) { id } }`);
    stripe.subscribe(stripe.createCustomer('e@example.com'), [prices.pro ?? '']);
    await deliver();
    expect([await statusOf('e1'), await statusOf('e2')]).toEqual([[], []]);
    expect(await flags()).toContain('SEVERAL_USERS');
  });

  test('wrong signatures, old events, other modes and unsigned bodies are refused, and nothing is stored', async () => {
    const before = await app.database.prisma.stripeEvent.count();
    const event = {
      id: 'evt_x',
      type: 'customer.created',
      created: stripe.now,
      object: { object: 'customer', id: customer },
    };
    expect((await server.post(event, 'whsec_other')).status).toBe(400);
    expect((await server.post(event, webhookSecret, stripe.now - 600)).status).toBe(400);
    stripe.livemode = true;
    expect((await server.post(event)).status).toBe(400);
    stripe.livemode = false;
    expect((await server.post({ ...event, account: 'acct_other' })).status).toBe(400);
    expect((await app.http.post('/billing/stripe/webhook').send({})).status).toBe(400);
    expect(await app.database.prisma.stripeEvent.count()).toBe(before);
  });

  test('during a rotation both secrets are valid', async () => {
    await server.connect({ secretKey: 'sk_test_ours', webhookSecret: 'whsec_new' });
    const event = {
      id: 'evt_y',
      type: 'customer.updated',
      created: stripe.now,
      object: { object: 'customer', id: customer },
    };
    expect((await server.post(event, 'whsec_new')).status).toBe(200);
    expect((await server.post({ ...event, id: 'evt_z' })).status).toBe(200);
    await server.settle();
  });

  test('a deleted user stays forgotten', async () => {
    await app.ok('mutation { deleteUser(id: "dora") { id } }');
    const gone = stripe.customers.find(({ email }) => email === 'dora@example.com');
    stripe.changeCustomer(gone?.id ?? '', { name: 'Dora' });
    await deliver();
    await server.importAll();
    expect((await app.ok('{ users { id email } }')).users).not.toContainEqual({
      id: 'dora@example.com',
      email: 'dora@example.com',
    });
  });
});

describe('changes here go to Stripe first', () => {
  const cancel =
    'mutation ($id: String!, $at: DateTime, $atPeriodEnd: Boolean) { cancelSubscription(id: $id, at: $at, atPeriodEnd: $atPeriodEnd) { id status cancelsAt } }';
  const change =
    'mutation ($userId: String!, $packageId: String!, $usage: CarriedUsage) { changePackage(userId: $userId, packageId: $packageId, usage: $usage) { subscription { id status package { id } } replaced { status } cancelledAddons { package { id } } } }';
  const used = async () => {
    const { canUseFeature } = await app.ok(
      '{ canUseFeature(userId: "hal", featureId: "calls") { consumption { used budget } } }',
    );
    return canUseFeature.consumption;
  };
  const idOf = async (packageId: string): Promise<string> => {
    const { subscriptions } = await app.ok('{ subscriptions(userId: "hal") { id status package { id } } }');
    return subscriptions.findLast(
      (each: { status: string; package: { id: string } }) =>
        each.package.id === packageId && each.status === 'ACTIVE',
    )?.id;
  };
  let hal: string;
  let addonPrice: string;

  beforeAll(async () => {
    await app.ok('mutation { createUser(input: { id: "hal" }) { id } }');
    hal = stripe.createCustomer('hal@example.com', { metadata: { kana_user_id: 'hal' } });
    addonPrice = stripe.createPrice('Extra by month');
    await deliver();
    await map(addonPrice, 'extra');
    stripe.subscribe(hal, [prices.pro ?? '', addonPrice], { startedAt: stripe.now - 60 });
    await deliver();
  });

  test('an end at the end of the period, at an instant, and taken back', async () => {
    const id = await idOf('pro');
    const { cancelSubscription: atEnd } = await app.ok(cancel, { id, atPeriodEnd: true });
    const period = new Date((stripe.now - 60 + 30 * day) * 1_000).toISOString();
    expect(atEnd).toEqual({ id, status: 'ACTIVE', cancelsAt: period });
    expect(stripe.subscriptions.at(-1)).toMatchObject({ cancel_at_period_end: true });
    const at = new Date((stripe.now + 9 * day) * 1_000).toISOString();
    const { cancelSubscription: atInstant } = await app.ok(cancel, { id, at });
    expect(atInstant).toEqual({ id, status: 'ACTIVE', cancelsAt: at });
    const resume = `mutation { resumeSubscription(id: "${id}") { status cancelsAt } }`;
    expect((await app.ok(resume)).resumeSubscription).toEqual({ status: 'ACTIVE', cancelsAt: null });
    expect(stripe.subscriptions.at(-1)).toMatchObject({ cancel_at: null, cancel_at_period_end: false });
    expect((await app.fails(resume)).message).toContain('no scheduled end');
    const addon = await app.fails(cancel, { id: await idOf('extra'), atPeriodEnd: true });
    expect(addon.message).toContain('as a whole');
  });

  test('without Stripe, or where it refuses, nothing changes', async () => {
    const before = await app.database.prisma.subscription.findMany({ orderBy: { id: 'asc' } });
    stripe.isDown = true;
    const down = await app.fails(cancel, { id: await idOf('pro') });
    stripe.isDown = false;
    stripe.declinesCards = true;
    const declined = await app.fails(change, { userId: 'hal', packageId: 'free' });
    stripe.declinesCards = false;
    for (const error of [down, declined]) {
      expect(error.extensions.exception?.name).toBe('SubscriptionError');
      expect(error.message).toContain('nothing was changed');
    }
    expect(declined.message).toContain('card_declined');
    const unsold = await app.fails(change, { userId: 'hal', packageId: 'unsold' });
    expect(unsold.extensions.exception?.name).toBe('SubscriptionError');
    expect(await app.database.prisma.subscription.findMany({ orderBy: { id: 'asc' } })).toEqual(before);
  });

  test('another package: with CARRY usage goes on, with RESET it begins anew', async () => {
    await app.ok(
      'mutation { recordUsage(input: { userId: "hal", featureId: "calls", delta: 7 }) { recorded } }',
    );
    await app.ok(`mutation { cancelSubscription(id: "${await idOf('extra')}") { id } }`);
    expect(stripe.subscriptions.at(-1)?.items).toHaveLength(1);
    const { changePackage } = await app.ok(change, { userId: 'hal', packageId: 'free', usage: 'CARRY' });
    expect(changePackage).toMatchObject({
      subscription: { status: 'ACTIVE', package: { id: 'free' } },
      replaced: { status: 'CANCELLED' },
      cancelledAddons: [],
    });
    expect(await used()).toEqual({ used: 7, budget: 10 });
    // Stripe counts whole seconds: what was used in this one is before the change.
    stripe.now = Math.ceil(Date.now() / 1_000);
    await app.ok(change, { userId: 'hal', packageId: 'pro' });
    expect(await used()).toEqual({ used: 0, budget: 1_000 });
    expect(stripe.subscriptions.at(-1)?.items).toMatchObject([{ price: prices.pro }]);
    const again = await app.fails(change, { userId: 'hal', packageId: 'pro' });
    expect(again.message).toContain('already subscribed');
  });

  test('an answer that is lost is asked for again, and the change is made once', async () => {
    const { id } = stripe.subscriptions.at(-1) ?? { id: '' };
    stripe.breaks.add(`POST /v1/subscriptions/${id}`);
    const events = stripe.events.length;
    await app.ok(change, { userId: 'hal', packageId: 'free' });
    expect(stripe.events.slice(events).map(({ type }) => type)).toEqual(['customer.subscription.updated']);
    expect((await statusOf('hal')).filter((each: string) => each.endsWith('ACTIVE'))).toEqual([
      'free ACTIVE',
    ]);
  });

  test('now; add-ons by hand end with it, and who did it is noted', async () => {
    await app.ok('mutation { subscribe(userId: "hal", packageIds: ["extra"]) { id } }');
    const { cancelSubscription } = await app.ok(cancel, { id: await idOf('free') });
    expect(cancelSubscription.status).toBe('CANCELLED');
    expect(stripe.subscriptions.at(-1)?.status).toBe('canceled');
    expect((await statusOf('hal')).filter((each: string) => !each.endsWith('CANCELLED'))).toEqual([]);
    const { auditLog } = await app.ok('{ auditLog(first: 3) { action subjectType author { kind } } }');
    expect(auditLog).toEqual([
      { action: 'cancelSubscription', subjectType: 'SUBSCRIPTION', author: { kind: 'PRIVATE_KEY' } },
      { action: 'syncStripe', subjectType: 'SUBSCRIPTION', author: { kind: 'SERVER' } },
      { action: 'cancelSubscription', subjectType: 'BILLING', author: { kind: 'PRIVATE_KEY' } },
    ]);
    const over = await app.fails(cancel, { id: cancelSubscription.id });
    expect(over.message).toContain('CANCELLED');
    await deliver();
  });
});

describe('links', () => {
  const link = `mutation ($userId: String, $templateId: String!) { generateSubscriptionLink(userId: $userId,
    templateId: $templateId, successUrl: "https://a.test/ok", cancelUrl: "https://a.test/no") { url } }`;
  const template = `mutation ($input: BillingTemplateInput!, $packageId: String!) {
    createBillingTemplate(packageId: $packageId, input: $input) { billingTemplates { id currency interval priceIds } } }`;

  test('a template has prices of its package, in one currency and interval', async () => {
    const input = { id: 'pro-eur-month', currency: 'EUR', interval: 'month', prices: [prices.pro] };
    expect(await app.ok(template, { packageId: 'pro', input })).toEqual({
      createBillingTemplate: {
        billingTemplates: [
          { id: 'pro-eur-month', currency: 'eur', interval: 'month', priceIds: [prices.pro] },
        ],
      },
    });
    const wrong = await app.fails(template, { packageId: 'free', input: { ...input, id: 'x' } });
    expect(wrong.message).toContain('input.prices.0');
    const again = await app.fails(template, { packageId: 'pro', input });
    expect(again.extensions.code).toBe('CONFLICT');
    await app.ok(template, {
      packageId: 'extra',
      input: { id: 'extra-once', currency: 'eur', prices: [prices.extra] },
    });
  });

  test('who pays at a link holds the package, known or not', async () => {
    await app.ok('mutation { createUser(input: { id: "finn", email: "finn@example.com" }) { id } }');
    const known = await app.ok(link, { userId: 'finn', templateId: 'pro-eur-month' });
    stripe.complete(known.generateSubscriptionLink.url, 'other@example.com');
    const unknown = await app.ok(link, { userId: 'nobody', templateId: 'pro-eur-month' });
    stripe.complete(unknown.generateSubscriptionLink.url, 'gil@example.com');
    await deliver();
    expect(await statusOf('finn')).toEqual(['pro ACTIVE']);
    expect(await statusOf('gil@example.com')).toEqual(['pro ACTIVE']);
  });

  test('the SDK makes links, and waits for what is paid there', async () => {
    const { payments } = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
    const urls = { successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no' };
    const { data: made } = await payments.generateLink({
      userId: 'ivy@example.com',
      templateId: 'pro-eur-month',
      ...urls,
    });
    const awaited = { userId: 'ivy@example.com', packageId: 'pro' };
    const early = await payments.waitForSubscription({ ...awaited, timeoutMs: 1 });
    expect(early.error).toBeInstanceOf(TimeoutError);
    // The page is there before the webhook: the user does not even exist.
    const waiting = payments.waitForSubscription(awaited);
    const asked = app.database.prisma.user.count({ where: { id: 'ivy@example.com' } });
    expect(await asked).toBe(0);
    stripe.complete(made?.url ?? '', 'ivy@example.com');
    await deliver();
    expect((await waiting).data).toMatchObject({ status: 'ACTIVE', package: { id: 'pro' } });

    const ending = new AbortController();
    const ended = payments.waitForSubscription({ ...awaited, packageId: 'extra', signal: ending.signal });
    ending.abort();
    expect((await ended).error?.name).toBe('AbortError');
    const portal = await payments.generatePortalLink({
      userId: 'ivy@example.com',
      returnUrl: 'https://a.test',
    });
    expect(portal.data?.url).toContain('billing.stripe.test');
    const none = await payments.generateLink({ templateId: 'none', ...urls });
    expect(none.error).toBeInstanceOf(SubscriptionLinkError);
    const denied = await new KanaAdmin({
      apiKey: 'prv_test_x',
      endpoint: `${app.url}/graphql`,
    }).payments.waitForSubscription(awaited);
    expect(denied.error).toBeInstanceOf(AuthenticationError);
  });

  test('an add-on that is paid once', async () => {
    const { generateSubscriptionLink } = await app.ok(link, { userId: 'finn', templateId: 'extra-once' });
    stripe.complete(generateSubscriptionLink.url, 'finn@example.com');
    await deliver();
    expect(await statusOf('finn')).toEqual(['pro ACTIVE', 'extra ACTIVE']);
    const { generatePortalLink } = await app.ok(
      'mutation { generatePortalLink(userId: "finn", returnUrl: "https://a.test") { url } }',
    );
    const customer = generatePortalLink.url.split('/').at(-1);
    stripe.refund(customer);
    await deliver();
    expect(await statusOf('finn')).toEqual(['pro ACTIVE', 'extra ACTIVE']);
    expect(await flags()).toContain('REFUNDED');
    const { subscriptions } = await app.ok('{ subscriptions(userId: "finn") { id } }');
    await app.ok(`mutation { cancelSubscription(id: "${subscriptions[1].id}") { id } }`);
    stripe.refund(customer);
    await deliver();
    expect(await statusOf('finn')).toEqual(['pro ACTIVE', 'extra CANCELLED']);
    expect(await flags()).not.toContain('REFUNDED');
  });

  test('no link sells a second base package, an unknown template, or leads to another scheme', async () => {
    const second = await app.fails(link, { userId: 'finn', templateId: 'pro-eur-month' });
    expect(second.message).toContain('changePackage');
    const unknown = await app.fails(link, { templateId: 'none' });
    expect(unknown.extensions.exception?.name).toBe('SubscriptionLinkError');
    const scheme = await app.fails(
      `mutation { generateSubscriptionLink(templateId: "pro-eur-month", successUrl: "javascript:alert(1)", cancelUrl: "https://a.test") { url } }`,
    );
    expect(scheme.message).toContain('successUrl');
  });

  test('a price is made at Stripe for a package, and who pays it holds the package', async () => {
    const create = `mutation ($packageId: String!, $input: ProviderPriceInput!) {
      createProviderPrice(packageId: $packageId, input: $input) { id productName amount currency interval package { id } } }`;
    const input = { productName: 'Professional', amount: 5_000, currency: 'GBP', interval: 'month' };
    stripe.breaks.add('POST /v1/prices');
    const { createProviderPrice: made } = await app.ok(create, { packageId: 'pro', input });
    expect(made).toEqual({
      ...{ id: expect.any(String), productName: 'Professional', amount: 5_000, currency: 'gbp' },
      ...{ interval: 'month', package: { id: 'pro' } },
    });
    // The connection broke before the answer: Stripe was asked again, and made it once.
    expect(stripe.prices.filter(({ currency }) => currency === 'gbp')).toHaveLength(1);
    const { providerPrices } = await app.ok('{ providerPrices(packageId: "pro") { id } }');
    expect(providerPrices).toContainEqual({ id: made.id });
    stripe.subscribe(stripe.createCustomer('jo@example.com'), [made.id]);
    await deliver();
    expect(await statusOf('jo@example.com')).toEqual(['pro ACTIVE']);
    for (const [change, field] of [
      [{ amount: -1 }, 'input.amount'],
      [{ currency: 'pounds' }, 'input.currency'],
      [{ interval: 'decade' }, 'input.interval'],
      [{ productName: ' ' }, 'input.productName'],
    ] as const)
      expect(
        (await app.fails(create, { packageId: 'pro', input: { ...input, ...change } })).message,
      ).toContain(field);
    expect((await app.fails(create, { packageId: 'none', input })).extensions.exception?.name).toBe(
      'PackageNotFoundError',
    );
    stripe.isDown = true;
    const down = await app.fails(create, { packageId: 'pro', input });
    stripe.isDown = false;
    expect(down.extensions.exception?.name).toBe('ProviderPriceError');
  });

  test('without Stripe there is no link, and the reason is told', async () => {
    stripe.isDown = true;
    const error = await app.fails(link, { templateId: 'pro-eur-month' });
    stripe.isDown = false;
    expect(error.extensions.exception?.name).toBe('SubscriptionLinkError');
    expect(error.message).toContain('could not be reached');
  });
});

describe('what is out of the ordinary at Stripe', () => {
  test('a subscription with more items than Stripe shows at once, and a payment with more lines', async () => {
    const cus = stripe.createCustomer('kim@example.com');
    const many = Array.from({ length: 12 }, (_, index) => stripe.createPrice(`Seat ${index}`));
    const last = stripe.createPrice('Extra for Kim');
    await deliver();
    await map(last, 'extra');
    stripe.subscribe(cus, [...many, prices.pro ?? '']);
    stripe.payOnce(cus, ...many, last);
    await deliver();
    expect((await statusOf('kim@example.com')).sort()).toEqual(['extra ACTIVE', 'pro ACTIVE']);
  });

  test('whoever is deleted at Stripe while an import is there ends nothing', async () => {
    const many = Array.from({ length: 150 }, (_, index) => stripe.createCustomer(`many${index}@example.com`));
    const gone = stripe.createPrice('Gone');
    await server.deliver(stripe.events.slice(-1));
    // Nobody tells of the customers: the import finds them. It counts
    // two pages, reads a price list, and is at the hundredth customer.
    const listed = () => stripe.requests.filter((call) => call === 'GET /v1/customers').length;
    const before = listed();
    const places = [1, 3];
    stripe.onRequest = () => {
      if (listed() - before !== places[0]) return;
      places.shift();
      // The last one of the page that is now answered: the next one begins there.
      const alive = stripe.customers.filter(({ deleted }) => !deleted).reverse();
      setImmediate(() => stripe.changeCustomer(alive[99]?.id ?? '', { deleted: true }));
    };
    stripe.deletePrice(gone);
    const result = await server.importAll();
    stripe.onRequest = () => undefined;
    expect(places).toEqual([]);
    expect(result).toMatchObject({ state: 'DONE', problem: null });
    const { users } = await app.ok('{ users { id } }');
    expect(users.filter(({ id }: { id: string }) => id.startsWith('many')).length).toBeGreaterThanOrEqual(
      148,
    );
    const { providerPrices } = await app.ok('{ providerPrices { id isActive } }');
    expect(providerPrices).toContainEqual({ id: gone, isActive: false });
    stripe.customers = stripe.customers.filter(({ id }) => !many.includes(id));
    await app.database.prisma.stripeCustomer.deleteMany({ where: { id: { in: many } } });
    delivered = stripe.events.length;
  });

  test('one customer who cannot be read ends no import, and is tried again', async () => {
    const cus = stripe.createCustomer('pia@example.com');
    const sub = stripe.subscribe(cus, [prices.pro ?? '']);
    const [, item] = [stripe.subscription(sub), stripe.subscription(sub).items[0]];
    delivered = stripe.events.length;
    if (item !== undefined) item.price = 'price_nobody_has';
    await app.ok('mutation { importStripe { accountId } }');
    const tried = async () =>
      (await app.database.prisma.stripeCustomer.findFirst({ where: { id: cus } }))?.wantedTries ?? 0;
    while ((await tried()) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const { stripeConnection } = await app.ok('{ stripeConnection { import { state problem } } }');
    expect(stripeConnection.import).toEqual({ state: 'DONE', problem: null });
    if (item !== undefined) item.price = prices.pro ?? '';
    await app.database.prisma.stripeCustomer.updateMany({
      where: { id: cus },
      data: { wantedAt: new Date() },
    });
    await server.reconcile(new Date());
    await server.everyMinute();
    expect(await statusOf('pia@example.com')).toEqual(['pro ACTIVE']);
  });

  test('after a merge, what is still paid is told', async () => {
    await app.ok(`mutation { a: createUser(input: { id: "quin", email: "quin@example.com" }) { id }
      b: createUser(input: { id: "rae", email: "rae@example.com" }) { id } }`);
    const [first, second] = [
      stripe.createCustomer('quin@example.com'),
      stripe.createCustomer('rae@example.com'),
    ];
    stripe.subscribe(first, [prices.free ?? ''], { startedAt: stripe.now - 60 });
    stripe.subscribe(second, [prices.pro ?? ''], { startedAt: stripe.now - 30 });
    await deliver();
    await app.ok('mutation { mergeUsers(ids: ["quin", "rae"]) { id } }');
    await server.everyMinute();
    expect((await statusOf('quin')).sort()).toEqual(['free CANCELLED', 'pro ACTIVE']);
    const { billingFlags } = await app.ok('{ billingFlags { kind customerId user { id } } }');
    expect(billingFlags).toContainEqual({ kind: 'SEVERAL_BASES', customerId: first, user: { id: 'quin' } });
    expect(await server.verify()).toEqual([]);
    for (const id of [first, second]) stripe.changeCustomer(id, { deleted: true });
    await deliver();
  });

  test('a customer whose user could not be found, and who is deleted, needs nobody', async () => {
    await app.ok(`mutation { a: createUser(input: { id: "s1", email: "sol@example.com" }) { id }
      b: createUser(input: { id: "s2", email: "sol@example.com" }) { id } }`);
    const cus = stripe.createCustomer('sol@example.com');
    await deliver();
    const flagged = async () => {
      const { billingFlags } = await app.ok('{ billingFlags { customerId } }');
      return billingFlags.some(({ customerId }: { customerId: string }) => customerId === cus);
    };
    expect(await flagged()).toBe(true);
    stripe.changeCustomer(cus, { deleted: true });
    await deliver();
    expect(await flagged()).toBe(false);
  });

  test('the setting for paused payments applies to what is known', async () => {
    const sub = stripe.subscribe(stripe.createCustomer('tam@example.com'), [prices.pro ?? '']);
    stripe.change(sub, (row) => {
      row.paused = true;
    });
    await deliver();
    expect(await statusOf('tam@example.com')).toEqual(['pro ACTIVE']);
    await server.connect({ withholdAccessWhilePaused: true });
    await server.settle();
    expect(await statusOf('tam@example.com')).toEqual(['pro UNPAID']);
    await server.connect({ withholdAccessWhilePaused: false });
    await server.settle();
    expect(await statusOf('tam@example.com')).toEqual(['pro ACTIVE']);
  });

  test('a price of an archived package gives it; a draft that is deleted leaves its prices free', async () => {
    await app.ok(`mutation { createPackage(input: { id: "old", features: [{ id: "calls" }] }) { id }
      a: publishPackage(id: "old") { id } b: archivePackage(id: "old") { id }
      createDraft: createPackage(input: { id: "never", features: [{ id: "calls" }] }) { id } }`);
    const [old, never] = [stripe.createPrice('Old'), stripe.createPrice('Never')];
    await deliver();
    await map(old, 'old');
    await map(never, 'never');
    stripe.subscribe(stripe.createCustomer('una@example.com'), [old]);
    stripe.subscribe(stripe.createCustomer('vic@example.com'), [never]);
    await deliver();
    expect(await statusOf('una@example.com')).toEqual(['old ACTIVE']);
    expect(await flags()).toContain('DRAFT_PACKAGE');
    await app.ok('mutation { deleteDraftPackage(id: "never") { id } }');
    await server.everyMinute();
    expect(await flags()).not.toContain('DRAFT_PACKAGE');
    const { providerPrices } = await app.ok('{ providerPrices(mapped: false) { id } }');
    expect(providerPrices).toContainEqual({ id: never });
  });

  test.each([
    ['no fields', { id: 'evt_a1', type: 'customer.updated', object: {} }, 200],
    ['no customer', { id: 'evt_a2', type: 'checkout.session.completed', object: { customer: null } }, 200],
    [
      'a customer that is a number',
      { id: 'evt_a3', type: 'customer.updated', object: { object: 'customer', id: 5 } },
      200,
    ],
    [
      'an id that cannot be stored',
      { id: 'evt_a4', type: 'customer.updated', object: { object: 'customer', id: 'a\u0000b' } },
      200,
    ],
    [
      'an unknown type',
      { id: 'evt_a5', type: 'customer.danced', object: { object: 'customer', id: 'cus_x' } },
      200,
    ],
    ['no object', { id: 'evt_a6', type: 'price.updated', object: null as never }, 200],
    ['no id', { id: undefined as never, type: 'customer.updated', object: {} }, 400],
    ['no time', { id: 'evt_a7', type: 'customer.updated', created: 'soon' as never, object: {} }, 400],
  ])('a signed event with %s does no harm', async (_name, event, status) => {
    const before = await app.database.prisma.stripeEvent.count();
    expect((await server.post({ created: stripe.now, ...event })).status).toBe(status);
    await server.settle();
    expect(await app.database.prisma.stripeEvent.count()).toBe(status === 200 ? before + 1 : before);
  });

  test('a price in several currencies is sold, held and changed in the one that was chosen', async () => {
    const [both, next] = [
      stripe.createPrice('Free in two', { currency: 'usd', others: { gbp: 900 } }),
      stripe.createPrice('Pro in three', { currency: 'usd', others: { gbp: 1_900, chf: 2_400 } }),
    ];
    await deliver();
    await map(both, 'free');
    await map(next, 'pro');
    const { providerPrices } = await app.ok(
      '{ providerPrices(packageId: "pro") { id currency currencies } }',
    );
    expect(providerPrices).toContainEqual({ id: next, currency: 'usd', currencies: ['chf', 'gbp', 'usd'] });
    await app.ok(`mutation { createBillingTemplate(packageId: "free", input: {
      id: "free-gbp-month", currency: "gbp", interval: "month", prices: ["${both}"] }) { id } }`);
    const francs = await app.fails(`mutation { createBillingTemplate(packageId: "free", input: {
      id: "free-chf-month", currency: "chf", interval: "month", prices: ["${both}"] }) { id } }`);
    expect(francs.message).toContain('in gbp, usd, not in chf');
    const { generateSubscriptionLink } = await app.ok(`mutation { generateSubscriptionLink(
      templateId: "free-gbp-month", successUrl: "https://a.test", cancelUrl: "https://a.test") { url } }`);
    stripe.complete(generateSubscriptionLink.url, 'wim@example.com');
    await deliver();
    expect(stripe.subscriptions.at(-1)?.currency).toBe('gbp');
    expect(await statusOf('wim@example.com')).toEqual(['free ACTIVE']);
    // Among the prices of the package, this is one of those that are sold in pounds. A template names it.
    await app.ok(`mutation { createBillingTemplate(packageId: "pro", input: {
      id: "pro-gbp-month", currency: "gbp", interval: "month", prices: ["${next}"] }) { id } }`);
    await app.ok(
      'mutation { changePackage(userId: "wim@example.com", packageId: "pro") { replaced { id } } }',
    );
    expect(stripe.subscriptions.at(-1)).toMatchObject({ currency: 'gbp', items: [{ price: next }] });
    // Another currency is another subscription: Stripe changes no currency.
    const cus = stripe.subscriptions.at(-1)?.customer ?? '';
    const again = stripe.subscribe(cus, [next], { currency: 'chf' });
    await deliver();
    expect(await flags()).toContain('SAME_PACKAGE_TWICE');
    stripe.cancel(stripe.subscriptions.at(-2)?.id ?? '');
    await deliver();
    expect(await flags()).not.toContain('SAME_PACKAGE_TWICE');
    const held = (await heldBy('wim@example.com')).filter(
      ({ status }: { status: string }) => status === 'ACTIVE',
    );
    expect(held).toMatchObject([{ id: 'pro', providerSubscriptionId: again }]);
  });

  test('a fee and a price by usage are sold, held, changed and cancelled as one package', async () => {
    const priceOf = (name: string, metered = false) => stripe.createPrice(name, { currency: 'sek', metered });
    const [fee, usage] = [priceOf('Free fee'), priceOf('Free by usage', true)];
    const [proFee, proUsage] = [priceOf('Pro fee'), priceOf('Pro by usage', true)];
    await deliver();
    for (const id of [fee, usage]) await map(id, 'free');
    for (const id of [proUsage, proFee]) await map(id, 'pro');
    const sell = (packageId: string, prices: string[]) =>
      app.ok(`mutation { createBillingTemplate(packageId: "${packageId}", input: { id: "${packageId}-sek",
        currency: "sek", interval: "month", prices: ${JSON.stringify(prices)} }) { id } }`);
    await sell('free', [usage, fee]);
    await sell('pro', [proUsage, proFee]);
    const { generateSubscriptionLink } = await app.ok(`mutation { generateSubscriptionLink(
      templateId: "free-sek", successUrl: "https://a.test", cancelUrl: "https://a.test") { url } }`);
    stripe.complete(generateSubscriptionLink.url, 'zoe@example.com');
    await deliver();
    const flagged = async () => {
      const { billingFlags } = await app.ok('{ billingFlags(userId: "zoe@example.com") { kind } }');
      return billingFlags;
    };
    expect(await statusOf('zoe@example.com')).toEqual(['free ACTIVE']);
    expect(await flagged()).toEqual([]);
    const row = stripe.subscriptions.at(-1);
    const itemsNow = () => row?.items.map(({ price }) => price).sort();
    await app.ok(
      'mutation { changePackage(userId: "zoe@example.com", packageId: "pro", usage: CARRY) { replaced { id } } }',
    );
    expect(itemsNow()).toEqual([proFee, proUsage].sort());
    expect((await statusOf('zoe@example.com')).sort()).toEqual(['free CANCELLED', 'pro ACTIVE']);
    await app.ok(
      'mutation { changePackage(userId: "zoe@example.com", packageId: "free") { replaced { id } } }',
    );
    expect(itemsNow()).toEqual([fee, usage].sort());
    const { subscriptions } = await app.ok('{ subscriptions(userId: "zoe@example.com") { id status } }');
    const held = subscriptions.find(({ status }: { status: string }) => status === 'ACTIVE');
    await app.ok(`mutation { cancelSubscription(id: "${held.id}") { id } }`);
    expect(row?.status).toBe('canceled');
    expect((await statusOf('zoe@example.com')).filter((each: string) => each.endsWith('ACTIVE'))).toEqual([]);
    expect(await flagged()).toEqual([]);
  });

  test('long names and much metadata change nothing', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`key ${index}`.padEnd(40, 'k'), 'v'.repeat(500)]),
    );
    const cus = stripe.createCustomer('lou@example.com', { name: 'L'.repeat(5_000), metadata });
    stripe.subscribe(cus, [prices.pro ?? ''], { metadata: { ...metadata, kana_user_id: 'u'.repeat(500) } });
    await deliver();
    expect(await statusOf('lou@example.com')).toEqual(['pro ACTIVE']);
    expect((await app.ok('{ user(id: "lou@example.com") { name } }')).user.name).toBe('L'.repeat(255));
    const long = stripe.createCustomer(`${'l'.repeat(300)}@example.com`, { name: 'Lo\u0000u' });
    await deliver();
    expect((await app.ok(`{ user(id: "${long}") { name email } }`)).user).toEqual({
      name: 'Lo u',
      email: null,
    });
  });

  test('two customers with one email are two users', async () => {
    const [first, second] = [
      stripe.createCustomer('max@example.com'),
      stripe.createCustomer('Max@example.com'),
    ];
    stripe.subscribe(first, [prices.free ?? '']);
    await deliver();
    stripe.subscribe(second, [prices.pro ?? '']);
    await deliver();
    expect(await statusOf('max@example.com')).toEqual(['free ACTIVE']);
    const [other] = await app.database.prisma.user.findMany({ where: { billingId: second } });
    expect(await statusOf(other?.id ?? '')).toEqual(['pro ACTIVE']);
  });

  describe('a billing id that is given to another user', () => {
    const give = async (userId: string, billingId: string | null) => {
      await app.ok(
        'mutation ($id: String!, $billingId: String) { updateUser(id: $id, input: { id: $id, billingId: $billingId }) { id } }',
        { id: userId, billingId },
      );
      await server.everyMinute();
    };
    const activeOf = async (userId: string) =>
      (await statusOf(userId)).filter((each: string) => each.endsWith('ACTIVE'));
    let [first, second] = ['', ''];

    test('takes its customer with it, from an imported user; another one takes it back', async () => {
      await app.ok(
        'mutation { createUser(input: { id: "own", name: "Own", email: "own@example.net" }) { id } }',
      );
      [first, second] = ['moe', 'ned'].map((name) => stripe.createCustomer(`${name}@example.com`)) as [
        string,
        string,
      ];
      stripe.subscribe(first, [prices.pro ?? '']);
      stripe.subscribe(second, [prices.free ?? '']);
      await deliver();
      await give('own', first);
      expect(await activeOf('own')).toEqual(['pro ACTIVE']);
      expect(await activeOf('moe@example.com')).toEqual([]);
      await give('own', second);
      expect(await activeOf('own')).toEqual(['free ACTIVE']);
      expect(await activeOf('moe@example.com')).toEqual(['pro ACTIVE']);
      expect(await activeOf('ned@example.com')).toEqual([]);
      await give('own', null);
      expect(await activeOf('own')).toEqual([]);
      expect(await activeOf('ned@example.com')).toEqual(['free ACTIVE']);
      expect(await server.verify()).toEqual([]);
    });

    test("is nobody's while two users of yours have it, which is flagged", async () => {
      await app.ok(
        `mutation { createUser(input: { id: "two", name: "Two", email: "two@example.net", billingId: "${first}" }) { id } }`,
      );
      await server.everyMinute();
      expect(await activeOf('two')).toEqual(['pro ACTIVE']);
      await give('own', first);
      expect([await activeOf('own'), await activeOf('two')]).toEqual([[], []]);
      const flagged = async () => {
        const { billingFlags } = await app.ok('{ billingFlags { kind customerId } }');
        return billingFlags.filter(({ customerId }: { customerId: string }) => customerId === first);
      };
      expect(await flagged()).toEqual([{ kind: 'SEVERAL_USERS', customerId: first }]);
      await give('two', null);
      expect(await activeOf('own')).toEqual(['pro ACTIVE']);
      expect(await flagged()).toEqual([]);
    });

    test('also that of a deleted user', async () => {
      await app.ok('mutation { deleteUser(id: "own") { id } }');
      await server.importAll();
      expect(await activeOf('two')).toEqual([]);
      await give('two', first);
      expect(await activeOf('two')).toEqual(['pro ACTIVE']);
      expect(await server.verify()).toEqual([]);
    });
  });

  test('many events of one customer are one customer to ask about', async () => {
    const cus = stripe.createCustomer('nia@example.com');
    for (let index = 0; index < 60; index += 1) stripe.changeCustomer(cus, { name: `Nia ${index}` });
    const events = stripe.events.slice(delivered);
    delivered = stripe.events.length;
    await Promise.all(events.map((event) => server.post(event)));
    const { count } = await app.database.prisma.stripeCustomer
      .aggregate({ _count: true, where: { id: cus } })
      .then(({ _count }) => ({ count: _count }));
    expect(count).toBe(1);
    await server.settle();
    expect((await app.ok('{ user(id: "nia@example.com") { name } }')).user.name).toBe('Nia 59');
  });

  test('being asked too often, and an outage of seconds, end neither an import nor a customer', async () => {
    stripe.troubles = { status: 429, requests: 3 };
    const cus = stripe.createCustomer('oda@example.com');
    await deliver();
    expect(stripe.troubles.requests).toBe(0);
    expect((await app.ok('{ users { id } }')).users).toContainEqual({ id: 'oda@example.com' });
    stripe.changeCustomer(cus, { name: 'Oda' });
    stripe.troubles = { status: 503, requests: 4 };
    expect(await server.importAll()).toMatchObject({ state: 'DONE', problem: null });
    expect((await app.ok('{ user(id: "oda@example.com") { name } }')).user.name).toBe('Oda');
  });

  test('the examples of docs/guides/stripe.md run in their order', async () => {
    const guide = await readFile(new URL('../../docs/guides/stripe.md', import.meta.url), 'utf8');
    stripe.createMeter('calls');
    let price = '';
    for (const [, language, example = ''] of guide.matchAll(/```(graphql|js)\n(.+?)```/gs)) {
      const text = example
        .replaceAll('rk_test_…', 'sk_test_ours')
        .replaceAll('whsec_…', webhookSecret)
        .replaceAll('price_…', price)
        .replaceAll('https://…', 'https://a.test');
      if (language === 'js') {
        await app.ok('mutation { subscribe(userId: "124", packageIds: ["pro"]) { id } }');
        const run = new Function('kana', `return (async () => {${text}; return subscription;})()`);
        const kana = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
        expect(await run(kana)).toMatchObject({ status: 'ACTIVE' });
        continue;
      }
      for (const operation of text.split(/\n(?=(?:query|mutation|\{))/)) {
        const answer = await app.ok(operation);
        price = answer.createProviderPrice?.id ?? price;
      }
      await app.ok('mutation { createUser(input: { id: "124" }) { id } }').catch(() => undefined);
    }
    const { package: pro } = await app.ok(
      '{ package(id: "pro") { billingTemplates { id } billingMeters { featureId } } }',
    );
    expect(pro.billingTemplates).toContainEqual({ id: 'pro-50gbp-month' });
    expect(pro.billingMeters).toEqual([{ featureId: 'calls' }]);
  });

  test('an event of the live mode is of the live environment alone, though both endpoints have one secret', async () => {
    const live = app.keys.live;
    const connect = `mutation { connectStripe(input: { secretKey: "sk_live_ours", webhookSecret: "${webhookSecret}" }) { accountId } }`;
    stripe.secretKey = 'sk_live_ours';
    await app.ok(connect, {}, live);
    stripe.livemode = true;
    const cus = stripe.createCustomer('xia@example.com');
    expect((await server.post(stripe.events.at(-1) as FakeStripe['events'][number])).status).toBe(200);
    await server.settle();
    stripe.livemode = false;
    stripe.secretKey = 'sk_test_ours';
    delivered = stripe.events.length;
    const rows = await app.database.prisma.stripeCustomer.findMany({ where: { id: cus } });
    expect(rows.map(({ environmentId }) => environmentId)).toEqual(['live']);
    expect((await app.ok('{ users { id } }', {}, live)).users).toEqual([{ id: 'xia@example.com' }]);
    expect((await app.ok('{ users { id } }')).users).not.toContainEqual({ id: 'xia@example.com' });
    const testMode = { id: 'evt_test_mode', type: 'customer.updated', created: stripe.now };
    expect((await server.post({ ...testMode, object: { object: 'customer', id: cus } })).status).toBe(200);
    const events = await app.database.prisma.stripeEvent.findMany({ where: { id: 'evt_test_mode' } });
    expect(events.map(({ environmentId }) => environmentId)).toEqual(['test']);
    await server.settle();
    await app.database.prisma.stripeConnection.delete({ where: { environmentId: 'live' } });
  });

  test('another account is refused while something is held by the former one, and starts anew after that', async () => {
    stripe.accountId = 'acct_2';
    const refused = await server.refuseConnection({ secretKey: 'sk_test_ours', webhookSecret });
    expect(refused.message).toMatch(/another account: .* acct_1, and \d+ subscriptions are held by it/);
    expect((await app.ok('{ stripeConnection { accountId } }')).stripeConnection.accountId).toBe('acct_1');

    stripe.accountId = 'acct_1';
    const theirs = await new FakeStripe().start();
    const other = await startBillingApp(theirs);
    const free = theirs.createPrice('Free');
    const former = theirs.createCustomer('yan@example.com');
    await other.connect();
    await other.importAll();
    await other.app.ok(`mutation { mapPrice(priceId: "${free}", packageId: "free") { id } }`);
    await other.settle();
    await other.app.database.prisma.subscription.updateMany({
      data: { status: 'CANCELLED', endedAt: new Date() },
    });
    theirs.accountId = 'acct_2';
    await other.connect({ webhookSecret: 'whsec_second' });
    expect(
      await other.app.ok('{ providerPrices { id } providerSubscriptions { id } billingFlags { kind } }'),
    ).toEqual({
      ...{ providerPrices: [], providerSubscriptions: [], billingFlags: [] },
    });
    const event = { id: 'evt_former', type: 'customer.updated', created: theirs.now };
    const about = { ...event, object: { object: 'customer', id: former } };
    expect((await other.post(about)).status).toBe(400);
    // The user is found again by the email, under the id of the customer there.
    const customer = theirs.customer(former);
    customer.id = 'cus_second';
    await other.importAll();
    const { user } = await other.app.ok('{ user(id: "yan@example.com") { billingId } }');
    expect(user.billingId).toBe('cus_second');
    await other.close();
    await theirs.stop();
  });

  test('a key that is revoked ends an import, and says why', async () => {
    stripe.secretKey = 'sk_test_another';
    expect(await server.importAll()).toMatchObject({
      state: 'FAILED',
      problem: expect.stringContaining('StripeAuthenticationError'),
    });
    await app.database.prisma.stripeConnection.updateMany({
      data: { reconciledAt: null, asksAgainAt: null },
    });
    await server.everyMinute();
    stripe.secretKey = 'sk_test_ours';
    expect(server.logged()).toContain('reconciling with Stripe failed');
    expect(await server.importAll()).toMatchObject({ state: 'DONE', problem: null });
  });
});

describe('disconnecting', () => {
  const disconnect = 'mutation { disconnectStripe { accountId disconnectedAt heldSubscriptions } }';
  const connection =
    '{ stripeConnection { accountId } formerStripeConnection { accountId heldSubscriptions } }';
  const isCalled = (name: string) => `${name}-held@example.com`;
  const idOf = async (userId: string): Promise<string> => {
    const { subscriptions } = await app.ok(`{ subscriptions(userId: "${userId}") { id status } }`);
    return subscriptions.find(({ status }: { status: string }) => status === 'ACTIVE')?.id;
  };
  let subs: string[];
  let unmapped: string;
  let held: number;

  test('nobody loses access, the keys are gone, and Stripe is neither asked nor heard', async () => {
    unmapped = stripe.createPrice('Free, not mapped yet');
    subs = ['ann', 'ben', 'cid'].map((name) =>
      stripe.subscribe(stripe.createCustomer(isCalled(name)), [
        name === 'cid' ? unmapped : (prices.pro ?? ''),
      ]),
    );
    await deliver();
    held = await app.database.prisma.subscription.count({
      where: {
        provider: 'STRIPE',
        status: { in: ['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'] },
      },
    });
    await app.ok('mutation { importStripe { accountId } }');
    const former = { accountId: 'acct_1', heldSubscriptions: held };
    expect((await app.ok(disconnect)).disconnectStripe).toEqual({
      ...former,
      disconnectedAt: expect.any(String),
    });
    // What was asked for is not asked of Stripe any more.
    await server.settle();
    const asked = stripe.requests.length;
    expect(await app.ok(connection)).toEqual({ stripeConnection: null, formerStripeConnection: former });
    const row = await app.database.prisma.stripeConnection.findUniqueOrThrow({
      where: { environmentId: 'test' },
    });
    expect(row).toMatchObject({ secretKey: null, webhookSecrets: [], importState: 'FAILED' });

    stripe.cancel(subs[1] ?? '');
    const [event] = stripe.events.slice(-1);
    if (event === undefined) throw new Error('there is none');
    const noted = await app.database.prisma.stripeEvent.count();
    expect((await server.post(event)).status).toBe(400);
    expect(await app.database.prisma.stripeEvent.count()).toBe(noted);
    await map(unmapped, 'free');
    await app.ok(
      `mutation { recordUsage(input: { userId: "${isCalled('ann')}", featureId: "calls", delta: 1007 }) { recorded } }`,
    );
    await server.everyMinute();
    for (const query of [
      'mutation { importStripe { accountId } }',
      'mutation { generateSubscriptionLink(templateId: "pro-eur-month", successUrl: "https://a.test", cancelUrl: "https://a.test") { url } }',
      disconnect,
    ])
      expect((await app.fails(query)).message).toContain('connectStripe');
    expect(stripe.requests.length).toBe(asked);
    expect(await statusOf(isCalled('ann'))).toEqual(['pro ACTIVE']);
    expect(await statusOf(isCalled('ben'))).toEqual(['pro ACTIVE']);
    expect(await statusOf(isCalled('cid'))).toEqual([]);
  });

  test('what is held is cancelled here only, now only; another account is refused until then', async () => {
    stripe.accountId = 'acct_2';
    const other = await server.refuseConnection({ secretKey: 'sk_test_ours', webhookSecret });
    stripe.accountId = 'acct_1';
    expect(other.message).toContain(`was connected with acct_1, and ${held} subscriptions are held by it`);
    const id = await idOf(isCalled('ann'));
    const later = await app.fails(`mutation { cancelSubscription(id: "${id}", atPeriodEnd: true) { id } }`);
    expect(later.message).toContain('now only');
    for (const change of [
      `resumeSubscription(id: "${id}") { id }`,
      `changePackage(userId: "${isCalled('ann')}", packageId: "free") { replaced { id } }`,
    ]) {
      const refused = await app.fails(`mutation { ${change} }`);
      expect(refused.extensions.exception?.name).toBe('SubscriptionError');
    }
    await app.ok(`mutation { cancelSubscription(id: "${id}") { id } }`);
    expect(await statusOf(isCalled('ann'))).toEqual(['pro CANCELLED']);
    expect(stripe.subscription(subs[0] ?? '').status).toBe('active');
    expect((await app.ok(connection)).formerStripeConnection.heldSubscriptions).toBe(held - 1);
  });

  test('the same account goes on where it was: what happened meanwhile is followed', async () => {
    const sent = stripe.meterEvents.length;
    await server.connect();
    await server.settle();
    expect(await statusOf(isCalled('ann'))).toEqual(['pro ACTIVE']);
    expect(await statusOf(isCalled('ben'))).toEqual(['pro CANCELLED']);
    expect(await statusOf(isCalled('cid'))).toEqual(['free ACTIVE']);
    await server.everyMinute();
    expect(stripe.meterEvents.slice(sent).map(({ value }) => value)).toEqual(['7']);
    expect(await app.ok(connection)).toMatchObject({
      ...{ stripeConnection: { accountId: 'acct_1' }, formerStripeConnection: null },
    });
    const { package: pro } = await app.ok('{ package(id: "pro") { billingTemplates { id } } }');
    expect(pro.billingTemplates).toContainEqual({ id: 'pro-eur-month' });
    await deliver();
  });
});

test('the log names no person and no key', () => {
  expect(server.logged().length).toBeGreaterThan(1_000);
  expect(/@example\.com|\bAda\b|Dora|Nia|sk_test|whsec/.exec(server.logged())?.[0]).toBeUndefined();
});
