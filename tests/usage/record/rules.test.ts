import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { amountOf } from '../../../src/amount.ts';
import type { ResetPeriod } from '../../../src/packages/reset-rules.ts';
import {
  type CountingGrant,
  refusal,
  usedAfter,
  windowsOf,
  winnerAt,
} from '../../../src/usage/ledger/rules.ts';
import { decideKnown, readUsage, type Usage } from '../../../src/usage/record/rules.ts';

const now = new Date('2024-05-15T12:00:00Z');

const usage = (changes: Partial<Usage> = {}): Usage => ({
  environmentId: 'test',
  source: 'API',
  userId: 'u',
  featureId: 'f',
  action: 'ADD',
  delta: amountOf(1),
  idempotencyKey: null,
  timestamp: null,
  enforce: false,
  ...changes,
});

const grant = (id: number, startedAt: string, changes: Partial<CountingGrant> = {}): CountingGrant => ({
  kind: 'SUBSCRIPTION',
  subscriptionId: BigInt(id),
  startedAt: new Date(startedAt),
  endedAt: null,
  live: true,
  limit: amountOf(10),
  anchor: new Date(startedAt),
  resetPeriod: 'MONTH' as ResetPeriod,
  resetEvery: 1,
  timeZone: null,
  overageEnabled: false,
  ...changes,
});

test('what nearly every call sends is read as the schema reads it', () => {
  const id = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.constantFrom('u', 'a b', 'é', 'x'.repeat(256), ' ', 7, null),
  );
  const input = fc.record(
    {
      userId: id,
      featureId: id,
      delta: fc.oneof(fc.integer(), fc.double(), fc.constantFrom(1, 1e9, 1e9 + 1, null, '1', true)),
      action: fc.constantFrom('ADD', 'SET', null, 'OTHER'),
      idempotencyKey: id,
      enforce: fc.constantFrom(false, true, null),
    },
    { requiredKeys: [] },
  );
  const readOr = (given: object) => {
    try {
      return readUsage(given, 'input', now);
    } catch (error) {
      return error;
    }
  };
  // With a blank note, which counts as none, the schema reads it.
  fc.assert(
    fc.property(input, (given) => expect(readOr(given)).toEqual(readOr({ ...given, note: '' }))),
    { seed: 1, numRuns: 2_000 },
  );
});

describe('the input of recordUsage', () => {
  const read = (input: object) => readUsage({ userId: 'u', featureId: 'f', ...input }, 'input', now);
  const defaults = {
    userId: 'u',
    featureId: 'f',
    delta: amountOf(1),
    action: 'ADD',
    idempotencyKey: null,
    timestamp: null,
    enforce: false,
    note: null,
    field: 'input',
  };

  it.each([
    ['adds 1 when nothing else is said', {}, defaults],
    [
      'takes null for what is not said',
      { delta: null, action: null, idempotencyKey: null, timestamp: null, enforce: null },
      defaults,
    ],
    ['takes a negative delta, which reverts', { delta: -5 }, { ...defaults, delta: amountOf(-5) }],
    ['takes a delta of 0', { delta: 0 }, { ...defaults, delta: 0n }],
    ['sets to 0', { action: 'SET', delta: 0 }, { ...defaults, action: 'SET', delta: 0n }],
    [
      'takes a timestamp five minutes ahead',
      { timestamp: new Date('2024-05-15T12:05:00Z') },
      { ...defaults, timestamp: new Date('2024-05-15T12:05:00Z') },
    ],
  ])('%s', (_name, input, expected) => {
    expect(read(input)).toEqual(expected);
  });

  it.each([
    ['a blank user id', { userId: '  ' }, 'input.userId: must not be blank'],
    ['an empty feature id', { featureId: '' }, 'input.featureId: must not be blank'],
    ['a control character', { userId: 'a\u0000b' }, 'input.userId: must not contain control characters'],
    ['an id of 256 characters', { userId: 'x'.repeat(256) }, 'input.userId: must be at most 255 characters'],
    ['a blank idempotency key', { idempotencyKey: '' }, 'input.idempotencyKey: must not be blank'],
    [
      'a negative delta for SET',
      { action: 'SET', delta: -1 },
      'input.delta: must be 0 or more when the action is SET',
    ],
    [
      'a timestamp further ahead',
      { timestamp: new Date('2024-05-15T12:05:00.001Z') },
      'input.timestamp: must not be more than 5 minutes ahead',
    ],
    ['text for a number', { delta: '1' }, 'input.delta: must be a number'],
    [
      'more digits than JSON holds',
      { delta: 0.1 + 0.2 },
      'input.delta: must have at most 15 significant digits',
    ],
  ])('refuses %s', (_name, input, message) => {
    expect(() => read(input)).toThrow(message);
  });
});

