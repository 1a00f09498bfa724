import { describe, expect, it } from '@jest/globals';
import { subscriptionError } from '../../src/errors.ts';
import { planCancel, planResume } from '../../src/subscriptions/end-rules.ts';
import { planMerge } from '../../src/subscriptions/merge-rules.ts';
import { planChange, planSubscribe } from '../../src/subscriptions/rules.ts';
import type { PackageTerms, SubscriptionTerms } from '../../src/subscriptions/status-rules.ts';

const base = (id: string, status: PackageTerms['status'] = 'PUBLISHED'): PackageTerms => ({
  id,
  version: 1,
  isAddon: false,
  status,
  baseIds: [],
});
const addon = (id: string, ...baseIds: string[]): PackageTerms => ({
  id,
  version: 1,
  isAddon: true,
  status: 'PUBLISHED',
  baseIds,
});

const catalogue = [
  base('free'),
  base('pro'),
  base('draft', 'DRAFT'),
  base('old', 'ARCHIVED'),
  addon('seats'),
  addon('storage'),
  addon('pro-support', 'pro'),
  addon('any-support', 'pro', 'free'),
  { ...addon('draft-addon'), status: 'DRAFT' as const },
];

const begun = new Date('2026-01-01T00:00:00Z');
const now = new Date('2026-03-01T00:00:00Z');
let lastId = 0n;
function subscriptionTo(
  packageId: string,
  status: SubscriptionTerms['status'] = 'ACTIVE',
): SubscriptionTerms {
  const found = catalogue.find(({ id }) => id === packageId);
  if (found === undefined) throw new Error(`the catalogue has no ${packageId}`);
  lastId += 1n;
  const times = { startedAt: begun, endedAt: null, trialEnd: null };
  return { id: lastId, status, package: found, followsId: null, ...times };
}

const unknown = 'Package Id not found for app';
const tiers = 'Cannot subscribe to multiple tiers';
const noTier = 'Cannot subscribe to addon. Missing live tier subscription.';
const twice = 'Cannot subscribe to a package that the user is already subscribed to.';
const notPublished = (id: string, status: string) =>
  `Cannot subscribe to the package "${id}": it is ${status}, not PUBLISHED.`;

type Held = [packageId: string, status?: SubscriptionTerms['status']][];
const hold = (held: Held) => held.map(([packageId, status]) => subscriptionTo(packageId, status));

describe('planSubscribe', () => {
  it.each<[string, string[], Held]>([
    ['a base is subscribed', ['free'], []],
    ['a base comes with its add-ons, in any order', ['seats', 'pro', 'pro-support', 'any-support'], []],
    ['an add-on without bases is open to every held base', ['seats'], [['free']]],
    ['an add-on with bases is open to one of them', ['pro-support'], [['pro']]],
    ['a base on trial carries add-ons', ['seats'], [['free', 'TRIALING']]],
    ['an archived base still carries add-ons', ['seats'], [['old']]],
    ['add-ons that are held do not stand in the way', ['storage'], [['free'], ['seats']]],
  ])('%s', (_name, packageIds, held) => {
    const planned = planSubscribe(packageIds, catalogue, hold(held), now);
    expect(planned).toEqual(
      packageIds.map((id) => ({ package: catalogue.find((item) => item.id === id), endedAt: null })),
    );
  });

  it.each<[string, string[], Held, string]>([
    ['an unknown package is refused', ['nothing'], [], unknown],
    ['a draft is refused', ['draft'], [], notPublished('draft', 'DRAFT')],
    ['an archived package is refused', ['old'], [], notPublished('old', 'ARCHIVED')],
    ['two bases in one call are refused', ['free', 'pro'], [], tiers],
    ['a base beside an active one is refused', ['pro'], [['free']], tiers],
    ['a base beside one on trial is refused', ['pro'], [['free', 'TRIALING']], tiers],
    ['a base beside one that is past due is refused', ['pro'], [['free', 'PAST_DUE']], tiers],
    ['a base beside an unpaid one is refused', ['pro'], [['free', 'UNPAID']], tiers],
    ['a base beside an incomplete one is refused', ['pro'], [['free', 'INCOMPLETE']], tiers],
    ['the base that is held is a second base', ['free'], [['free']], tiers],
    ['an add-on without any base is refused', ['seats'], [], noTier],
    ['a base that is past due carries no add-on', ['seats'], [['free', 'PAST_DUE']], noTier],
    ['an unpaid base carries no add-on', ['seats'], [['free', 'UNPAID']], noTier],
    ['an incomplete base carries no add-on', ['seats'], [['free', 'INCOMPLETE']], noTier],
    ['an add-on of another held base is refused', ['pro-support'], [['free']], noTier],
    ['an add-on of another base in the call is refused', ['free', 'pro-support'], [], noTier],
    ['one closed add-on refuses the open ones', ['seats', 'pro-support'], [['free']], noTier],
    ['an add-on is no base for another', ['storage'], [['seats']], noTier],
    ['an add-on that is held is refused', ['seats'], [['free'], ['seats']], twice],
    ['an add-on that is past due is held', ['seats'], [['free'], ['seats', 'PAST_DUE']], twice],
  ])('%s', (_name, packageIds, held, message) => {
    expect(() => planSubscribe(packageIds, catalogue, hold(held), now)).toThrow(subscriptionError(message));
  });

  it.each<[string, string[], Held, string]>([
    ['unknown before unpublished', ['draft', 'nothing'], [], unknown],
    ['unpublished before a second base', ['free', 'pro', 'draft'], [], notPublished('draft', 'DRAFT')],
    ['unpublished before a missing base', ['draft-addon'], [], notPublished('draft-addon', 'DRAFT')],
    ['a second base before a closed add-on', ['pro-support', 'free'], [['free', 'UNPAID']], tiers],
    ['a second base before a package twice', ['seats', 'pro'], [['free'], ['seats']], tiers],
    ['a missing base before a package twice', ['seats'], [['seats']], noTier],
  ])('answers %s', (_name, packageIds, held, message) => {
    expect(() => planSubscribe(packageIds, catalogue, hold(held), now)).toThrow(subscriptionError(message));
  });
});

