import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';

/*
 * The other side of the Stripe library: what of Stripe's API the project uses, with a state, on a local port. Its objects
 * are typed by the library, so that a new version that changes them fails the type check.
 */

type Status = Stripe.Subscription['status'];

export interface FakeItem {
  id: string;
  price: string;
  created: number;
  quantity: number;
}

export interface FakeSubscription {
  id: string;
  customer: string;
  status: Status | 'something_new';
  /** Never changes. */
  currency: string;
  start_date: number;
  ended_at: number | null;
  canceled_at: number | null;
  cancel_at: number | null;
  cancel_at_period_end: boolean;
  trial_end: number | null;
  paused: boolean;
  metadata: Record<string, string>;
  items: FakeItem[];
}

interface FakeSession {
  id: string;
  mode: 'payment' | 'subscription';
  status: 'open' | 'complete' | 'expired';
  payment_status: 'paid' | 'unpaid' | 'no_payment_required';
  customer: string | null;
  customer_email: string | null;
  metadata: Record<string, string>;
  subscriptionMetadata: Record<string, string>;
  prices: string[];
  currency: string;
  created: number;
  refunded: boolean;
}

type Params = Record<string, string>;

/** How many entries of a list stand in the object that has it. */
const embedded = 10;

const page = (data: object[], has_more = false) => ({ object: 'list', data, has_more, url: '/v1/list' });
const list = <Row extends { id: string }>(rows: Row[], params: Params, toJson: (row: Row) => object) => {
  const newestFirst = [...rows].reverse();
  const cursor = newestFirst.findIndex(({ id }) => id === params.starting_after);
  // As of what was deleted.
  if (params.starting_after && cursor < 0) throw missing();
  const begin = cursor + 1;
  const limit = Number(params.limit ?? 10);
  return page(newestFirst.slice(begin, begin + limit).map(toJson), newestFirst.length > begin + limit);
};

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: object,
  ) {
    super('refused');
  }
}
const missing = () =>
  new Refusal(404, {
    error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such object' },
  });

export class FakeStripe {
  /** What a key has to be; others are unknown. */
  secretKey = 'sk_test_ours';
  /** A second one, during a rotation. */
  nextSecretKey = '';
  accountId = 'acct_1';
  /** Paths that the key may not read. */
  forbidden = new Set<string>();
  /** Answers 500 to everything. */
  isDown = false;
  /** Answers so many requests with this status, then as always. */
  troubles: { status: 429 | 503; requests: number } = { status: 429, requests: 0 };
  /** Does what is asked, and breaks the connection before it answers: paths of which that happens once. */
  breaks = new Set<string>();
  /** No card is good for a change of a subscription. */
  declinesCards = false;
  /** Requests so far. */
  requests: string[] = [];
  /** Answers in its place, where it returns true. */
  answersInstead: (call: string, response: ServerResponse) => boolean = () => false;
  /** What is awaited before a request is answered. */
  delays: (call: string) => Promise<unknown> | undefined = () => undefined;
  /** Changes objects in answers: for objects that this server would not make. */
  retold: (call: string, answer: object) => object = (_call, answer) => answer;
  /** Called with the number of each request, before it is answered. */
  onRequest: (count: number) => void = () => undefined;
  livemode = false;
  now = Math.floor(Date.now() / 1_000);

  customers: {
    id: string;
    email: string | null;
    name: string | null;
    metadata: Params;
    created: number;
    deleted: boolean;
  }[] = [];
  products: { id: string; name: string; active: boolean }[] = [];
  prices: {
    id: string;
    product: string;
    amount: number;
    currency: string;
    /** Amounts in other currencies. */
    others: Record<string, number>;
    interval: 'month' | 'year' | null;
    metered: boolean;
    created: number;
  }[] = [];
  subscriptions: FakeSubscription[] = [];
  sessions: FakeSession[] = [];
  events: { id: string; type: string; created: number; object: object; account?: string }[] = [];
  meters: { id: string; event_name: string; formula: 'sum' | 'count' | 'last' }[] = [];
  meterEvents: {
    event_name: string;
    identifier: string;
    customer: string;
    value: string;
    timestamp: number;
  }[] = [];
  /** What was answered, by idempotency key. */
  #answers = new Map<string, { request: string; answer: object }>();
  #ids = 0;
  #server: Server | undefined;
  url = '';

