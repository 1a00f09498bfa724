import { describe, expect, it, test } from '@jest/globals';
import {
  describeAlerts,
  hearsThresholds,
  heldOf,
  reasonAgainst,
  resultOf,
} from '../../src/console/allowances/present.ts';
import { revertedId, revertKey, revertNote } from '../../src/console/allowances/revert.ts';
import { forgetDataAges, noteDataAge, oldestDataAge } from '../../src/console/api/data-age.ts';
import { type Command, matching, matchOf, placeAfter } from '../../src/console/commands/rules.ts';
import { findFault } from '../../src/console/frame/keys.ts';
import type { VersionFragment } from '../../src/console/generated/operations.ts';
import { readAmounts, readPercents } from '../../src/console/packages/alert-points.ts';
import { differencesOf } from '../../src/console/packages/difference.ts';
import { formatGrant } from '../../src/console/packages/grant.ts';
import { idFrom } from '../../src/console/parts/ids.ts';
import { keepTogether, localText, readInstant, usualEnds } from '../../src/console/parts/instants.ts';
import { readable } from '../../src/console/parts/messages.ts';
import { formatNumber, readAmount, readNumber } from '../../src/console/parts/numbers.ts';
import { guessFeature } from '../../src/console/segment/guess.ts';
import { namesFeature } from '../../src/console/segment/named.ts';
import { byPath, tabOf } from '../../src/console/segment/tabs.ts';
import {
  isInPast,
  isWhole,
  openingUsage,
  startInput,
  startNow,
} from '../../src/console/subscriptions/start.ts';
import { fateOf, followersOf, forerunnerOf } from '../../src/console/subscriptions/succession.ts';
import { sharesOf } from '../../src/console/usage/shares.ts';
import { ownSpan, spansAt } from '../../src/console/usage/spans.ts';
import { splitCsv } from '../../src/console/users/csv.ts';
import { changed, filterOf, isFiltered, readView, writeView } from '../../src/console/users/view.ts';
import { stateChoices, subjectOf, usualState } from '../../src/console/webhooks/delivery-terms.ts';
import { eventPatterns } from '../../src/console/webhooks/event-types.ts';
import { eventPatterns as known } from '../../src/webhooks/outbox/rules.ts';

it('a page tells how old its oldest answer may be, if that is remarkable', () => {
  noteDataAge('current', undefined);
  noteDataAge('nearly current', 4.9);
  expect(oldestDataAge()).toBeNull();
  noteDataAge('old', 7.2);
  noteDataAge('older', 12);
  expect(oldestDataAge()).toBe(12);
  noteDataAge('older', 0.3);
  expect(oldestDataAge()).toBe(8);
  forgetDataAges();
  expect(oldestDataAge()).toBeNull();
});

describe('a number is read as it was typed', () => {
  it.each([
    ['49.50', 49.5],
    [49.5, 49.5],
    ['007', 7],
    ['-', ''],
    ['', ''],
  ])('%j is %j', (typed, number) => expect(readNumber(typed)).toBe(number));
});

describe('a number is told with all its digits', () => {
  it.each([
    [1234567, '1,234,567'],
    [5_000_000_000, '5,000,000,000'],
    [0.25, '0.25'],
    [-12.345678, '-12.345678'],
  ])('%d as %s', (number, text) => expect(formatNumber(number)).toBe(text));
});

describe('an id is suggested from the name', () => {
  it.each([
    ['API calls', 'api-calls'],
    ['  Crème brûlée! ', 'creme-brulee'],
    ['50% off', '50-off'],
    ['名前', ''],
  ])('%j becomes %j', (name, id) => expect(idFrom(name)).toBe(id));
});

