import { describe, expect, test } from '@jest/globals';
import {
  choosePrices,
  endItems,
  replaceItem,
  type SubscriptionNow,
  withSiblings,
} from '../../src/billing/change-rules.ts';
import { consequenceOf } from '../../src/billing/event-rules.ts';
import { priceProblem } from '../../src/billing/links-rules.ts';
import { type Candidate, factsFrom, matchCustomer } from '../../src/billing/match-rules.ts';
import type { Mirror } from '../../src/billing/mirror-rules.ts';
import { changesOf, endsOf, project, type Stored } from '../../src/billing/projection-rules.ts';

const at = (day: number) => new Date(Date.UTC(2026, 0, day));
const subscription = (change: Partial<Mirror['subscriptions'][number]> = {}) => ({
  id: 'sub_1',
  status: 'active',
  startedAt: at(1),
  endedAt: null,
  cancelsAt: null,
  trialEnd: null,
  isCollectionPaused: false,
  items: [{ id: 'si_1', priceId: 'price_pro', createdAt: at(1), quantity: 1 }],
  ...change,
});
const item = (priceId: string, day = 1) => ({
  id: `si_${priceId}_${day}`,
  priceId,
  createdAt: at(day),
  quantity: 1,
});
const mirror = (...subscriptions: Mirror['subscriptions']): Mirror => ({
  customerId: 'cus_1',
  subscriptions,
  payments: [],
});
const packages = new Map([
  ['price_pro', { id: 'pro', isAddon: false, isDraft: false }],
  ['price_pro_usage', { id: 'pro', isAddon: false, isDraft: false }],
  ['price_free', { id: 'free', isAddon: false, isDraft: false }],
  ['price_extra', { id: 'extra', isAddon: true, isDraft: false }],
  ['price_new', { id: 'new', isAddon: false, isDraft: true }],
]);
const rules = { packages, byHand: [], withholdsPaused: false, ends: new Map<string, Date>(), now: at(20) };
const projected = (mirrors: Mirror[], { byHand = [] as string[], withholdsPaused = false } = {}) => {
  const { held, flags } = project(mirrors, {
    ...rules,
    byHand: byHand.map((packageId) => ({ packageId, isAddon: packageId === 'extra' })),
    withholdsPaused,
  });
  return [held.map(({ packageId, status }) => `${packageId} ${status}`), flags.map(({ kind }) => kind)];
};