  id(prefix: string): string {
    this.#ids += 1;
    return `${prefix}_${String(this.#ids).padStart(6, '0')}`;
  }

  async start(): Promise<this> {
    const server = createServer(async (request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://stripe');
      const name = `${request.method} ${pathname}`;
      if (this.answersInstead(name, response)) return this.requests.push(name);
      await this.delays(name);
      const [status, answer] = await this.#answer(request);
      const body = this.retold(name, answer);
      const call = `${request.method} ${request.url}`;
      if (this.breaks.delete(call)) return request.socket.destroy();
      response.writeHead(status, { 'Content-Type': 'application/json', 'Request-Id': 'req_1' });
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<[number, object]> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stripe');
    const body = new URLSearchParams(Buffer.concat(chunks).toString());
    const params = Object.fromEntries(request.method === 'GET' ? searchParams : body);
    this.onRequest(this.requests.push(`${request.method} ${pathname}`));
    try {
      if (this.troubles.requests > 0) {
        this.troubles.requests -= 1;
        throw new Refusal(this.troubles.status, { error: { type: 'api_error', message: 'later' } });
      }
      if (this.isDown) throw new Refusal(500, { error: { type: 'api_error', message: 'down' } });
      const keys = [this.secretKey, this.nextSecretKey].filter((key) => key !== '');
      if (!keys.some((key) => request.headers.authorization === `Bearer ${key}`))
        throw new Refusal(401, {
          error: {
            type: 'invalid_request_error',
            message: `Invalid API Key provided: ${request.headers.authorization?.slice(7)}`,
          },
        });
      // What is expanded in an answer needs its own right.
      const expanded = Object.entries(params).some(
        ([name, value]) => name.startsWith('expand') && value.includes('latest_charge'),
      );
      const needed = [pathname, ...(expanded ? ['/v1/payment_intents', '/v1/charges'] : [])];
      if (needed.some((path) => this.forbidden.has(path)))
        throw new Refusal(403, {
          error: { type: 'invalid_request_error', code: 'more_permissions_required', message: 'no' },
        });
      const key = request.headers['idempotency-key']?.toString();
      return [200, this.#once(key, `${request.method} ${pathname}`, params)];
    } catch (error) {
      if (error instanceof Refusal) return [error.status, error.body];
      throw error;
    }
  }

  /** Answers a repeated request as before, without doing it again. */
  #once(key: string | undefined, call: string, params: Params): object {
    if (key === undefined || !call.startsWith('POST')) return this.#route(call, params);
    const request = `${call} ${JSON.stringify(params)}`;
    const known = this.#answers.get(key);
    if (known !== undefined && known.request !== request)
      throw new Refusal(400, {
        error: { type: 'idempotency_error', message: 'the key has other parameters' },
      });
    const answer = known?.answer ?? this.#route(call, params);
    this.#answers.set(key, { request, answer });
    return answer;
  }

  #route(call: string, params: Params): object {
    return this.#aboutOne(call, params) ?? this.#make(call, params) ?? this.#read(call, params);
  }

  /** Calls that name an object. */
  #aboutOne(call: string, params: Params): object | null {
    const [method = '', path = ''] = call.split(' ');
    const [, kind, id = '', part] =
      /^\/v1\/(customers|subscriptions|billing\/meters)\/(\w+)(\/\w+)?$/.exec(path) ?? [];
    if (kind === 'subscriptions') return this.#aboutSubscription(method, id, params);
    if (kind === 'billing/meters' && part === '/event_summaries') return this.#summaries(id, params);
    const [, sessionId] = /^\/v1\/checkout\/sessions\/(\w+)\/line_items$/.exec(path) ?? [];
    if (sessionId !== undefined)
      return page(
        (this.sessions.find((each) => each.id === sessionId)?.prices ?? []).map((id) => this.#lineJson(id)),
      );
    if (kind !== 'customers') return null;
    if (method === 'POST') this.changeCustomer(id, { name: params.name ?? null });
    if (method === 'DELETE') this.changeCustomer(id, { deleted: true });
    return this.#customerJson(this.customer(id));
  }

  #make(call: string, params: Params): object | null {
    switch (call) {
      case 'POST /v1/customers':
        return this.#customerJson(
          this.customer(this.createCustomer(params.email ?? null, { name: params.name ?? null })),
        );
      case 'POST /v1/subscriptions':
        return this.#subscriptionJson(
          this.subscription(
            this.subscribe(
              params.customer ?? '',
              Object.entries(params).flatMap(([name, value]) =>
                /^items\[\d+\]\[price\]$/.test(name) ? [value] : [],
              ),
              { metadata: { kana_user_id: params['metadata[kana_user_id]'] ?? '' } },
            ),
          ),
        );
      case 'POST /v1/billing/meters':
        this.createMeter(params.event_name ?? '');
        return this.#meterJson(this.meters.at(-1) as FakeStripe['meters'][number]);
      case 'POST /v1/billing/meter_events':
        return this.#meter(params);
      case 'POST /v1/prices':
        return this.#priceJson(
          this.createPrice(params['product_data[name]'] ?? '', {
            amount: Number(params.unit_amount),
            currency: params.currency ?? '',
            others: Object.fromEntries(
              Object.entries(params).flatMap(([name, value]) => {
                const [, code] = /^currency_options\[(\w+)\]\[unit_amount\]$/.exec(name) ?? [];
                return code === undefined ? [] : [[code, Number(value)]];
              }),
            ),
            interval: (params['recurring[interval]'] ?? null) as 'month' | 'year' | null,
          }),
          true,
        );
      case 'POST /v1/checkout/sessions':
        return this.#createSession(params);
      case 'POST /v1/billing_portal/sessions':
        this.customer(params.customer ?? '');
        return {
          id: this.id('bps'),
          object: 'billing_portal.session',
          url: `https://billing.stripe.test/${params.customer}`,
        };
      default:
        return null;
    }
  }

  #read(call: string, params: Params): object {
    switch (call) {
      case 'GET /v1/billing/meters':
        return list(this.meters, params, (row) => this.#meterJson(row));
      case 'GET /v1/account':
        return { id: this.accountId, object: 'account' } satisfies Pick<Stripe.Account, 'id' | 'object'>;
      case 'GET /v1/customers':
        return list(
          this.customers.filter(
            ({ deleted, created }) => !deleted && created <= Number(params['created[lte]'] ?? Infinity),
          ),
          params,
          (row) => this.#customerJson(row),
        );
      case 'GET /v1/products':
        return list(this.products, params, (row) => ({ object: 'product', ...row }));
      case 'GET /v1/prices':
        return list(this.prices, params, (row) => this.#priceJson(row.id, true));
      case 'GET /v1/subscriptions':
        return list(
          this.subscriptions.filter(
            ({ customer, status }) =>
              (!params.customer || customer === params.customer) &&
              (params.status === 'all' || status !== 'canceled'),
          ),
          params,
          (row) => this.#subscriptionJson(row),
        );
      case 'GET /v1/subscription_items': {
        const items = [...this.subscription(params.subscription ?? '').items].reverse();
        return list(items, params, (row) => this.#itemJson(row));
      }
      case 'GET /v1/checkout/sessions':
        return list(
          this.sessions.filter(
            ({ customer, status }) =>
              (!params.customer || customer === params.customer) &&
              (!params.status || status === params.status),
          ),
          params,
          (row) => this.#sessionJson(row, true),
        );
      // They are only asked for to find out whether they may be read.
      case 'GET /v1/payment_intents':
      case 'GET /v1/charges':
        return page([]);
      case 'GET /v1/events':
        return list(
          this.events.filter(({ created }) => created >= Number(params['created[gte]'] ?? 0)),
          params,
          (row) => this.#eventJson(row),
        );
      default:
        throw missing();
    }
  }

  customer(id: string) {
    const found = this.customers.find((each) => each.id === id);
    if (found === undefined) throw missing();
    return found;
  }

  #customerJson({ id, email, name, metadata, created, deleted }: FakeStripe['customers'][number]): object {
    if (deleted) return { id, object: 'customer', deleted } satisfies Partial<Stripe.DeletedCustomer>;
    return { id, object: 'customer', email, name, metadata, created } satisfies Partial<Stripe.Customer>;
  }

  #priceJson(id: string, isExpanded: boolean): object {
    const price = this.prices.find((each) => each.id === id);
    if (price === undefined) throw missing();
    const product = this.products.find((each) => each.id === price.product);
    return {
      id,
      object: 'price',
      active: true,
      unit_amount: price.amount,
      currency: price.currency,
      created: price.created,
      recurring:
        price.interval &&
        ({
          ...{ interval: price.interval, interval_count: 1 },
          usage_type: price.metered ? 'metered' : 'licensed',
        } as Stripe.Price.Recurring),
      ...(isExpanded ? { currency_options: this.#optionsOf(price) } : {}),
      product: isExpanded ? ({ object: 'product', ...product } as Stripe.Product) : price.product,
    } satisfies Partial<Stripe.Price>;
  }

  #optionsOf({ amount, currency, others }: FakeStripe['prices'][number]): Stripe.Price['currency_options'] {
    const amounts = Object.entries({ [currency]: amount, ...others });
    return Object.fromEntries(
      amounts.map(([code, unit_amount]) => [code, { unit_amount } as Stripe.Price.CurrencyOptions]),
    );
  }

  #itemJson({ id, created, quantity, price }: FakeItem): object {
    return {
      ...{ id, object: 'subscription_item', created },
      ...(this.#isMetered(price) ? {} : { quantity }),
      price: this.#priceJson(price, false) as Stripe.Price,
      current_period_end: created + 2_592_000,
    } satisfies Partial<Stripe.SubscriptionItem>;
  }

  #isMetered(priceId: string): boolean {
    return this.prices.some(({ id, metered }) => id === priceId && metered);
  }

  /** As Stripe does: what is billed by usage has no quantity. */
  #mayHaveQuantity(priceId: string, quantity: string | undefined): void {
    if (quantity !== undefined && this.#isMetered(priceId))
      throw new Refusal(400, {
        error: {
          type: 'invalid_request_error',
          message: 'Quantity should not be specified for metered prices',
        },
      });
  }

  #lineJson(price: string): object {
    return {
      object: 'item',
      price: this.#priceJson(price, false) as Stripe.Price,
    } satisfies Partial<Stripe.LineItem>;
  }

  #subscriptionJson(row: FakeSubscription): object {
    const { items, paused, ...rest } = row;
    return {
      ...rest,
      status: rest.status as Status,
      object: 'subscription',
      pause_collection: paused ? { behavior: 'void', resumes_at: null } : null,
      items: page(
        items.slice(0, embedded).map((item) => this.#itemJson(item)),
        items.length > embedded,
      ) as unknown as Stripe.Subscription['items'],
    } satisfies Partial<Stripe.Subscription>;
  }

  #sessionJson(row: FakeSession, isExpanded = false): object {
    return {
      id: row.id,
      object: 'checkout.session',
      mode: row.mode,
      status: row.status,
      payment_status: row.payment_status,
      customer: row.customer,
      metadata: row.metadata,
      created: row.created,
      currency: row.currency,
      url: row.status === 'open' ? `https://checkout.stripe.test/${row.id}` : null,
      ...(isExpanded
        ? {
            line_items: page(
              row.prices.slice(0, embedded).map((price) => this.#lineJson(price)),
              row.prices.length > embedded,
            ) as never,
          }
        : {}),
      payment_intent:
        row.mode === 'payment' && row.status === 'complete'
          ? ({
              object: 'payment_intent',
              latest_charge: { object: 'charge', refunded: row.refunded },
            } as Stripe.PaymentIntent)
          : null,
    } satisfies Partial<Stripe.Checkout.Session>;
  }

  #eventJson({ id, type, created, object, account }: FakeStripe['events'][number]): object {
    return {
      id,
      object: 'event',
      type,
      created,
      livemode: this.livemode,
      ...(account === undefined ? {} : { account }),
      api_version: '2020-08-27',
      data: { object },
    };
  }

  #meterJson({ id, event_name, formula }: FakeStripe['meters'][number]): object {
    return {
      ...{ id, object: 'billing.meter', event_name, status: 'active', display_name: event_name },
      customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
      value_settings: { event_payload_key: 'value' },
      default_aggregation: { formula },
    } satisfies Partial<Stripe.Billing.Meter>;
  }

  /** As Stripe does: an identifier is taken once, and only usage of the last 35 days. */
  #meter(params: Params): object {
    const refuse = (code: string, message: string) =>
      new Refusal(400, { error: { type: 'invalid_request_error', code, message } });
    const { event_name = '', identifier = '' } = params;
    const timestamp = Number(params.timestamp);
    if (!this.meters.some((meter) => meter.event_name === event_name)) throw refuse('no_meter', 'no meter');
    if (this.meterEvents.some((event) => event.identifier === identifier))
      throw refuse('duplicate_meter_event', `An event already exists with identifier ${identifier}.`);
    if (timestamp < Date.now() / 1_000 - 35 * 86_400) throw refuse('timestamp_too_far_in_past', 'too old');
    const customer = params['payload[stripe_customer_id]'] ?? '';
    const value = params['payload[value]'] ?? '';
    this.meterEvents.push({ event_name, identifier, customer, value, timestamp });
    return {
      object: 'billing.meter_event',
      event_name,
      identifier,
    } satisfies Partial<Stripe.Billing.MeterEvent>;
  }

  #summaries(meterId: string, { customer, start_time, end_time }: Params): object {
    const meter = this.meters.find(({ id }) => id === meterId);
    if (meter === undefined) throw missing();
    const values = this.meterEvents.flatMap((event) =>
      event.event_name === meter.event_name &&
      event.customer === customer &&
      event.timestamp >= Number(start_time) &&
      event.timestamp < Number(end_time)
        ? [Number(event.value)]
        : [],
    );
    const aggregated_value = values.reduce((sum, value) => sum + value, 0);
    return page([
      {
        ...{ id: this.id('mtrsum'), object: 'billing.meter_event_summary', meter: meterId, aggregated_value },
        ...{ start_time: Number(start_time), end_time: Number(end_time), livemode: this.livemode },
      } satisfies Stripe.Billing.MeterEventSummary,
    ]);
  }

  #aboutSubscription(method: string, id: string, params: Params): object {
    const row = this.subscription(id);
    if (method !== 'GET' && row.status === 'canceled') throw missing();
    if (method === 'DELETE') this.cancel(id);
    if (method === 'POST') this.#updateSubscription(id, params);
    return this.#subscriptionJson(row);
  }

  /** As Stripe does: one end at a time, items by their ids, new ones without. */
  #updateSubscription(id: string, params: Params): void {
    if (this.declinesCards)
      throw new Refusal(402, { error: { type: 'card_error', code: 'card_declined', message: 'declined' } });
    if (params.cancel_at !== undefined && params.cancel_at_period_end !== undefined)
      throw new Refusal(400, { error: { type: 'invalid_request_error', message: 'one end at a time' } });
    const items: Params[] = [];
    for (const [name, value] of Object.entries(params)) {
      const [, index, field] = /^items\[(\d+)\]\[(\w+)\]$/.exec(name) ?? [];
      if (index !== undefined && field !== undefined)
        items[Number(index)] = { ...items[Number(index)], [field]: value };
    }
    this.change(id, (row) => {
      for (const item of items) this.#changeItem(row, item);
      if (params['pause_collection[behavior]'] !== undefined) row.paused = true;
      if (params.pause_collection === '') row.paused = false;
      if (params.cancel_at !== undefined)
        Object.assign(row, { cancel_at: Number(params.cancel_at) || null, cancel_at_period_end: false });
      if (params.cancel_at_period_end !== undefined)
        Object.assign(row, { cancel_at: null, cancel_at_period_end: params.cancel_at_period_end === 'true' });
    });
  }

  #changeItem(row: FakeSubscription, { id, price, quantity, deleted }: Params): void {
    if (price !== undefined) {
      this.#mustBeSold(price, row.currency);
      this.#mayHaveQuantity(price, quantity);
    }
    if (id === undefined) {
      row.items.push({ id: this.id('si'), price: price ?? '', created: this.now, quantity: 1 });
      return;
    }
    const known = row.items.find((item) => item.id === id);
    if (known === undefined) throw missing();
    if (deleted === 'true') row.items = row.items.filter((item) => item !== known);
    else known.price = price ?? known.price;
  }

  /** As Stripe does: all that is paid together is in one currency. */
  #mustBeSold(priceId: string, currency: string): void {
    const price = this.prices.find(({ id }) => id === priceId);
    if (price === undefined) throw missing();
    if (price.currency !== currency && price.others[currency] === undefined)
      throw new Refusal(400, {
        error: { type: 'invalid_request_error', message: `The price does not support ${currency}` },
      });
  }

  #createSession(params: Params): object {
    const named = (prefix: string) =>
      Object.fromEntries(
        Object.entries(params).flatMap(([name, value]) => {
          const [, key] = new RegExp(`^${prefix}\\[(\\w+)\\]$`).exec(name) ?? [];
          return key === undefined ? [] : [[key, value]];
        }),
      );
    const prices = Object.entries(params).flatMap(([name, value]) => {
      const [, index] = /^line_items\[(\d+)\]\[price\]$/.exec(name) ?? [];
      if (index === undefined) return [];
      this.#mayHaveQuantity(value, params[`line_items[${index}][quantity]`]);
      return [value];
    });
    if (params.mode === 'payment' && !params.customer && params.customer_creation !== 'always')
      throw new Refusal(400, {
        error: { type: 'invalid_request_error', message: 'a payment without a customer' },
      });
    const currency = params.currency ?? this.prices.find(({ id }) => id === prices[0])?.currency ?? '';
    for (const price of prices) this.#mustBeSold(price, currency);
    const session: FakeSession = {
      id: this.id('cs'),
      mode: params.mode as FakeSession['mode'],
      status: 'open',
      payment_status: 'unpaid',
      customer: params.customer ?? null,
      customer_email: params.customer_email ?? null,
      metadata: named('metadata'),
      subscriptionMetadata: named('subscription_data\\[metadata\\]'),
      prices,
      currency,
      created: this.now,
      refunded: false,
    };
    this.sessions.push(session);
    return this.#sessionJson(session);
  }

  /** Forgets all customers and what happened to them. Prices stay. */
  forget(): void {
    [this.customers, this.subscriptions, this.sessions, this.events] = [[], [], [], []];
  }

  // What people do at Stripe.

  #happen(type: string, object: object): void {
    this.events.push({ id: this.id('evt'), type, created: this.now, object });
  }

  createPrice(
    name: string,
    {
      amount = 1_000,
      currency = 'eur',
      interval = 'month' as 'month' | 'year' | null,
      others = {} as Record<string, number>,
      metered = false,
    } = {},
  ): string {
    const product = this.id('prod');
    this.products.push({ id: product, name, active: true });
    const id = this.id('price');
    this.prices.push({ id, product, amount, currency, others, interval, metered, created: this.now });
    this.#happen('price.created', this.#priceJson(id, false));
    return id;
  }

  /** Somebody deletes a price that was never used. */
  deletePrice(id: string): void {
    const object = this.#priceJson(id, false);
    this.prices = this.prices.filter((price) => price.id !== id);
    this.#happen('price.deleted', object);
  }

  createMeter(event_name: string, formula: 'sum' | 'count' | 'last' = 'sum'): void {
    this.meters.push({ id: this.id('mtr'), event_name, formula });
  }

  createCustomer(
    email: string | null,
    { name = null as string | null, metadata = {} as Params } = {},
  ): string {
    const id = this.id('cus');
    this.customers.push({ id, email, name, metadata, created: this.now, deleted: false });
    this.#happen('customer.created', this.#customerJson(this.customer(id)));
    return id;
  }

  changeCustomer(
    id: string,
    change: Partial<Pick<FakeStripe['customers'][number], 'email' | 'name' | 'deleted'>>,
  ): void {
    Object.assign(this.customer(id), change);
    if (change.deleted)
      for (const subscription of this.subscriptions.filter(({ customer }) => customer === id))
        this.cancel(subscription.id);
    this.#happen(
      change.deleted ? 'customer.deleted' : 'customer.updated',
      this.#customerJson(this.customer(id)),
    );
  }

  subscribe(
    customer: string,
    prices: string[],
    {
      status = 'active' as FakeSubscription['status'],
      startedAt = this.now,
      metadata = {} as Params,
      currency = this.prices.find(({ id }) => id === prices[0])?.currency ?? 'eur',
    } = {},
  ): string {
    const row: FakeSubscription = {
      id: this.id('sub'),
      customer,
      status,
      currency,
      start_date: startedAt,
      ended_at: null,
      canceled_at: null,
      cancel_at: null,
      cancel_at_period_end: false,
      trial_end: status === 'trialing' ? startedAt + 1_209_600 : null,
      paused: false,
      metadata,
      items: prices.map((price) => ({ id: this.id('si'), price, created: startedAt, quantity: 1 })),
    };
    this.subscriptions.push(row);
    this.#happen('customer.subscription.created', this.#subscriptionJson(row));
    return row.id;
  }

  subscription(id: string): FakeSubscription {
    const row = this.subscriptions.find((each) => each.id === id);
    if (row === undefined) throw missing();
    return row;
  }

  change(id: string, change: (row: FakeSubscription) => void): void {
    const row = this.subscription(id);
    change(row);
    const type =
      row.status === 'canceled' ? 'customer.subscription.deleted' : 'customer.subscription.updated';
    this.#happen(type, this.#subscriptionJson(row));
  }

  cancel(id: string): void {
    this.change(id, (row) => {
      if (row.status === 'canceled') return;
      Object.assign(row, {
        status: 'canceled',
        ended_at: this.now,
        canceled_at: this.now,
        cancel_at_period_end: false,
      });
    });
  }

  /** Somebody pays at a link. */
  complete(url: string, email: string): void {
    const session = this.sessions.find(({ id }) => url.endsWith(id));
    if (session === undefined || session.status !== 'open') throw new Error('there is no such open link');
    session.customer ??= this.createCustomer(session.customer_email ?? email);
    session.status = 'complete';
    session.payment_status = 'paid';
    if (session.mode === 'subscription')
      this.subscribe(session.customer, session.prices, {
        metadata: session.subscriptionMetadata,
        currency: session.currency,
      });
    this.#happen('checkout.session.completed', this.#sessionJson(session));
  }

  /** Somebody pays at a link that another system made. */
  payOnce(customer: string, ...prices: string[]): void {
    const session: FakeSession = {
      ...{ id: this.id('cs'), mode: 'payment', status: 'complete', payment_status: 'paid', customer },
      ...{ customer_email: null, metadata: {}, subscriptionMetadata: {}, refunded: false, currency: 'eur' },
      ...{ prices, created: this.now },
    };
    this.sessions.push(session);
    this.#happen('checkout.session.completed', this.#sessionJson(session));
  }

  refund(customer: string): void {
    for (const session of this.sessions.filter((each) => each.customer === customer)) session.refunded = true;
    this.#happen('charge.refunded', { object: 'charge', customer });
  }

  /** An event as Stripe sends it, signed. */
  signed(event: FakeStripe['events'][number], secret: string, timestamp = Math.floor(Date.now() / 1_000)) {
    const payload = JSON.stringify(this.#eventJson(event));
    const header = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
    return { payload, header };
  }
}