describe('what a package grants is told in words', () => {
  const grant = {
    type: 'CONSUMABLE',
    limit: 1000,
    resetPeriod: 'MONTH',
    resetEvery: 1,
    timeZone: null,
    overageEnabled: false,
  } as const;
  it.each([
    [grant, '1,000 a month'],
    [{ ...grant, overageEnabled: true }, '1,000 a month, more allowed'],
    [{ ...grant, resetPeriod: null }, '1,000 in all'],
    [{ ...grant, limit: null }, 'Unlimited'],
    [{ ...grant, resetPeriod: 'HOUR' as const }, '1,000 an hour'],
    [{ ...grant, resetPeriod: 'HOUR' as const, resetEvery: 5 }, '1,000 every 5 hours'],
    [{ ...grant, timeZone: 'Europe/Berlin' }, '1,000 a calendar month, Europe/Berlin'],
    [{ ...grant, resetEvery: 2, timeZone: 'UTC' }, '1,000 every 2 calendar months, UTC'],
    [{ ...grant, limit: 0, resetPeriod: 'DAY' as const }, '0 a day'],
    [{ ...grant, type: 'BINARY' as const, limit: null, resetPeriod: null }, 'Included'],
  ])('%j is %j', (given, words) => expect(formatGrant(given)).toBe(words));
});

describe('a rule begins with the feature that the events sound like', () => {
  const seats = { id: 'seats', name: 'Team members' };
  const calls = { id: 'api-calls', name: 'API calls' };
  it.each([
    ['the only one', ['Something'], [seats], 'seats'],
    ['one whose id has a word in common', ['Seat Added'], [seats, calls], 'seats'],
    ['one whose name has', ['type', 'member'], [seats, calls], 'seats'],
    ['none, if two have', ['Member Calls'], [seats, calls], ''],
    ['none, if none has', ['Something'], [seats, calls], ''],
    ['none, if there is none', ['Something'], [], ''],
  ])('%s', (_, said, features, id) => expect(guessFeature(said, features)).toBe(id));
});

describe('a file of users is cut into parts that one call carries', () => {
  it('stays whole when it is small', () => {
    expect(splitCsv('id,name\na,A\nb,B\n')).toEqual([{ csv: 'id,name\na,A\nb,B\n', linesBefore: 0 }]);
  });

  it('has no parts without rows', () => expect(splitCsv('id,name\n')).toEqual([]));

  it('gives each part the header, and tells how many lines came before', () => {
    const rows = Array.from({ length: 3 }, (_, n) => `user-${n},"${'x'.repeat(300_000)}\n"\n`);
    expect(splitCsv(`id,name\r\n${rows.join('')}`)).toEqual(
      rows.map((row, n) => ({ csv: `id,name\r\n${row}`, linesBefore: 2 * n })),
    );
  });

  it('keeps line ends and doubled quotes inside a cell', () => {
    const text = 'id,name\na,"one ""two""\nthree"\nb,B';
    expect(splitCsv(text)).toEqual([{ csv: text, linesBefore: 0 }]);
  });
});

describe('what cannot sign in is told what it is', () => {
  const letters = 'x'.repeat(32);
  it.each([
    ['nothing', `prv_test_${letters}`, null],
    ['space around it', ` prv_test_${letters}\n`, null],
    ['a public key', `pub_test_${letters}`, 'This is a public key of test.'],
    ['a public key of the other environment', `pub_live_${letters}`, 'This is a public key of live.'],
    ['a private key of the other environment', `prv_live_${letters}`, 'This is a private key of live'],
    ['a user token', 'eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiJhZGEifQ.c2ln-bmF0_dXJl', 'This is a user token.'],
    ['a part of a key', 'prv_test_xxxx', 'This key is not whole'],
    ['a key as it is shown', 'prv_test_…x7Qa', 'This key is not whole'],
    ['something else', 'password', 'This is not a key.'],
  ])('%s', (_, typed, message) => {
    const fault = findFault(typed, 'test');
    expect(fault === null ? null : fault.message.slice(0, message?.length)).toBe(message);
    expect(fault?.goTo).toBe(message === 'This is a private key of live' ? 'live' : undefined);
  });
});

describe('an event names its feature itself', () => {
  it.each([
    ['in its properties', { properties: { featureId: 'calls' } }, true],
    ['not another one', { properties: { featureId: 'seats' } }, false],
    ['not elsewhere', { featureId: 'calls' }, false],
    ['not without properties', { properties: null }, false],
    ['not without being an object', 'calls', false],
  ])('%s', (_, payload, names) => expect(namesFeature(payload, 'calls')).toBe(names));
});