describe('what a user holds by what Stripe says', () => {
  test.each<[string, Mirror[], Parameters<typeof projected>[1], string[], string[]]>([
    ['nothing', [], {}, [], []],
    ['an active subscription', [mirror(subscription())], {}, ['pro ACTIVE'], []],
    ['one of a price that is not mapped', [mirror(subscription({ items: [item('price_x')] }))], {}, [], []],
    [
      'a cancelled one',
      [mirror(subscription({ status: 'canceled', endedAt: at(9) }))],
      {},
      ['pro CANCELLED'],
      [],
    ],
    [
      'a cancelled one whose payments were paused stays cancelled',
      [mirror(subscription({ status: 'canceled', endedAt: at(9), isCollectionPaused: true }))],
      { withholdsPaused: true },
      ['pro CANCELLED'],
      [],
    ],
    [
      'the best status, then the newest',
      [
        mirror(
          subscription({ id: 'a', status: 'past_due', items: [item('price_pro', 3)] }),
          subscription({ id: 'b', items: [item('price_free', 1)] }),
        ),
      ],
      {},
      ['free ACTIVE'],
      ['SEVERAL_BASES'],
    ],
    ...(
      [
        ['trialing', 'past_due', 'TRIALING'],
        ['past_due', 'incomplete', 'PAST_DUE'],
        ['incomplete', 'unpaid', 'INCOMPLETE'],
      ] as const
    ).map(([better, worse, here]): [string, Mirror[], object, string[], string[]] => [
      `${better} is better than ${worse}, though older`,
      [
        mirror(
          subscription({ id: 'a', status: worse, items: [item('price_pro', 3)] }),
          subscription({ id: 'b', status: better, items: [item('price_free', 1)] }),
        ),
      ],
      {},
      [`free ${here}`],
      ['SEVERAL_BASES'],
    ]),
    [
      'the newest of two that are alike, of two customers',
      [
        mirror(subscription({ id: 'a' })),
        mirror(subscription({ id: 'b', startedAt: at(5), items: [item('price_free', 5)] })),
      ],
      {},
      ['free ACTIVE'],
      ['SEVERAL_BASES'],
    ],
    [
      'a base and its add-on',
      [mirror(subscription({ items: [item('price_pro'), item('price_extra')] }))],
      {},
      ['extra ACTIVE', 'pro ACTIVE'],
      [],
    ],
    [
      'an add-on alone',
      [mirror(subscription({ items: [item('price_extra')] }))],
      {},
      ['extra ACTIVE'],
      ['ADDON_WITHOUT_BASE'],
    ],
    [
      'an add-on beside a base by hand',
      [mirror(subscription({ items: [item('price_extra')] }))],
      { byHand: ['free'] },
      ['extra ACTIVE'],
      [],
    ],
    ['a base by hand stays', [mirror(subscription())], { byHand: ['free'] }, [], ['SUBSCRIBED_BY_HAND']],
    ['a draft', [mirror(subscription({ items: [item('price_new')] }))], {}, [], ['DRAFT_PACKAGE']],
    [
      'a status that is new',
      [mirror(subscription({ status: 'dormant' }))],
      {},
      ['pro UNPAID'],
      ['UNKNOWN_STATUS'],
    ],
    [
      'several items of one subscription for one package',
      [
        mirror(
          subscription({ items: [item('price_pro', 4), item('price_pro_usage', 2), item('price_extra')] }),
        ),
      ],
      {},
      ['pro ACTIVE', 'extra ACTIVE'],
      [],
    ],
    [
      'the same twice',
      [mirror(subscription({ id: 'a' }), subscription({ id: 'b', items: [item('price_pro', 2)] }))],
      {},
      ['pro ACTIVE'],
      ['SAME_PACKAGE_TWICE'],
    ],
  ])('%s', (_name, mirrors, options, held, flags) => {
    expect(projected(mirrors, options)).toEqual([held, flags]);
  });

  test('it starts with the item if that came later', () => {
    const { held } = project([mirror(subscription({ items: [item('price_pro', 7)] }))], rules);
    expect(held[0]?.startedAt).toEqual(at(7));
  });

  test('what was paid once ends when that was said here, and a refund is nothing to look at then', () => {
    const payment = { id: 'cs_1', priceIds: ['price_pro'], paidAt: at(3), isRefunded: true };
    const mirrors = [{ ...mirror(), payments: [payment] }];
    const endingAt = (end: Date) => {
      const { held, flags } = project(mirrors, { ...rules, ends: new Map([['cs_1 pro', end]]) });
      return [held[0]?.status, held[0]?.endedAt, flags.map(({ kind }) => kind)];
    };
    expect(endingAt(at(20))).toEqual(['CANCELLED', at(20), []]);
    expect(endingAt(at(21))).toEqual(['ACTIVE', at(21), ['REFUNDED']]);
    const [row] = project(mirrors, { ...rules, ends: new Map([['cs_1 pro', at(21)]]) }).held;
    const stored = { ...row, id: 1n } as Stored;
    // Another base package counts for a while: the end is not forgotten.
    const { update } = changesOf([stored], [], at(20));
    expect(update).toMatchObject([{ status: 'CANCELLED', endedAt: at(20) }]);
    expect(endsOf(update)).toEqual(new Map([['cs_1 pro', at(21)]]));
  });

  test('of several items for one package, the oldest one says since when', () => {
    const items = [item('price_pro', 4), item('price_pro_usage', 2)];
    const { held } = project([mirror(subscription({ items }))], rules);
    expect(held).toMatchObject([{ packageId: 'pro', itemId: 'si_price_pro_usage_2', startedAt: at(2) }]);
  });
});

describe('how the stored subscriptions change', () => {
  const [row] = project([mirror(subscription())], rules).held;
  const stored = { ...row, id: 1n } as Stored;

  test('nothing changes what agrees', () => {
    expect(changesOf([stored], [row as NonNullable<typeof row>], at(20))).toEqual({ update: [], insert: [] });
  });
  test('what Stripe no longer says ends now', () => {
    const { update } = changesOf([stored], [], at(20));
    expect(update).toMatchObject([{ id: 1n, status: 'CANCELLED', endedAt: at(20), startedAt: at(1) }]);
  });
  test('what comes back goes on with its own start', () => {
    const ended = { ...stored, status: 'CANCELLED', endedAt: at(9) } as const;
    const { update } = changesOf(
      [ended],
      [{ ...(row as NonNullable<typeof row>), startedAt: at(5) }],
      at(20),
    );
    expect(update).toMatchObject([{ status: 'ACTIVE', endedAt: null, startedAt: at(1) }]);
  });
});