describe('planCancel', () => {
  it.each(['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'] as const)(
    'a base that is %s ends with every add-on that is held',
    (status) => {
      const held = hold([['free', status], ['seats'], ['storage', 'PAST_DUE']]);
      const [target] = held;
      expect(target && planCancel(target, held, now)).toEqual(held.map(({ id }) => ({ id, at: now })));
    },
  );

  it('an add-on ends alone', () => {
    const held = hold([['free'], ['seats'], ['storage']]);
    const [, target] = held;
    expect(target && planCancel(target, held, now)).toEqual([{ id: target?.id, at: now }]);
  });

  it.each(['CANCELLED', 'INCOMPLETE_EXPIRED'] as const)('what is %s cannot be cancelled', (status) => {
    const target = subscriptionTo('free', status);
    expect(() => planCancel(target, [], now)).toThrow(
      subscriptionError(`Cannot cancel the subscription "${target.id}": it is ${status}.`),
    );
  });
});

describe('planResume', () => {
  it.each<[string, Date | null]>([
    ['without end', null],
    ['until its base package ends', new Date('2026-05-01T00:00:00Z')],
  ])('an add-on goes on %s, and what was to follow it never starts', (_name, baseEnd) => {
    const end = new Date('2026-04-01T00:00:00Z');
    const [pro, target, next] = hold([['pro'], ['seats'], ['storage', 'SCHEDULED']]);
    if (pro === undefined || target === undefined || next === undefined) throw new Error('nothing is held');
    const held = [
      { ...pro, endedAt: baseEnd },
      { ...target, endedAt: end },
      { ...next, startedAt: end, followsId: target.id },
    ];
    const withdrawal = { id: next.id, at: end };
    expect(planResume({ ...target, endedAt: end }, held)).toEqual(
      baseEnd === null
        ? { resumedIds: [target.id], endings: [withdrawal] }
        : { resumedIds: [], endings: [withdrawal, { id: target.id, at: baseEnd }] },
    );
  });
});

