import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import {
  balanceOf,
  Excess,
  excessOf,
  inDrawOrder,
  isAlive,
  type TopUp,
} from '../../../src/usage/draws/rules.ts';

const day = (count: number) => new Date(Date.UTC(2026, 0, count));
const topUp = (id: number, amount: number, facts: Partial<TopUp> = {}): TopUp => ({
  id: BigInt(id),
  amount: BigInt(amount),
  remaining: BigInt(amount),
  priority: 0,
  startsAt: day(1),
  expiresAt: null,
  voidedAt: null,
  ...facts,
});
const step = (before: number, after: number, topUps: TopUp[], draws = true) => ({
  before: BigInt(before),
  after: BigInt(after),
  topUps,
  at: day(10),
  draws,
  usage: 7,
});
const partsOf = ({ parts }: Excess) =>
  parts.map(({ topUpId, amount }) => [topUpId && Number(topUpId), Number(amount)]);

test.each<[string, TopUp, boolean]>([
  ['from its start on', topUp(1, 1, { startsAt: day(10) }), true],
  ['not before its start', topUp(1, 1, { startsAt: day(11) }), false],
  ['not when it expires', topUp(1, 1, { expiresAt: day(10) }), false],
  ['until it expires', topUp(1, 1, { expiresAt: day(11) }), true],
  ['not when it is voided', topUp(1, 1, { voidedAt: day(10) }), false],
])('a top-up is alive %s', (_when, each, alive) => {
  expect(isAlive(each, day(10))).toBe(alive);
});

test('draws come from the soonest to expire, then by priority, then from the oldest', () => {
  const inOrder = [
    topUp(6, 1, { expiresAt: day(20), priority: 9 }),
    topUp(5, 1, { expiresAt: day(21), priority: 0 }),
    topUp(4, 1, { expiresAt: day(21), priority: 1 }),
    topUp(3, 1, { startsAt: day(1) }),
    topUp(1, 1, { startsAt: day(2) }),
    topUp(2, 1, { startsAt: day(2) }),
  ];
  expect([...inOrder].reverse().sort(inDrawOrder)).toEqual(inOrder);
});

describe('usage beyond a budget', () => {
  it('is drawn in order, the rest from nothing, and given back the latest first', () => {
    const topUps = [topUp(1, 30), topUp(2, 20, { expiresAt: day(20) })];
    const excess = new Excess([]);
    excess.follow(step(0, 25, topUps));
    expect(partsOf(excess)).toEqual([
      [2, 20],
      [1, 5],
    ]);
    excess.follow(step(25, 60, topUps));
    expect(partsOf(excess)).toEqual([
      [2, 20],
      [1, 30],
      [null, 10],
    ]);
    expect(balanceOf(topUps, day(10))).toEqual({ granted: 50n, remaining: 0n });
    excess.follow(step(60, 45, topUps));
    expect(partsOf(excess)).toEqual([
      [2, 20],
      [1, 25],
    ]);
    excess.follow({ ...step(45, 0, topUps), usage: 8 });
    expect(partsOf(excess)).toEqual([]);
    expect(
      excess.draws.map(({ topUpId, amount, usage }) => [Number(topUpId), Number(amount), usage]),
    ).toEqual([
      [2, 20, 7],
      [1, 5, 7],
      [1, 25, 7],
      [1, -5, 7],
      [1, -25, 8],
      [2, -20, 8],
    ]);
    expect(balanceOf(topUps, day(10))).toEqual({ granted: 50n, remaining: 50n });
  });

  it('that was there before is drawn from nothing', () => {
    const topUps = [topUp(1, 30)];
    const excess = new Excess([]);
    excess.follow(step(50, 51, topUps));
    expect(partsOf(excess)).toEqual([
      [null, 50],
      [1, 1],
    ]);
  });

  it("of another window than the winner's draws nothing, and gives back what it had drawn", () => {
    const topUps = [topUp(1, 30, { remaining: 20n })];
    const excess = new Excess([{ topUpId: 1n, amount: 10n }]);
    excess.follow(step(10, 12, topUps, false));
    excess.follow(step(12, 5, topUps, false));
    expect(partsOf(excess)).toEqual([[1, 5]]);
    expect(topUps[0]?.remaining).toBe(25n);
  });

  it('always adds up, and no top-up ever gives more than it has, for random usage', () => {
    const amount = fc.integer({ min: -40, max: 40 });
    fc.assert(
      fc.property(
        fc.array(amount, { maxLength: 30 }),
        fc.array(fc.nat(30), { maxLength: 3 }),
        (deltas, amounts) => {
          const topUps = amounts.map((each, index) =>
            topUp(index + 1, each, index === 1 ? { expiresAt: day(20) } : {}),
          );
          const excess = new Excess([]);
          let used = 0n;
          for (const delta of deltas) {
            const before = excessOf(used, 10n);
            used += BigInt(delta);
            excess.follow({ before, after: excessOf(used, 10n), topUps, at: day(10), draws: true, usage: 0 });
            const total = excess.parts.reduce((sum, part) => sum + part.amount, 0n);
            expect(total).toBe(excessOf(used, 10n));
            for (const each of topUps) {
              const drawn = excess.draws
                .filter(({ topUpId }) => topUpId === each.id)
                .reduce((sum, draw) => sum + draw.amount, 0n);
              expect(each.amount - each.remaining).toBe(drawn);
              expect(each.remaining >= 0n && each.remaining <= each.amount).toBe(true);
            }
          }
        },
      ),
      { seed: 7 },
    );
  });
});