describe('whose customer it is', () => {
  const user = (key: bigint, change: Partial<Candidate> = {}): Candidate => ({
    ...{ key, id: `u${key}`, name: null, email: null, billingId: null, imported: false },
    ...change,
  });
  const customer = { id: 'cus_1', email: 'a@x.test', name: 'A', ownIds: [] };
  const nobody = { byOwnId: [], byBillingId: [], byEmail: [], takenIds: new Set<string>() };

  test.each<[string, object, object]>([
    ['our own id', { byOwnId: [user(1n)], byBillingId: [user(2n)] }, { kind: 'user', user: user(1n) }],
    ['the billing id', { byBillingId: [user(2n)], byEmail: [user(3n)] }, { kind: 'user', user: user(2n) }],
    [
      'of several billing ids the one with the email',
      { byBillingId: [user(2n), user(3n, { email: ' A@X.test' })] },
      { kind: 'user', user: user(3n, { email: ' A@X.test' }) },
    ],
    ['several billing ids', { byBillingId: [user(2n), user(3n)] }, { kind: 'several' }],
    ['the email', { byEmail: [user(4n)] }, { kind: 'user', user: user(4n) }],
    [
      'the email of another customer',
      { byEmail: [user(4n, { billingId: 'cus_2' })] },
      { kind: 'create', id: 'a@x.test' },
    ],
    ['several with the email', { byEmail: [user(4n), user(5n)] }, { kind: 'several' }],
    ['nobody', {}, { kind: 'create', id: 'a@x.test' }],
    ['nobody, and the email is an id', { takenIds: new Set(['a@x.test']) }, { kind: 'create', id: 'cus_1' }],
  ])('%s', (_name, candidates, match) => {
    expect(matchCustomer(customer, { ...nobody, ...candidates })).toEqual(match);
  });

  test('an imported user follows; of others only gaps are filled; a billing id is never replaced', () => {
    const own = user(1n, { name: 'Own', billingId: 'cus_0' });
    expect(factsFrom(customer, own)).toEqual({ email: 'a@x.test' });
    expect(factsFrom(customer, { ...own, imported: true })).toEqual({ email: 'a@x.test', name: 'A' });
    expect(factsFrom(customer, user(2n))).toEqual({ email: 'a@x.test', name: 'A', billingId: 'cus_1' });
  });
});

test.each<[string, object, object]>([
  [
    'customer.updated',
    { object: 'customer', id: 'cus_1' },
    { kind: 'customer', customerId: 'cus_1', isUrgent: false },
  ],
  [
    'customer.subscription.paused',
    { object: 'subscription', customer: 'cus_2' },
    { kind: 'customer', customerId: 'cus_2', isUrgent: false },
  ],
  [
    'checkout.session.completed',
    { object: 'checkout.session', customer: { id: 'cus_3' } },
    { kind: 'customer', customerId: 'cus_3', isUrgent: true },
  ],
  ['checkout.session.completed', { object: 'checkout.session', customer: null }, { kind: 'nothing' }],
  ['price.updated', { object: 'price', id: 'price_1' }, { kind: 'prices' }],
  ['invoice.paid', { object: 'invoice', customer: 'cus_1' }, { kind: 'nothing' }],
])('%s of %j makes necessary: %j', (type, object, consequence) => {
  expect(consequenceOf({ type, data: { object } } as never)).toEqual(consequence);
});

describe('the prices of a template', () => {
  const price = {
    ...{ id: 'p', packageId: 'pro', isActive: true, interval: 'month' },
    ...{ currency: 'eur', currencies: [] as string[] },
  };
  const template = { id: 't', currency: 'eur', interval: 'month' as const, prices: ['p'] };
  test.each<[string, object, object, string | null]>([
    ['fit', {}, {}, null],
    ['are unknown', {}, { prices: ['q'] }, 'no price'],
    ['are no longer sold', { isActive: false }, {}, 'no longer active'],
    ['are of another package', { packageId: 'free' }, {}, 'not mapped'],
    ['are in another currency', { currency: 'usd' }, {}, 'in usd'],
    ['are in several currencies', { currency: 'usd', currencies: ['eur', 'usd'] }, {}, null],
    ['are in several others', { currency: 'usd', currencies: ['gbp', 'usd'] }, {}, 'in gbp, usd, not in eur'],
    ['are paid at another interval', { interval: 'year' }, {}, 'every year'],
    ['are paid once', { interval: null }, {}, 'none of the prices'],
    ['are paid once, as the template says', { interval: null }, { interval: null }, null],
  ])('%s', (_name, change, other, problem) => {
    const found = priceProblem('pro', { ...template, ...other }, [{ ...price, ...change }]);
    if (problem === null) expect(found).toBeNull();
    else expect(found?.problem).toContain(problem);
  });
});

