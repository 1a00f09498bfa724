import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type Stripe from 'stripe';

/** What the project relies on of Stripe. It holds for the fake, and for Stripe itself; see docs/guides/stripe.md. */
export function describeStripe(name: string, open: () => Promise<Stripe>): void {
  describe(name, () => {
    let stripe: Stripe;
    let customer: Stripe.Customer;
    let monthly: Stripe.Price;
    let once: Stripe.Price;
    const begunAt = Math.floor(Date.now() / 1_000);
    /** Different in each run: an account at Stripe keeps what former runs made. */
    const mark = `contract-${Date.now()}`;

    const subscribe = (prices: Stripe.Price[]) =>
      stripe.subscriptions.create({
        customer: customer.id,
        items: prices.map(({ id }) => ({ price: id })),
        ...{ collection_method: 'send_invoice', days_until_due: 30 },
        metadata: { kana_user_id: mark },
      });

    beforeAll(async () => {
      stripe = await open();
      customer = await stripe.customers.create({ email: `${mark}@example.com`, name: 'Ada' });
      const product_data = { name: mark };
      const recurring = { interval: 'month' } as const;
      monthly = await stripe.prices.create({ product_data, recurring, unit_amount: 500, currency: 'eur' });
      once = await stripe.prices.create({ product_data, unit_amount: 900, currency: 'eur' });
    });
    afterAll(async () => {
      await stripe.customers.del(customer.id);
    });

    test('the account of a key; a key that nobody has is refused', async () => {
      expect((await stripe.accounts.retrieveCurrent()).id).toMatch(/^acct_/);
      const other = { apiKey: 'sk_test_unknown' };
      await expect(stripe.customers.list({ limit: 1 }, other)).rejects.toMatchObject({
        ...{ type: 'StripeAuthenticationError', statusCode: 401 },
      });
    });

    test('whether a payment was given back may be asked', async () => {
      for (const { data } of [
        await stripe.paymentIntents.list({ limit: 1 }),
        await stripe.charges.list({ limit: 1 }),
        await stripe.checkout.sessions.list({ limit: 1, expand: ['data.payment_intent.latest_charge'] }),
      ])
        expect(data).toBeInstanceOf(Array);
    });

    test('customers are listed newest first, in pages; deleted ones are not', async () => {
      const later = await stripe.customers.create({ email: `${mark}-2@example.com` });
      const { data, has_more } = await stripe.customers.list({ limit: 1 });
      expect([data[0]?.id, has_more]).toEqual([later.id, true]);
      const next = await stripe.customers.list({ limit: 1, starting_after: later.id });
      expect(next.data[0]).toMatchObject({ id: customer.id, email: `${mark}@example.com`, name: 'Ada' });
      await stripe.customers.del(later.id);
      expect((await stripe.customers.list({ limit: 1 })).data[0]?.id).toBe(customer.id);
      expect(await stripe.customers.retrieve(later.id)).toMatchObject({ id: later.id, deleted: true });
      await expect(stripe.customers.retrieve('cus_none')).rejects.toMatchObject({ code: 'resource_missing' });
    });

    test('prices come with their products', async () => {
      const { data } = await stripe.prices.list({ limit: 2, expand: ['data.product'] });
      expect(data.map(({ id }) => id)).toEqual([once.id, monthly.id]);
      expect(data[0]).toMatchObject({ recurring: null, unit_amount: 900, currency: 'eur', active: true });
      expect(data[1]).toMatchObject({
        recurring: { interval: 'month', interval_count: 1 },
        product: { object: 'product', name: mark },
      });
    });

    test('a subscription has its items, with a price, a start and an end of the period each', async () => {
      const { id } = await subscribe([monthly]);
      const found = await stripe.subscriptions.retrieve(id);
      expect(found).toMatchObject({
        ...{ customer: customer.id, status: 'active', cancel_at_period_end: false, cancel_at: null },
        ...{ ended_at: null, trial_end: null, pause_collection: null, metadata: { kana_user_id: mark } },
      });
      expect(found.start_date).toBeGreaterThanOrEqual(begunAt - 60);
      expect(found.items.data).toEqual([
        expect.objectContaining({ price: expect.objectContaining({ id: monthly.id }), quantity: 1 }),
      ]);
      const [item] = found.items.data;
      expect(item?.current_period_end).toBeGreaterThan(item?.created ?? 0);

      const atEnd = await stripe.subscriptions.update(id, { cancel_at_period_end: true });
      expect(atEnd).toMatchObject({ status: 'active', cancel_at_period_end: true });
      const back = await stripe.subscriptions.update(id, { cancel_at_period_end: false });
      expect(back).toMatchObject({ cancel_at_period_end: false, cancel_at: null });
      const at = begunAt + 90 * 86_400;
      const atInstant = await stripe.subscriptions.update(id, { cancel_at: at, proration_behavior: 'none' });
      expect(atInstant.cancel_at).toBe(at);
      expect((await stripe.subscriptions.update(id, { cancel_at: '' })).cancel_at).toBeNull();

      const paused = await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } });
      expect(paused).toMatchObject({ status: 'active', pause_collection: { behavior: 'void' } });
      const resumed = await stripe.subscriptions.update(id, { pause_collection: '' });
      expect(resumed.pause_collection).toBeNull();

      const product_data = { name: `${mark} extra` };
      const recurring = { interval: 'month' } as const;
      const extra = await stripe.prices.create({ product_data, recurring, unit_amount: 5, currency: 'eur' });
      const both = await stripe.subscriptions.update(id, { items: [{ price: extra.id }] });
      expect(both.items.data).toHaveLength(2);
      const replaced = await stripe.subscriptions.update(id, {
        items: [{ id: item?.id ?? '', deleted: true }],
      });
      expect(replaced.items.data.map(({ price }) => price.id)).toEqual([extra.id]);

      const over = await stripe.subscriptions.cancel(id);
      expect(over).toMatchObject({ status: 'canceled', ended_at: expect.any(Number) });
      await expect(stripe.subscriptions.cancel(id)).rejects.toMatchObject({ statusCode: 404 });
    });

    test('cancelled subscriptions are listed only where all are asked for', async () => {
      const ofCustomer = { customer: customer.id, limit: 100 };
      expect((await stripe.subscriptions.list(ofCustomer)).data).toEqual([]);
      const all = await stripe.subscriptions.list({ ...ofCustomer, status: 'all' });
      expect(all.data.map(({ status }) => status)).toEqual(['canceled']);
    });

    test('checkout sessions in both modes are open until they are paid', async () => {
      const urls = { success_url: 'https://a.test/ok', cancel_url: 'https://a.test/no' };
      const metadata = { kana_user_id: mark };
      const subscription = await stripe.checkout.sessions.create({
        ...{ ...urls, mode: 'subscription', customer: customer.id, metadata },
        ...{ line_items: [{ price: monthly.id, quantity: 1 }], subscription_data: { metadata } },
      });
      const payment = await stripe.checkout.sessions.create({
        ...{ ...urls, mode: 'payment', customer_creation: 'always', metadata },
        line_items: [{ price: once.id, quantity: 1 }],
      });
      for (const session of [subscription, payment])
        expect(session).toMatchObject({
          status: 'open',
          payment_status: 'unpaid',
          url: expect.stringMatching(/^https:/),
        });
      const complete = { customer: customer.id, status: 'complete', limit: 100 } as const;
      const expand = ['data.line_items', 'data.payment_intent.latest_charge'];
      expect((await stripe.checkout.sessions.list({ ...complete, expand })).data).toEqual([]);
    });

    test('a price in several currencies is sold in the one that is asked for', async () => {
      const both = await stripe.prices.create({
        ...{ product_data: { name: `${mark} both` }, recurring: { interval: 'month' } },
        ...{ unit_amount: 500, currency: 'eur', currency_options: { gbp: { unit_amount: 400 } } },
        expand: ['currency_options'],
      });
      expect(Object.keys(both.currency_options ?? {}).sort()).toEqual(['eur', 'gbp']);
      const selling = (currency: string) =>
        stripe.checkout.sessions.create({
          ...{ mode: 'subscription', success_url: 'https://a.test/ok', cancel_url: 'https://a.test/no' },
          ...{ currency, line_items: [{ price: both.id, quantity: 1 }] },
        });
      expect((await selling('gbp')).currency).toBe('gbp');
      await expect(selling('chf')).rejects.toMatchObject({ statusCode: 400 });
    });

    test('a request that is sent again with its key is done once; with other parameters it is refused', async () => {
      const key = { idempotencyKey: `${mark}-once` };
      const first = await stripe.customers.update(customer.id, { name: 'Ada L.' }, key);
      expect(await stripe.customers.update(customer.id, { name: 'Ada L.' }, key)).toEqual(first);
      await expect(stripe.customers.update(customer.id, { name: 'Bo' }, key)).rejects.toMatchObject({
        type: 'StripeIdempotencyError',
      });
    });

    test('events are listed since an instant', async () => {
      const { data } = await stripe.events.list({ created: { gte: begunAt - 60 }, limit: 100 });
      const own = data.filter((event) => JSON.stringify(event.data).includes(customer.id));
      expect(own.map(({ type }) => type)).toEqual(
        expect.arrayContaining([
          'customer.created',
          'customer.subscription.created',
          'customer.subscription.deleted',
        ]),
      );
      expect(own.every(({ livemode }) => !livemode)).toBe(true);
    });

    test('a meter takes an identifier once, and adds up', async () => {
      const event_name = mark.replaceAll('-', '_');
      const meter = await stripe.billing.meters.create({
        ...{ display_name: mark, event_name, default_aggregation: { formula: 'sum' } },
      });
      const { data } = await stripe.billing.meters.list({ status: 'active', limit: 100 });
      expect(data.find(({ id }) => id === meter.id)).toMatchObject({
        customer_mapping: { event_payload_key: 'stripe_customer_id' },
        value_settings: { event_payload_key: 'value' },
        default_aggregation: { formula: 'sum' },
      });
      const event = {
        ...{ event_name, identifier: `${mark}-1`, timestamp: begunAt },
        payload: { stripe_customer_id: customer.id, value: '7' },
      };
      await stripe.billing.meterEvents.create(event);
      await expect(stripe.billing.meterEvents.create(event)).rejects.toThrow(
        /already exists with identifier/,
      );
      const old = { ...event, identifier: `${mark}-2`, timestamp: begunAt - 36 * 86_400 };
      await expect(stripe.billing.meterEvents.create(old)).rejects.toMatchObject({ statusCode: 400 });
      const start_time = Math.floor(begunAt / 60) * 60;
      const range = { customer: customer.id, start_time, end_time: start_time + 3_600 };
      const summaries = await stripe.billing.meters.listEventSummaries(meter.id, range);
      // Stripe adds up later: nothing yet, or everything.
      expect([0, 7]).toContain(summaries.data.reduce((sum, each) => sum + each.aggregated_value, 0));
    });
  });
}
