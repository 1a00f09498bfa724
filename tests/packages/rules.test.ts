import { describe, expect, it } from '@jest/globals';
import { amountOf } from '../../src/amount.ts';
import { DomainError } from '../../src/errors.ts';
import { parse } from '../../src/input.ts';
import {
  basePackages,
  checkContent,
  checkStatus,
  DraftChange,
  displayAmount,
  NewPackage,
  Price,
  packageFeatures,
  StatusFilter,
} from '../../src/packages/rules.ts';

/** What `work` answers, or the error that it throws as clients see it. */
function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof DomainError) return `${error.typedName}: ${error.message}`;
    throw error;
  }
}

describe('displayAmount', () => {
  it.each([
    ['a currency of hundredths', 5000, 'gbp', '50.00'],
    ['less than one unit', 5, 'usd', '0.05'],
    ['nothing', 0, 'eur', '0.00'],
    ['a currency without minor units', 5000, 'jpy', '5000'],
    ['a currency of thousandths', 5000, 'kwd', '5.000'],
    ['a currency of ten thousandths', 5000, 'clf', '0.5000'],
    ['a currency whose cash has no decimals but whose prices do', 5000, 'huf', '50.00'],
    ['a code in upper case', 5000, 'JPY', '5000'],
    ['a code that ISO 4217 does not know', 5000, 'zzz', '50.00'],
    ['the largest amount', 2147483647, 'bhd', '2147483.647'],
  ])('writes %s', (_case, amount, currency, expected) => {
    expect(displayAmount(amount, currency)).toBe(expected);
  });
});

describe('StatusFilter', () => {
  const problem = 'ValidationError: status: must be one of ARCHIVED, DRAFT, PUBLISHED, ALL';
  it.each([
    ['left out', undefined, 'PUBLISHED'],
    ['null', null, 'PUBLISHED'],
    ['DRAFT', 'DRAFT', 'DRAFT'],
    ['ARCHIVED', 'ARCHIVED', 'ARCHIVED'],
    ['ALL', 'ALL', 'ALL'],
    ['a name in lower case', 'draft', problem],
    ['the empty string', '', problem],
  ])('reads %s', (_case, value, expected) => {
    expect(outcome(() => parse(StatusFilter, value, 'status'))).toBe(expected);
  });
});

describe('NewPackage', () => {
  it('calls a package by its id and makes it a base without base packages, unless told otherwise', () => {
    expect(parse(NewPackage, { id: 'pro', features: [] }, 'input')).toEqual({
      id: 'pro',
      name: 'pro',
      isAddon: false,
      features: [],
      basePackages: [],
    });
  });

  it('treats null like what is left out, but for metadata, which it clears', () => {
    const nothing = { name: null, isAddon: null, basePackages: null, metadata: null };
    expect(parse(NewPackage, { id: 'pro', features: [], ...nothing }, 'input')).toEqual({
      id: 'pro',
      name: 'pro',
      isAddon: false,
      features: [],
      basePackages: [],
      metadata: null,
    });
  });

  const monthly = { resetPeriod: 'MONTH' };
  const many = Array.from({ length: 1001 }, (_, index) => `item-${index}`);
  it.each([
    ['a blank id', { id: ' ' }, 'input.id: must not be blank'],
    ['an id that nobody sees', { id: '\u2060' }, 'input.id: must hold a visible character'],
    ['a blank name', { name: '' }, 'input.name: must not be blank'],
    ['a blank feature', { features: [{ id: '' }] }, 'input.features.0.id: must not be blank'],
    [
      'a negative limit',
      { features: [{ id: 'a' }, { id: 'b', entitlement: { ...monthly, limit: -1 } }] },
      'input.features.1.entitlement.limit: must be 0 or more',
    ],
    [
      'a feature twice',
      { features: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] },
      'input.features.2: is repeated',
    ],
    ['a base package twice', { basePackages: ['a', 'a'] }, 'input.basePackages.1: is repeated'],
    ['a blank base package', { basePackages: ['a', ''] }, 'input.basePackages.1: must not be blank'],
    [
      'more features than 1,000',
      { features: many.map((id) => ({ id })) },
      'input.features: must have at most 1000 entries',
    ],
    [
      'more base packages than 1,000',
      { basePackages: many },
      'input.basePackages: must have at most 1000 entries',
    ],
    ['metadata that is no object', { metadata: [] }, 'input.metadata: must be a JSON object'],
  ])('refuses %s', (_case, wrong, problem) => {
    const input = { id: 'pro', features: [], ...wrong };
    expect(outcome(() => parse(NewPackage, input, 'input'))).toBe(`ValidationError: ${problem}`);
  });
});