describe('how a change is asked of Stripe', () => {
  const month = { interval: 'month', interval_count: 1 } as const;
  const now = (change: Partial<SubscriptionNow> = {}): SubscriptionNow => ({
    ...{ id: 'sub_1', status: 'active', currency: 'eur', cancel_at: null, cancel_at_period_end: false },
    items: {
      data: ['a', 'b'].map((id) => ({
        ...{ id, quantity: 2 },
        price: { id: `price_${id}`, recurring: month },
      })),
    },
    ...change,
  });
  const when = { at: null, atPeriodEnd: false };

  test.each<[string, SubscriptionNow, string[], Parameters<typeof endItems>[2], object | null]>([
    ['all items', now(), ['a', 'b'], when, { kind: 'cancel' }],
    ['some items', now(), ['b'], when, { params: { items: [{ id: 'b', deleted: true }] } }],
    ['items that are gone', now(), ['c'], when, null],
    ['what is over', now({ status: 'canceled' }), ['a', 'b'], when, null],
    [
      'at the end of the period',
      now(),
      ['a', 'b'],
      { ...when, atPeriodEnd: true },
      { params: { cancel_at_period_end: true } },
    ],
    [
      'at the end of the period, again',
      now({ cancel_at_period_end: true }),
      ['a', 'b'],
      { ...when, atPeriodEnd: true },
      null,
    ],
    [
      'at an instant, in whole seconds',
      now(),
      ['a', 'b'],
      { ...when, at: new Date(1_500) },
      { params: { cancel_at: 2 } },
    ],
  ])('%s', (_name, subscription, ids, at, expected) => {
    const change = endItems(subscription, ids, at);
    if (expected === null) expect(change).toBeNull();
    else expect(change).toMatchObject({ ...expected, subscriptionId: 'sub_1' });
  });

  test('some items of a subscription cannot end later', () => {
    expect(() => endItems(now(), ['a'], { ...when, atPeriodEnd: true })).toThrow('as a whole');
  });

  test('another package is a new item, or with CARRY the same item at another price', () => {
    const to = { itemId: 'a', priceIds: ['price_x', 'price_y'], usage: 'RESET' } as const;
    expect(replaceItem(now(), to, ['b'])).toMatchObject({
      params: {
        items: [
          { id: 'a', deleted: true },
          { price: 'price_x', quantity: 2 },
          { price: 'price_y' },
          { id: 'b', deleted: true },
        ],
      },
    });
    expect(replaceItem(now(), { ...to, usage: 'CARRY' }, [])).toMatchObject({
      params: { items: [{ id: 'a', price: 'price_x', quantity: 2 }, { price: 'price_y' }] },
    });
    expect(replaceItem(now(), { ...to, priceIds: ['price_a'] }, [])).toBeNull();
    expect(() => replaceItem(now(), { ...to, itemId: 'gone' }, [])).toThrow('just changed at Stripe');
  });

  test('items that pay for one package together leave together', () => {
    const packageIds = new Map([
      ['price_a', 'pro'],
      ['price_b', 'pro'],
    ]);
    expect(withSiblings(now(), ['a'], packageIds)).toEqual(['a', 'b']);
    expect(withSiblings(now(), ['a'], new Map([['price_b', 'pro']]))).toEqual(['a']);
    expect(withSiblings(now(), ['a'], new Map())).toEqual(['a']);
  });

  test('the price is the active one in the same currency and interval', () => {
    const option = (id: string, change: object = {}) => ({
      ...{
        id,
        isActive: true,
        currency: 'eur',
        currencies: ['eur'],
        interval: 'month',
        intervalCount: 1,
        isMetered: false,
      },
      ...change,
    });
    const present = { id: 'price_a', recurring: month };
    const others = [
      option('old', { isActive: false }),
      option('pounds', { currency: 'gbp', currencies: ['gbp', 'usd'] }),
      option('year', { interval: 'year' }),
      option('quarter', { intervalCount: 3 }),
    ];
    const choose = (options: ReturnType<typeof option>[], ...sold: string[][]) =>
      choosePrices(
        'pro',
        'eur',
        present,
        options,
        sold.map((priceIds) => ({ currency: 'eur', interval: 'month', priceIds })),
      );
    expect(choose([...others, option('fits')])).toEqual(['fits']);
    expect(choose([...others, option('several', { currency: 'usd', currencies: ['eur', 'usd'] })])).toEqual([
      'several',
    ]);
    expect(choose([option('one'), option('two')], ['two'], ['two', 'old'])).toEqual(['two']);
    const byUsage = option('by usage', { isMetered: true });
    expect(choose([byUsage, option('one'), option('two')], ['by usage', 'two'])).toEqual(['two', 'by usage']);
    expect(() => choose([option('one'), option('two')], ['one'], ['two'])).toThrow('several active prices');
    expect(() => choose(others)).toThrow('has no active price in eur that is paid every month');
    expect(() => choose([option('one'), option('two')])).toThrow('several active prices');
  });
});
