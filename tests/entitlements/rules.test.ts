import { describe, expect, it } from '@jest/globals';
import { amountOf, amountOrNull } from '../../src/amount.ts';
import {
  entitlementOf,
  type Grant,
  highestGrant,
  reasons,
  reportedUsage,
} from '../../src/entitlements/rules.ts';
import { windowAt, windowsEndedBefore } from '../../src/entitlements/window-rules.ts';
import type { ResetPeriod } from '../../src/packages/reset-rules.ts';

const grant = (subscriptionId: number, changes: Partial<Grant> = {}): Grant => ({
  kind: 'SUBSCRIPTION',
  subscriptionId: BigInt(subscriptionId),
  startedAt: new Date('2024-01-01T00:00:00Z'),
  limit: amountOf(10),
  anchor: new Date('2024-01-01T00:00:00Z'),
  resetPeriod: 'MONTH',
  resetEvery: 1,
  timeZone: null,
  overageEnabled: false,
  ...changes,
});

describe('the highest grant', () => {
  const earlier = new Date('2023-12-31T23:59:59.999Z');
  it.each<[string, Grant[], number | null]>([
    ['is nothing when nothing is granted', [], null],
    ['is the only one', [grant(1)], 1],
    [
      'is the one with the higher limit',
      [
        grant(1, { limit: amountOf(10) }),
        grant(2, { limit: amountOf(50) }),
        grant(3, { limit: amountOf(20) }),
      ],
      2,
    ],
    [
      'is the unlimited one rather than any number',
      [grant(1, { limit: amountOf(2_147_483_647) }), grant(2, { limit: null })],
      2,
    ],
    ['may have the limit 0', [grant(1, { limit: amountOf(0) })], 1],
    ['is the one with overage on a tie', [grant(1), grant(2, { overageEnabled: true })], 2],
    [
      'is the higher limit even against overage',
      [grant(1, { limit: amountOf(11) }), grant(2, { overageEnabled: true })],
      1,
    ],
    ['is the earlier one on a tie of limit and overage', [grant(1), grant(2, { startedAt: earlier })], 2],
    ['is the smaller subscription id when all else ties', [grant(10), grant(9), grant(11)], 9],
    ['breaks ties between unlimited ones alike', [grant(2, { limit: null }), grant(1, { limit: null })], 1],
  ])('%s', (_name, grants, winner) => {
    expect(highestGrant(grants)).toBe(
      grants.find(({ subscriptionId }) => subscriptionId === BigInt(winner ?? -1)) ?? null,
    );
    expect(highestGrant([...grants].reverse())).toBe(highestGrant(grants));
  });
});

/** Terms that are counted from the subscription. */
const from = (anchor: string | Date, resetPeriod: ResetPeriod | null) => ({
  anchor: new Date(anchor),
  resetPeriod,
  resetEvery: 1,
  timeZone: null,
});