describe('an instant is chosen in the zone of the browser', () => {
  it.each([
    ['2026-11-29T10:00', ['11-29', '12-04', '12-06', '12-13', '12-29', '11-30']],
    // On a Friday it is today; a month may end in the next year.
    ['2026-12-25T23:00', ['12-25', '12-25', '01-01', '01-08', '01-24', '12-31']],
  ])('usual ends after %s', (now, days) =>
    expect(usualEnds(new Date(now)).map(({ at }) => localText(at).slice(5))).toEqual(
      days.map((each) => `${each}T23:59`),
    ),
  );

  it('is read as it was written', () => {
    const at = new Date('2026-03-01T09:05');
    expect(readInstant(localText(at))).toBe(at.toISOString());
    expect([readInstant(''), readInstant('tomorrow')]).toEqual([null, null]);
  });
});

describe('before more is given, it is told what becomes of it', () => {
  const present = { budget: 10, remaining: 4, overageEnabled: false, used: 6, source: 'Team' };
  const topUp = { way: 'TOP_UP', amount: 5, until: '' } as const;
  const limit = { way: 'LIMIT', amount: 20, until: '2026-12-04T23:59' } as const;
  it.each([
    ['a top-up', topUp, present, null, 'Left: 4 now, 9 afterwards.'],
    [
      'a higher limit',
      limit,
      present,
      null,
      'The user may use 20 until then. 6 are used in Team; the 20 begin at 0 now. After that, Team counts again, with its limit of 10; what is used in its period until then counts there too.',
    ],
    [
      'a higher limit from a start on',
      { ...limit, startsAt: '2026-12-01T00:00' },
      null,
      null,
      'The user may use 20 until then. The 20 begin at 0 at its start.',
    ],
    [
      'a limit that is no higher',
      { ...limit, amount: 10 },
      present,
      'Limits are not added up',
      'The user may use 10',
    ],
    ['unlimited', { ...limit, amount: null, until: '' }, present, null, 'The user may use any amount.'],
    ['a limit for somebody without one', limit, null, null, 'The user may use 20'],
    ['a top-up for somebody without a limit', topUp, null, 'The user has no limit to add to', null],
    [
      'more than unlimited',
      topUp,
      { ...present, budget: null, remaining: null },
      'The user has it without',
      null,
    ],
    ['nothing yet', { ...topUp, amount: '' as const }, present, null, null],
  ])('%s', (_, gift, has, against, result) => {
    expect(reasonAgainst(gift, has)?.slice(0, against?.length) ?? null).toBe(against);
    expect(resultOf(gift, has)?.slice(0, result?.length) ?? null).toBe(result);
  });
});

describe('the console tells which subscription follows which', () => {
  const times = { startedAt: '2026-01-01T00:00:00Z', endedAt: null, cancelsAt: null };
  const has = (name: string, version = 1) => ({ id: name, name, version, isAddon: false });
  const end = '2026-12-29T00:00:00.000Z';
  const team = { ...times, id: '1', status: 'ACTIVE', cancelsAt: end, package: has('Team') } as const;
  const business = {
    ...times,
    id: '2',
    status: 'SCHEDULED',
    startedAt: end,
    package: has('Business'),
  } as const;
  const later = { ...business, id: '3', startedAt: '2027-01-01T00:00:00.000Z' };
  it('what begins when it ends follows it', () => {
    expect(followersOf(team, [later, business, team])).toEqual([business]);
    expect(forerunnerOf(business, [later, business, team])).toBe(team);
    expect(forerunnerOf(later, [later, business, team])).toBeUndefined();
    expect(followersOf({ ...team, cancelsAt: null }, [business])).toEqual([]);
  });
  const over = { ...team, status: 'CANCELLED', cancelsAt: null, endedAt: end } as const;
  const next = { ...business, status: 'ACTIVE' } as const;
  it.each([
    ['one that goes on', team, [next], null],
    ['one that was cancelled', over, [later], null],
    ['one in whose place another began', over, [next], 'Replaced by Business'],
    ['another version', over, [{ ...next, package: has('Team', 2) }], 'Replaced by version 2'],
    ['nothing follows what never began', over, [{ ...next, status: 'CANCELLED', endedAt: end }], null],
    ['one that never began', { ...business, status: 'CANCELLED', endedAt: end }, [], 'Not begun'],
  ] as const)('%s', (_, one, others, fate) => expect(fateOf(one, [one, ...others])).toBe(fate));
});