it.each([
  ['the same call', {}, true],
  ['another feature', { featureId: 'g' }, false],
  ['another delta', { delta: 2n }, false],
  ['another action', { action: 'SET' as const }, false],
  ['another timestamp', { timestamp: now }, true],
])('an idempotency key names %s: %j', (_name, changes, expected) => {
  const known = { userKnown: true, featureType: 'CONSUMABLE', precision: 0, first: usage() } as const;
  const decision = decideKnown(usage({ idempotencyKey: 'once', ...changes }), known);
  if (expected) expect(decision).toEqual({ recorded: true, reason: null, duplicate: true });
  else expect(decision).toMatchObject({ name: 'IdempotencyKeyConflictError' });
});

describe('usage counts', () => {
  const idsAndStarts = (grants: CountingGrant[], at: Date) =>
    windowsOf(grants, at).map(({ grant: { subscriptionId }, windowStart }) => [
      Number(subscriptionId),
      windowStart.toISOString(),
    ]);

  it.each<[string, CountingGrant[], [number, string][]]>([
    ['nowhere without a subscription', [], []],
    [
      'in the window of the subscription',
      [grant(1, '2024-01-31T00:00:00Z')],
      [[1, '2024-04-30T00:00:00.000Z']],
    ],
    [
      'from the instant on which it began',
      [grant(1, '2024-05-15T12:00:00Z')],
      [[1, '2024-05-15T12:00:00.000Z']],
    ],
    ['not before it began', [grant(1, '2024-05-15T12:00:00.001Z')], []],
    ['not at the instant of its end', [grant(1, '2024-01-01T00:00:00Z', { endedAt: now, live: false })], []],
    [
      'up to its end',
      [grant(1, '2024-01-01T00:00:00Z', { endedAt: new Date(now.getTime() + 1), live: false })],
      [[1, '2024-05-01T00:00:00.000Z']],
    ],
    [
      'for every subscription that had begun, in its own window',
      [grant(1, '2024-01-31T00:00:00Z'), grant(2, '2024-05-10T00:00:00Z', { resetPeriod: null })],
      [
        [1, '2024-04-30T00:00:00.000Z'],
        [2, '2024-05-10T00:00:00.000Z'],
      ],
    ],
  ])('%s', (_name, grants, expected) => {
    expect(idsAndStarts(grants, now)).toEqual(expected);
  });
});

it('lets only live subscriptions win', () => {
  const dead = grant(1, '2024-01-01T00:00:00Z', { limit: null, live: false });
  const live = grant(2, '2024-01-01T00:00:00Z');
  expect(winnerAt([dead, live], now)?.grant).toBe(live);
  expect(winnerAt([dead], now)).toBeNull();
});

it('folds the ledger in order: ADD adds, SET replaces', () => {
  const events = [
    usage({ delta: 5n }),
    usage({ action: 'SET', delta: 2n }),
    usage({ delta: 3n }),
    usage({ delta: -10n }),
  ];
  expect(events.reduce(usedAfter, 0n)).toBe(-5n);
});

describe('an enforced usage', () => {
  const standing = (used: number, changes = {}) => ({
    featureType: 'CONSUMABLE' as const,
    precision: 0,
    grant: grant(1, '2024-01-01T00:00:00Z', changes),
    used: amountOf(used),
  });

  it.each<[string, Partial<Usage>, number, object, boolean]>([
    ['fits exactly', { delta: amountOf(3) }, 7, {}, true],
    ['is one too much', { delta: amountOf(4) }, 7, {}, false],
    ['gives back, over the budget too', { delta: amountOf(-1) }, 12, {}, true],
    ['asks for nothing more when all is used', { delta: amountOf(0) }, 10, {}, true],
    ['fits exactly what was reverted below zero', { delta: amountOf(107) }, -97, {}, true],
    ['is one more than what was reverted below zero', { delta: amountOf(108) }, -97, {}, false],
    ['sets what fits, whatever was used', { action: 'SET', delta: amountOf(10) }, 99, {}, true],
    ['sets more than fits', { action: 'SET', delta: amountOf(11) }, 0, {}, false],
    ['goes over with overage', { delta: amountOf(4) }, 7, { overageEnabled: true }, true],
    ['has no limit', { delta: amountOf(4) }, 7, { limit: null }, true],
  ])('that %s', (_name, changes, used, grantChanges, accepted) => {
    expect(refusal(usage(changes), standing(used, grantChanges), 0n) === null).toBe(accepted);
  });

  it.each([
    [15, true],
    [16, false],
  ])('that sets %p of a budget of 10, where 3 are drawn from top-ups and 2 remain: %p', (delta, accepted) => {
    const topUp = { granted: amountOf(5), remaining: amountOf(2) };
    const set = usage({ action: 'SET', delta: amountOf(delta) });
    expect(refusal(set, { ...standing(13), topUp }, amountOf(3)) === null).toBe(accepted);
  });

  it('is refused with the reason of the entitlement when nothing is granted', () => {
    const nothing = { featureType: 'CONSUMABLE', precision: 0, grant: null, used: 0n } as const;
    expect(refusal(usage(), nothing, 0n)).toBe(
      'The user has no active subscription to a package with this feature.',
    );
  });
});