describe('the window that an instant falls in', () => {
  it.each<[string, string, ResetPeriod, string, string, string]>([
    [
      'begins with the subscription',
      '2024-01-31T10:00:00.000Z',
      'MONTH',
      '2024-01-31T10:00:00.000Z',
      '2024-01-31T10:00:00.000Z',
      '2024-02-29T10:00:00.000Z',
    ],
    [
      'clamps to the end of February in a leap year',
      '2024-01-31T10:00:00.000Z',
      'MONTH',
      '2024-02-29T10:00:00.000Z',
      '2024-02-29T10:00:00.000Z',
      '2024-03-31T10:00:00.000Z',
    ],
    [
      'clamps to the end of February otherwise',
      '2023-01-31T10:00:00.000Z',
      'MONTH',
      '2023-03-01T00:00:00.000Z',
      '2023-02-28T10:00:00.000Z',
      '2023-03-31T10:00:00.000Z',
    ],
    [
      'counts months from the anchor, not from a clamped window',
      '2023-01-31T10:00:00.000Z',
      'MONTH',
      '2023-05-15T00:00:00.000Z',
      '2023-04-30T10:00:00.000Z',
      '2023-05-31T10:00:00.000Z',
    ],
    [
      'excludes its end',
      '2024-01-15T10:00:00.000Z',
      'MONTH',
      '2024-02-15T09:59:59.999Z',
      '2024-01-15T10:00:00.000Z',
      '2024-02-15T10:00:00.000Z',
    ],
    [
      'includes its start',
      '2024-01-15T10:00:00.000Z',
      'MONTH',
      '2024-02-15T10:00:00.000Z',
      '2024-02-15T10:00:00.000Z',
      '2024-03-15T10:00:00.000Z',
    ],
    [
      'of a leap day ends on 28 February of the next year',
      '2024-02-29T12:00:00.000Z',
      'YEAR',
      '2025-02-28T11:59:59.999Z',
      '2024-02-29T12:00:00.000Z',
      '2025-02-28T12:00:00.000Z',
    ],
    [
      'of a leap day is back on 29 February four years later',
      '2024-02-29T12:00:00.000Z',
      'YEAR',
      '2028-06-01T00:00:00.000Z',
      '2028-02-29T12:00:00.000Z',
      '2029-02-28T12:00:00.000Z',
    ],
    [
      'of a day has 24 hours, whatever the clocks do',
      '2024-03-30T22:30:00.000Z',
      'DAY',
      '2024-04-01T22:29:59.999Z',
      '2024-03-31T22:30:00.000Z',
      '2024-04-01T22:30:00.000Z',
    ],
    [
      'crosses the end of the year',
      '2023-12-31T23:59:59.999Z',
      'MONTH',
      '2024-02-01T00:00:00.000Z',
      '2024-01-31T23:59:59.999Z',
      '2024-02-29T23:59:59.999Z',
    ],
    [
      'before the subscription is its first',
      '2024-01-31T10:00:00.000Z',
      'DAY',
      '2024-01-01T00:00:00.000Z',
      '2024-01-31T10:00:00.000Z',
      '2024-02-01T10:00:00.000Z',
    ],
  ])('%s', (_name, startedAt, period, at, start, end) => {
    expect(windowAt(from(startedAt, period), new Date(at))).toEqual({
      start: new Date(start),
      end: new Date(end),
    });
  });

  it('has no end without a reset period', () => {
    const startedAt = new Date('2020-02-29T00:00:00Z');
    expect(windowAt(from(startedAt, null), new Date('2031-01-01T00:00:00Z'))).toEqual({
      start: startedAt,
      end: null,
    });
  });
});

describe('the windows before', () => {
  const startedAt = new Date('2024-01-31T10:00:00Z');
  const at = new Date('2024-05-01T00:00:00Z');

  it('come newest first and touch each other', () => {
    expect(windowsEndedBefore(from(startedAt, 'MONTH'), at, 12)).toEqual([
      { start: new Date('2024-03-31T10:00:00Z'), end: new Date('2024-04-30T10:00:00Z') },
      { start: new Date('2024-02-29T10:00:00Z'), end: new Date('2024-03-31T10:00:00Z') },
      { start: startedAt, end: new Date('2024-02-29T10:00:00Z') },
    ]);
  });

  it('are no more than asked for', () => {
    expect(windowsEndedBefore(from(startedAt, 'MONTH'), at, 1)).toEqual([
      { start: new Date('2024-03-31T10:00:00Z'), end: new Date('2024-04-30T10:00:00Z') },
    ]);
  });

  it('are none when usage never resets, or nothing has ended yet', () => {
    expect(windowsEndedBefore(from(startedAt, null), at, 12)).toEqual([]);
    expect(windowsEndedBefore(from(startedAt, 'YEAR'), at, 12)).toEqual([]);
  });
});