describe('DraftChange', () => {
  it('keeps apart what is left out and what becomes empty', () => {
    expect(parse(DraftChange, {}, 'input')).toEqual({});
    expect(parse(DraftChange, { features: [], basePackages: [] }, 'input')).toEqual({
      features: [],
      basePackages: [],
    });
  });

  it.each(['name', 'isAddon', 'features', 'basePackages'])('refuses null as %s', (field) => {
    expect(outcome(() => parse(DraftChange, { [field]: null }, 'input'))).toMatch(
      new RegExp(`^ValidationError: input\\.${field}: `),
    );
  });
});

describe('Price', () => {
  const price = { id: 'price_1', amount: 5000, currency: 'gbp' };

  it('is charged once by STRIPE unless told otherwise, with the currency in lower case', () => {
    expect(parse(Price, { ...price, currency: 'GBP' }, 'input')).toEqual({
      id: 'price_1',
      provider: 'STRIPE',
      amount: 5000,
      currency: 'gbp',
      interval: null,
    });
  });

  const code = 'must be an ISO 4217 code of three letters, such as "gbp"';
  it.each([
    ['a blank id', { id: '' }, 'input.id: must not be blank'],
    ['a negative amount', { amount: -1 }, 'input.amount: must be 0 or more'],
    ['a symbol as currency', { currency: '£' }, `input.currency: ${code}`],
    ['a currency of four letters', { currency: 'gbpx' }, `input.currency: ${code}`],
    ['a blank provider', { provider: '' }, 'input.provider: must not be blank'],
    ['a blank interval', { interval: ' ' }, 'input.interval: must not be blank'],
  ])('refuses %s', (_case, wrong, problem) => {
    expect(outcome(() => parse(Price, { ...price, ...wrong }, 'input'))).toBe(`ValidationError: ${problem}`);
  });
});

describe('checkStatus', () => {
  const refusal = (text: string) => `PackageStatusError: The package "pro" cannot be ${text}.`;
  it.each([
    ['changed', 'DRAFT', undefined],
    ['changed', 'PUBLISHED', refusal('changed: it is PUBLISHED, not DRAFT')],
    ['changed', 'ARCHIVED', refusal('changed: it is ARCHIVED, not DRAFT')],
    ['published', 'DRAFT', undefined],
    ['published', 'PUBLISHED', refusal('published: it is PUBLISHED, not DRAFT')],
    ['published', 'ARCHIVED', refusal('published: it is ARCHIVED, not DRAFT')],
    ['archived', 'DRAFT', undefined],
    ['archived', 'PUBLISHED', undefined],
    ['archived', 'ARCHIVED', refusal('archived: it is ARCHIVED, not DRAFT or PUBLISHED')],
    ['priced', 'DRAFT', undefined],
    ['priced', 'PUBLISHED', undefined],
    ['priced', 'ARCHIVED', refusal('priced: it is ARCHIVED, not DRAFT or PUBLISHED')],
  ] as const)('answers whether a package can be %s while it is %s', (step, status, expected) => {
    expect(outcome(() => checkStatus(step, { id: 'pro', status, version: 1, draftVersion: null }))).toBe(
      expected,
    );
  });
});

describe('checkContent', () => {
  it.each([
    [0, 'PackageStatusError: The package "pro" cannot be published: it has no features.'],
    [1, undefined],
  ])('answers whether a package with %i features can be published', (features, expected) => {
    expect(outcome(() => checkContent('pro', features))).toBe(expected);
  });
});