describe('the alerts of a limit are told, and which is reached', () => {
  it.each([
    [[], 5, true, null],
    [[100, 80], 5, true, 'Webhooks get an event at 80%, 100%.'],
    [[80, 100], 9, true, 'Webhooks get an event at 80%, 100%; 80% is reached.'],
    [[80, 100], 9, false, 'No webhook wants the events at 80%, 100%; 80% is reached.'],
  ])('%j with %d of 10, heard: %s', (alertAt, used, isHeard, words) =>
    expect(describeAlerts(alertAt, { used, budget: 10 }, isHeard)).toBe(words),
  );
  it.each([
    [['*'], null, true],
    [['user.*', 'usage.threshold_reached'], null, true],
    [['user.*', 'usage.window_reset'], null, false],
    [['usage.*'], '2026-11-29T12:00:00Z', false],
  ])('a webhook for %j, disabled at %s, hears of thresholds: %s', (events, disabledAt, hears) =>
    expect(hearsThresholds([{ events, disabledAt }])).toBe(hears),
  );
});

describe('several numbers in one field', () => {
  it.each([
    ['', [], null],
    ['80%', [80], null],
    ['80 %', [80], null],
    ['80 100', [80, 100], null],
    ['80; 100', [80, 100], null],
    ['80,100', [80, 100], null],
    ['80 %, 100 %,', [80, 100], null],
    ['80 80', [80], null],
    ['0', [], '“0” is no whole number from 1 to 1000'],
    ['80.5', [], '“80.5” is no whole number from 1 to 1000'],
    ['80 1001', [], '“1001” is no whole number from 1 to 1000'],
    ['-5', [], '“-5” is no whole number from 1 to 1000'],
    ['half', [], '“half” is no whole number from 1 to 1000'],
    ['%', [], '“%” is no whole number from 1 to 1000'],
    ['1 2 3 4 5 6 7 8 9 10 11', [], 'At most 10'],
  ])('percents: %j', (typed, values, problem) => expect(readPercents(typed)).toEqual({ values, problem }));
  it.each([
    ['500, 1000', [500, 1000], null],
    ['2.5;10', [2.5, 10], null],
    ['1,500', [], 'Write large numbers without commas, such as 1500, and a space between two numbers'],
    ['0', [], '“0”: Must be more than 0'],
    ['2.55', [], '“2.55”: At most 1 digit after the point'],
    ['lots', [], '“lots”: Write a number, such as 10'],
  ])('usages: %j', (typed, values, problem) => expect(readAmounts(typed, 1)).toEqual({ values, problem }));
});

describe('deliveries', () => {
  it('what waits is sent again unless somebody chooses otherwise', () => {
    const counts = { pending: 0, delivered: 5, dead: 1_000 };
    expect(usualState({ ...counts, pending: 1 })).toBe('PENDING');
    expect(usualState(counts)).toBe('DEAD');
    expect(stateChoices(counts).map(({ label }) => label)).toEqual([
      'Waiting (0)',
      `Dead (${formatNumber(1_000)} or more)`,
      'Delivered (5)',
    ]);
  });
  it.each([
    [{ userId: 'ada', featureId: 'calls', packageId: 'pro', threshold: 80 }, 'ada, calls, 80%'],
    [{ userId: 'ada', featureId: 'calls', thresholdAmount: 500 }, 'ada, calls, 500'],
    [{ userId: 'ada', packageId: 'pro', version: 2 }, 'ada, pro'],
    [{ eventName: 'Signed up' }, 'Signed up'],
    [{ webhookId: 'wh_1' }, ''],
  ])('a message with %j is about %j', (data, subject) =>
    expect(subjectOf({ payload: { type: 'a', data } })).toBe(subject),
  );
});

it('a revert names what it reverts, and is known by its key', () => {
  expect(revertedId({ idempotencyKey: revertKey('17') })).toBe('17');
  expect(revertedId({ idempotencyKey: 'order-17' })).toBeNull();
  expect([revertNote('17', ''), revertNote('17', 'twice')]).toEqual(['Reverts 17', 'Reverts 17: twice']);
});