describe('the entitlement', () => {
  const of = (used: number, changes: Partial<Grant> = {}, delta = 1) =>
    entitlementOf(
      { featureType: 'CONSUMABLE', precision: 0, grant: grant(1, changes), used: amountOf(used) },
      amountOf(delta),
    );
  const consumption = (used: number, budget: number | null, overageEnabled = false) =>
    expect.objectContaining({
      used: amountOf(used),
      budget: amountOrNull(budget),
      overageEnabled,
    });
  const given = { access: true, reason: reasons.consumable };
  const refused = { access: false, reason: reasons.notEnough };

  it.each([
    ['gives the last one', of(9), { ...given, consumption: consumption(9, 10) }],
    ['refuses one too many', of(10), { ...refused, consumption: consumption(10, 10) }],
    ['looks at the whole delta', of(9, {}, 2), { ...refused, consumption: consumption(9, 10) }],
    [
      'gives nothing at all when the budget is spent',
      of(10, {}, 0),
      { ...given, consumption: consumption(10, 10) },
    ],
    [
      'refuses under the limit 0',
      of(0, { limit: amountOf(0) }),
      { ...refused, consumption: consumption(0, 0) },
    ],
    [
      'goes over the budget with overage',
      of(99, { overageEnabled: true }),
      { ...given, consumption: consumption(99, 10, true) },
    ],
    ['gives the last half', of(9.5, {}, 0.5), { ...given, consumption: consumption(9.5, 10) }],
    [
      'refuses a millionth too much',
      of(9.5, {}, 0.500001),
      { ...refused, consumption: consumption(9.5, 10) },
    ],
    [
      'never ends when unlimited',
      of(2 ** 40, { limit: null }),
      { ...given, consumption: consumption(2 ** 40, null) },
    ],
    [
      'gives back what was reverted too much, and reports nothing used',
      of(-5, {}, 15),
      { ...given, consumption: consumption(0, 10) },
    ],
    [
      'refuses one more than what was reverted too much gives',
      of(-5, {}, 16),
      { ...refused, consumption: consumption(0, 10) },
    ],
    [
      'decides by the true total, also where more is used than an Int holds',
      of(2 ** 31, { limit: amountOf(2_147_483_647) }, 0),
      { ...refused, consumption: consumption(2 ** 31, 2_147_483_647) },
    ],
  ])('of a consumable %s', (_name, actual, expected) => {
    expect(actual).toEqual(expected);
  });

  it('of a binary feature is had with a subscription, and shows no consumption', () => {
    expect(
      entitlementOf({ featureType: 'BINARY', precision: 0, grant: grant(1, { limit: null }), used: 0n }, 5n),
    ).toEqual({
      access: true,
      reason: 'The user has a subscription to a package with this binary feature.',
      consumption: null,
    });
  });

  it('of a grant is told in sentences of its own', () => {
    const told = (featureType: 'BINARY' | 'CONSUMABLE', delta: number) =>
      entitlementOf(
        { featureType, precision: 0, grant: grant(1, { kind: 'GRANT' }), used: 0n },
        amountOf(delta),
      ).reason;
    expect([told('BINARY', 1), told('CONSUMABLE', 10), told('CONSUMABLE', 11)]).toEqual([
      'The user has a grant of this binary feature.',
      'The user has a grant of this consumable feature and either has an allowance remaining or overage is enabled.',
      'The user has a grant of this consumable feature but not enough allowance remaining, and overage is not enabled.',
    ]);
  });

  it.each(['BINARY', 'CONSUMABLE'] as const)(
    'of a %s feature is refused without a subscription',
    (featureType) => {
      expect(entitlementOf({ featureType, precision: 0, grant: null, used: 0n }, 0n)).toEqual({
        access: false,
        reason: 'The user has no active subscription to a package with this feature.',
        consumption: null,
      });
    },
  );

  it('keeps the one sentence of the original to the letter', () => {
    expect(reasons.consumable).toBe(
      'The user has a subcription to a package with this consumable feature and either has an allowance remaining or overage is enabled.',
    );
  });
});

it.each([
  [-1n, 0n],
  [0n, 0n],
  [7n, 7n],
  [2n ** 70n, 2n ** 70n],
  [-(2n ** 62n), 0n],
])('reports a usage of %s as %s', (used, reported) => {
  expect(reportedUsage(used)).toBe(reported);
});