describe('planChange', () => {
  it.each<[string, Held]>([
    ['a base alone is replaced', [['free']]],
    ['a base whose payment is late is replaced', [['free', 'PAST_DUE']]],
    ['add-ons that are open to the new base stay', [['free'], ['seats'], ['any-support']]],
  ])('%s', (_name, held) => {
    const own = hold(held);
    expect(planChange(base('pro'), own, now)).toEqual({
      base: base('pro'),
      replacedId: own[0]?.id,
      endings: [{ id: own[0]?.id, at: now }],
      cancelledAddonIds: [],
      resumedAddonIds: [],
    });
  });

  it('add-ons that are not open to the new base end', () => {
    const own = hold([['seats'], ['pro-support'], ['pro'], ['any-support', 'UNPAID']]);
    const [, support, pro] = own;
    expect(planChange(base('free'), own, now)).toEqual({
      base: base('free'),
      replacedId: pro?.id,
      endings: [pro, support].map((each) => ({ id: each?.id, at: now })),
      cancelledAddonIds: [support?.id],
      resumedAddonIds: [],
    });
  });

  it('add-ons that were to end with the base go on with the new one', () => {
    const end = new Date('2026-04-01T00:00:00Z');
    const [free, seats, support, storage] = hold([['free'], ['seats'], ['any-support'], ['storage']]).map(
      (each, index) => ({ ...each, endedAt: index === 3 ? new Date('2026-03-20T00:00:00Z') : end }),
    ) as [SubscriptionTerms, SubscriptionTerms, SubscriptionTerms, SubscriptionTerms];
    expect(planChange(base('pro'), [free, seats, support, storage], now)).toMatchObject({
      endings: [{ id: free.id, at: now }],
      cancelledAddonIds: [],
      resumedAddonIds: [seats.id, support.id],
    });
  });

  it.each<[string, string, Held, string]>([
    ['an unknown package is refused', 'nothing', [['free']], unknown],
    ['a draft is refused', 'draft', [['free']], notPublished('draft', 'DRAFT')],
    ['an archived package is refused', 'old', [['free']], notPublished('old', 'ARCHIVED')],
    ['an add-on is refused', 'seats', [['free']], 'Cannot change to the package "seats": it is an add-on.'],
    ['nothing held is refused', 'pro', [], 'Cannot change the package of a user without a base package.'],
    [
      'an add-on is no base to change',
      'pro',
      [['seats']],
      'Cannot change the package of a user without a base package.',
    ],
    ['the base that is held is refused', 'free', [['free']], twice],
  ])('%s', (_name, packageId, held, message) => {
    expect(() =>
      planChange(
        catalogue.find(({ id }) => id === packageId),
        hold(held),
        now,
      ),
    ).toThrow(subscriptionError(message));
  });
});

describe('planMerge', () => {
  /** What each user holds, the survivor first; `ended` are the positions of what ends. */
  it.each<[string, Held[], number[]]>([
    ['nothing held, nothing ends', [[], []], []],
    ['what only one of them holds stays', [[], [['pro'], ['seats'], ['pro-support']]], []],
    ['of two bases the survivor’s stays', [[['free']], [['pro']]], [1]],
    ['of three bases the first stays', [[], [['pro']], [['free']], [['old']]], [1, 2]],
    ['the survivor’s base stays whatever the state of its payments', [[['free', 'UNPAID']], [['pro']]], [1]],
    ['of one base held by both the survivor’s stays', [[['pro']], [['pro']]], [1]],
    [
      'of one add-on held by both the survivor’s stays',
      [
        [['pro'], ['seats']],
        [['pro'], ['seats']],
      ],
      [2, 3],
    ],
    [
      'add-ons come along where they are open to the base',
      [[['free']], [['pro'], ['seats'], ['any-support']]],
      [1],
    ],
    ['add-ons end where they are not', [[['free']], [['pro'], ['pro-support'], ['storage']]], [1, 2]],
    [
      'the survivor’s add-on ends too, where its base comes from another',
      [[['pro-support']], [['free']]],
      [0],
    ],
    [
      'an add-on that is not open ends on both sides',
      [
        [['free'], ['pro-support']],
        [['pro'], ['pro-support']],
      ],
      [1, 2, 3],
    ],
    [
      'what is to follow stays with the base that stays',
      [
        [['free'], ['pro', 'SCHEDULED'], ['seats']],
        [['old'], ['pro', 'SCHEDULED'], ['storage']],
      ],
      [3, 4],
    ],
    [
      'a base that is yet to begin carries no add-on now',
      [[['pro', 'SCHEDULED']], [['free'], ['seats']]],
      [1, 2],
    ],
    ['add-ons without any base are left alone', [[['pro-support']], [['seats']]], []],
  ])('%s', (_name, users, ended) => {
    const held = users.flatMap((own, index) =>
      hold(own).map((each) => ({ ...each, userKey: BigInt(index) })),
    );
    expect(planMerge(held)).toEqual(ended.map((position) => held[position]?.id));
  });
});