describe('how a subscription begins', () => {
  const now = new Date('2026-11-29T12:00:00Z');
  const past = {
    ...startNow,
    isAtDate: true,
    startsAt: '2026-11-11T09:00',
    used: { calls: 4, seats: 0, tokens: '' as const },
  };

  it('is whole once every instant is there', () => {
    expect(isWhole(startNow)).toBe(true);
    expect(isWhole({ ...startNow, isAtDate: true })).toBe(false);
    expect(isWhole({ ...past, isTrial: true })).toBe(false);
  });

  it('sends what is chosen only', () => {
    const hidden = { ...past, isAtDate: false, trialEndsAt: '2026-12-11T09:00', afterTrialPackageId: 'free' };
    expect(startInput(hidden)).toEqual({ startsAt: null, trialEndsAt: null, afterTrialPackageId: null });
  });

  it('records what was used elsewhere once, if it begins in the past', () => {
    expect(isInPast(past, now)).toBe(true);
    expect(openingUsage(past, 'ada', '7', now)).toEqual([
      {
        userId: 'ada',
        featureId: 'calls',
        delta: 4,
        note: expect.any(String),
        idempotencyKey: 'opening-7-calls',
      },
    ]);
    expect(openingUsage({ ...past, startsAt: '2026-12-11T09:00' }, 'ada', '7', now)).toEqual([]);
  });
});

describe('what differs between two versions is told in phrases', () => {
  const calls: VersionFragment['features'][number] = {
    id: 'calls',
    name: 'Calls',
    type: 'CONSUMABLE',
    limit: 10,
    resetPeriod: 'MONTH',
    resetEvery: 1,
    resetAnchor: 'SUBSCRIPTION',
    timeZone: null,
    overageEnabled: false,
    alertAt: [80],
    alertAtAmount: [],
    alertOnReset: false,
    unitLabelPlural: null,
  };
  const price = { id: 'p', provider: 'STRIPE', displayAmount: '29.00', currency: 'usd', interval: 'month' };
  const before: VersionFragment = {
    id: 'pro',
    name: 'Pro',
    version: 1,
    isCurrent: false,
    status: 'PUBLISHED',
    isAddon: false,
    subscriberCount: 0,
    features: [calls],
    prices: [price],
    basePackages: [],
  };
  it.each<[string, Partial<VersionFragment>, string[]]>([
    ['nothing', {}, []],
    ['a limit', { features: [{ ...calls, limit: 20 }] }, ['Calls: 10 a month → 20 a month']],
    ['an alert', { features: [{ ...calls, alertAt: [] }] }, ['Calls: webhooks at 80% → nothing']],
    [
      'other alerts',
      { features: [{ ...calls, alertAtAmount: [1_500], alertOnReset: true }] },
      ['Calls: webhooks at 80% → 80%, 1,500, each reset'],
    ],
    ['a name', { features: [{ ...calls, name: 'Requests' }] }, ['Calls is called Requests']],
    [
      'another feature',
      { features: [{ ...calls, id: 'seats', name: 'Seats' }] },
      ['Seats added: 10 a month, webhooks at 80%', 'Calls removed'],
    ],
    [
      'a price',
      { prices: [{ ...price, displayAmount: '39.00' }] },
      ['Price: 29.00 USD a month → 39.00 USD a month'],
    ],
    [
      'other prices',
      { prices: [{ ...price, id: 'q' }] },
      ['Price added: 29.00 USD a month', 'Price removed: 29.00 USD a month'],
    ],
    ['base packages', { basePackages: [{ id: 'a', name: 'A' }] }, ['Open to every base package → A']],
  ])('%s', (_, change, phrases) => expect(differencesOf({ ...before, ...change }, before)).toEqual(phrases));
});

it.each([
  ['nothing, of amounts that binary fractions do not hold', { used: 0.1, budget: 0.8, remaining: 0.7 }, 0],
  ['nothing, of what was given back beyond 0', { used: 0, budget: 10, remaining: 15 }, 0],
  ['a part of the budget', { used: 2, budget: 10, remaining: 3.75 }, 4.25],
  ['a part of the top-ups', { used: 12, budget: 10, remaining: 1, topUp: { remaining: 5 } }, 4],
  ['nothing that is told, without a limit', { used: 2, budget: null, remaining: null }, 0],
])('reservations hold %s', (_what, consumption, held) => {
  expect(heldOf({ topUp: null, ...consumption })).toBe(held);
});