describe('packageFeatures', () => {
  const known = new Map([
    ['sso', { name: 'Single sign-on', type: 'BINARY' as const, precision: 0 }],
    ['calls', { name: 'API Calls', type: 'CONSUMABLE' as const, precision: 2 }],
  ]);
  const none = new Map<string, string>();
  const zones = { environment: 'Europe/Berlin', unknown: new Set(['Africa/Juba']) };
  const unlimited = {
    limit: null,
    resetPeriod: null,
    resetEvery: 1,
    timeZone: null,
    overageEnabled: false,
    alertAt: [],
    alertAtAmount: [],
    alertOnReset: false,
  };

  it('keeps the order, and copies the name that each feature has', () => {
    expect(packageFeatures([{ id: 'sso' }, { id: 'calls' }], known, none, zones)).toEqual([
      { featureId: 'sso', position: 0, name: 'Single sign-on', ...unlimited },
      { featureId: 'calls', position: 1, name: 'API Calls', ...unlimited },
    ]);
  });

  it('keeps the name that the package gave a feature before', () => {
    expect(packageFeatures([{ id: 'calls' }], known, new Map([['calls', 'Calls']]), zones)).toEqual([
      { featureId: 'calls', position: 0, name: 'Calls', ...unlimited },
    ]);
  });

  it.each([
    ['no entitlement: unlimited, never reset', undefined, unlimited],
    ['null: unlimited, never reset', null, unlimited],
    ['only a period: unlimited', { resetPeriod: 'DAY' }, { ...unlimited, resetPeriod: 'DAY' }],
    [
      'a limit of nothing',
      { resetPeriod: 'YEAR', limit: amountOf(0) },
      { ...unlimited, limit: '0', resetPeriod: 'YEAR' },
    ],
    [
      'a limit with overage',
      { resetPeriod: 'MONTH', limit: amountOf(0.25), overageEnabled: true },
      { ...unlimited, limit: '0.25', resetPeriod: 'MONTH', overageEnabled: true },
    ],
    [
      'windows of several periods',
      { resetPeriod: 'HOUR', resetEvery: 5, resetAnchor: 'SUBSCRIPTION' },
      { ...unlimited, resetPeriod: 'HOUR', resetEvery: 5 },
    ],
    [
      'windows of the calendar',
      { resetPeriod: 'WEEK', resetAnchor: 'CALENDAR', timeZone: 'Asia/Kolkata' },
      { ...unlimited, resetPeriod: 'WEEK', timeZone: 'Asia/Kolkata' },
    ],
    [
      'the time zone of the environment',
      { resetPeriod: 'DAY', resetAnchor: 'CALENDAR' },
      { ...unlimited, resetPeriod: 'DAY', timeZone: 'Europe/Berlin' },
    ],
  ] as const)('stores %s', (_case, entitlement, expected) => {
    expect(packageFeatures([{ id: 'calls', entitlement }], known, none, zones)).toEqual([
      { featureId: 'calls', position: 0, name: 'API Calls', ...expected },
    ]);
  });

  it('accepts null as the entitlement of a BINARY feature, and nothing else', () => {
    expect(packageFeatures([{ id: 'sso', entitlement: null }], known, none, zones)).toEqual([
      { featureId: 'sso', position: 0, name: 'Single sign-on', ...unlimited },
    ]);
    const entitlement = { resetPeriod: 'MONTH' as const };
    expect(
      outcome(() => packageFeatures([{ id: 'calls' }, { id: 'sso', entitlement }], known, none, zones)),
    ).toBe('ValidationError: input.features.1.entitlement: only a CONSUMABLE feature has an entitlement');
  });

  it('refuses a time zone that the database does not know', () => {
    const entitlement = { resetPeriod: 'DAY', resetAnchor: 'CALENDAR', timeZone: 'Africa/Juba' } as const;
    expect(outcome(() => packageFeatures([{ id: 'calls', entitlement }], known, none, zones))).toBe(
      'ValidationError: input.features.0.entitlement.timeZone: is a time zone that the database does not know',
    );
  });

  it('refuses a limit that its feature cannot have', () => {
    const entitlement = { resetPeriod: 'MONTH' as const, limit: amountOf(0.125) };
    expect(
      outcome(() => packageFeatures([{ id: 'sso' }, { id: 'calls', entitlement }], known, none, zones)),
    ).toBe(
      'ValidationError: input.features.1.entitlement.limit: must have at most 2 digits after the decimal point: the precision of the feature "calls" is 2',
    );
  });

  it('refuses a feature that does not exist', () => {
    expect(outcome(() => packageFeatures([{ id: 'calls' }, { id: 'nope' }], known, none, zones))).toBe(
      'FeatureNotFoundError: There is no feature with the id "nope".',
    );
  });
});

describe('basePackages', () => {
  const known = new Map([
    ['free', { isAddon: false }],
    ['pro', { isAddon: false }],
    ['extra', { isAddon: true }],
    ['self', { isAddon: false }],
  ]);
  const onlyAddons = 'ValidationError: input.basePackages: only an add-on has base packages';
  it.each([
    ['an add-on gets the bases asked for', true, ['pro', 'free'], ['pro', 'free']],
    ['an add-on without bases is open to all', true, [], []],
    ['an add-on keeps its bases when none are asked for', true, undefined, undefined],
    ['a base package loses the bases it had', false, undefined, []],
    ['a base package may be told that it has none', false, [], []],
    ['a base package has no bases', false, ['pro'], onlyAddons],
    [
      'an unknown base',
      true,
      ['pro', 'nope'],
      'PackageNotFoundError: There is no package with the id "nope".',
    ],
    [
      'an add-on as base',
      true,
      ['pro', 'extra'],
      'ValidationError: input.basePackages.1: must not be an add-on',
    ],
    ['itself as base', true, ['self'], 'ValidationError: input.basePackages.0: must not be an add-on'],
  ])('%s', (_case, isAddon, requested, expected) => {
    expect(outcome(() => basePackages({ id: 'self', isAddon }, requested, known))).toEqual(expected);
  });
});