it('offers what a webhook may ask for, all of it', () => {
  expect([...eventPatterns].sort()).toEqual([...known].sort());
});

describe('an amount that is typed', () => {
  it.each([
    ['', 0, '', null],
    ['12', 0, 12, null],
    ['1,000,000', 0, 1_000_000, null],
    ['0.', 2, 0, null],
    ['49.50', 2, 49.5, null],
    ['1.5', 0, '', 'Whole numbers only'],
    ['1.005', 2, '', 'At most 2 digits after the point'],
    ['1,5', 2, '', 'Write a number, such as 10'],
    ['1e3', 0, '', 'Write a number, such as 10'],
    ['-5', 0, '', 'Must be 0 or more'],
    ['999999999999999', 0, 999_999_999_999_999, null],
    ['1000000000000000', 0, '', 'Too large'],
  ])('%j with %i digits after the point is %j', (typed, precision, amount, problem) => {
    expect(readAmount(typed, { precision, allowNegative: false })).toEqual({ amount, problem });
  });
  it('may be negative where that reverts', () => {
    expect(readAmount('-5.25', { precision: 2, allowNegative: true })).toEqual({
      amount: -5.25,
      problem: null,
    });
  });
});

test.each([
  ['Jan 1, 2027, 3:47 AM', 'Jan 1, 2027, 3:47\u00a0AM'],
  // What newer versions of ICU write.
  ['3:47\u202fPM', '3:47\u00a0PM'],
  ['1 Jan 2027, 15:47', '1 Jan 2027, 15:47'],
])('the parts of the time %j stay together', (time, whole) => {
  expect(keepTogether(time)).toBe(whole);
});

it('a message of the server is told without the argument, and with times as people write them', () => {
  expect(readable('input.amount: must be more than 0')).toBe('amount: must be more than 0');
  expect(readable('It ends at 2026-12-29T09:03:34.782Z, before.')).toMatch(
    /^It ends at Dec 29, 2026, .*, before\.$/,
  );
});

describe('the command menu', () => {
  const command = (label: string, group: Command['group'], words?: string): Command => ({
    key: label,
    label,
    group,
    ...(words === undefined ? {} : { words }),
    run: () => undefined,
  });

  test.each([
    ['API calls api-calls', '', 2],
    ['API calls api-calls', 'api', 2],
    ['API calls api-calls', 'calls', 1],
    ['API calls api-calls', 'calls ap', 1],
    ['API calls api-calls', 'alls', 0],
    ['New user', 'user new', 1],
    ['New user', 'newer', 0],
  ] as const)('matches %p with %p: %p', (text, typed, match) => expect(matchOf(text, typed)).toBe(match));

  test('offers what matches by group, what begins with it first, and at most six of a group', () => {
    const users = Array.from({ length: 9 }, (_, index) => command(`User ${index}`, 'Users'));
    const menu = [
      ...users,
      command('New user', 'Actions'),
      command('Users', 'Pages'),
      command('Stripe', 'Pages'),
    ];
    const found = matching(menu, 'user').map(({ label }) => label);
    expect(found).toEqual(['User 0', 'User 1', 'User 2', 'User 3', 'User 4', 'User 5', 'New user', 'Users']);
    expect(matching(menu, '')).toHaveLength(menu.length);
    expect(matching([{ ...command('Ada', 'Users'), isFound: true }], 'cus_1')).toHaveLength(1);
  });

  test.each([
    [0, 'ArrowDown', 3, 1],
    [2, 'ArrowDown', 3, 0],
    [0, 'ArrowUp', 3, 2],
    [1, 'x', 3, 1],
    [0, 'ArrowDown', 0, 0],
  ])('from place %p, %s of %p leads to %p', (place, key, count, next) =>
    expect(placeAfter(place, key, count)).toBe(next),
  );
});

describe('the view of the list of users', () => {
  test('is in the address, without what is so anyway', () => {
    const text = 'search=ada&package=pro&status=past_due&limit=reached&order=name_desc';
    const view = readView(new URLSearchParams(text));
    expect(view).toEqual({
      search: 'ada',
      packageId: 'pro',
      status: 'PAST_DUE',
      limit: 'REACHED',
      order: 'NAME_DESC',
    });
    expect(writeView(view).toString()).toBe(text);
    expect(isFiltered(view)).toBe(true);
    const plain = readView(new URLSearchParams('status=nonsense&order=sideways'));
    expect(writeView(plain).toString()).toBe('');
    expect(isFiltered(plain)).toBe(false);
  });
});

describe('the order of the list of users by use', () => {
  const view = (text: string) => readView(new URLSearchParams(text));
  test.each([
    ['', { limit: 'NEAR' }, 'limit=near&order=use_desc'],
    ['order=name_asc', { limit: 'REACHED' }, 'limit=reached&order=use_desc'],
    ['limit=near&order=use_desc', { limit: null }, ''],
    ['', { order: 'USE_DESC' }, 'limit=used&order=use_desc'],
    ['limit=near&order=use_desc', { order: 'NAME_ASC' }, 'limit=near&order=name_asc'],
    ['limit=near&order=name_asc', { packageId: 'pro' }, 'package=pro&limit=near&order=name_asc'],
  ] as const)('%p with %j is %p', (before, change, after) =>
    expect(writeView(changed(view(before), change)).toString()).toBe(after),
  );

  test('who used something of a limit is asked for as near 1 percent of it', () => {
    expect(filterOf(view('order=use_desc'))).toMatchObject({ limit: 'NEAR', usedPercent: 1 });
    expect(filterOf(view('limit=reached'))).toMatchObject({ limit: 'REACHED' });
  });
});

describe('the tabs of the page of Segment', () => {
  const come = '2026-01-01T00:00:00Z';
  test.each([
    ['#events', { lastEventAt: null, unmatched: 0 }, 'events'],
    ['', { lastEventAt: null, unmatched: 0 }, 'connect'],
    ['', { lastEventAt: come, unmatched: 2 }, 'unmatched'],
    ['#nonsense', { lastEventAt: come, unmatched: 0 }, 'rules'],
  ])('by %p and %j open %p', (hash, status, tab) => expect(tabOf(hash, status)).toBe(tab));

  test('group values by their property, most first', () => {
    const [small, large, other] = [
      { path: 'type', value: 'a', count: 1 },
      { path: 'type', value: 'b', count: 3 },
      { path: 'plan', value: 'x', count: 9 },
    ] as const;
    expect(byPath([small, other, large])).toEqual([
      { path: 'plan', total: 9, values: [other] },
      { path: 'type', total: 4, values: [large, small] },
    ]);
  });
});

describe('the time that usage is shown of', () => {
  test.each([
    ['2026-03-01', '2026-03-01', 'HOUR', '2026-03-02'],
    ['2026-03-01', '2026-03-31', 'DAY', '2026-04-01'],
    ['2025-01-01', '2026-03-31', 'MONTH', '2026-04-01'],
  ])('from %s to %s is in buckets of a %s and ends before %s', (first, last, bucket, end) =>
    expect(ownSpan(first, last)).toEqual({
      name: 'own',
      bucket,
      from: `${first}T00:00:00.000Z`,
      to: `${end}T00:00:00.000Z`,
    }),
  );

  test.each([
    ['', '2026-03-01'],
    ['2026-03-02', '2026-03-01'],
  ])('is none from %p to %p', (first, last) => expect(ownSpan(first, last)).toBeNull());

  test('of 7 days begins with the day that was six days before', () => {
    const week = spansAt(Date.parse('2026-03-10T15:00:00Z')).find(({ name }) => name === '7 days');
    expect(week).toEqual({ name: '7 days', bucket: 'DAY', from: '2026-03-04T00:00:00.000Z', to: null });
  });
});

test('users are told by the part of their limit that they have used', () => {
  const counts = { half: 6, near: 4, full: 1 };
  const asked = Object.fromEntries(Object.entries(counts).map(([key, totalCount]) => [key, { totalCount }]));
  const shares = (given: object) =>
    sharesOf(given as Parameters<typeof sharesOf>[0]).map(({ count }) => count);
  expect(shares(asked)).toEqual([2, 3, 1]);
  expect(shares({ ...asked, near: { totalCount: 7 } })).toEqual([0, 6, 1]);
});
