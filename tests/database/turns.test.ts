import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createLane } from '../../src/database/lane.ts';
import { createTurns } from '../../src/database/turns.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

it('does work of one key in turn, and that of another key beside it', async () => {
  const inTurn = createTurns(1);
  const log: string[] = [];
  const work =
    (name: string, isGood = true) =>
    async () => {
      log.push(`${name} begins`);
      await nextTurn();
      log.push(`${name} ends`);
      if (!isGood) throw new Error(name);
    };
  const all = [
    inTurn('test', work('a', false)),
    inTurn('test', work('b')),
    inTurn('live', work('c')),
    inTurn('test', work('d')),
  ];
  const ends = await Promise.allSettled(all);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  const ofTest = log.filter((line) => !line.startsWith('c'));
  expect(ofTest).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'd begins', 'd ends']);
  expect(log.indexOf('c begins')).toBeLessThan(log.indexOf('b begins'));
});

describe('a lane', () => {
  /** A lane of two connections, and its batches in the order in which they began. */
  function startLane(maxDelayMs = 60_000) {
    const batches: { items: readonly number[]; end: () => void }[] = [];
    const run = (items: readonly number[]) =>
      new Promise<number[]>((resolve) => {
        batches.push({ items, end: () => resolve(items.map((item) => item * 2)) });
      });
    const lane = { connections: 2, maxItems: 1_000, metrics: createMetrics().lane('test'), maxDelayMs };
    return { call: createLane<number, number>(lane, run), batches };
  }
  const turn = async () => {
    await nextTurn();
    await nextTurn();
  };

  it('begins a second batch when as many calls wait as are in the first, and else after it', async () => {
    const { call, batches } = startLane();
    const calls = [1, 2, 3].map(call);
    await turn();
    calls.push(call(4), call(5));
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
    calls.push(call(6));
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    calls.push(call(7));
    await turn();
    batches[1]?.end();
    await turn();
    expect(batches).toHaveLength(2);
    batches[0]?.end();
    await turn();
    batches[2]?.end();
    expect(await Promise.all(calls)).toEqual([2, 4, 6, 8, 10, 12, 14]);
  });

  it('lets no call wait for a batch that is stuck, again and again', async () => {
    const { call, batches } = startLane(1);
    const calls = [1, 2, 3].map(call);
    await turn();
    calls.push(call(4));
    while (batches.length < 2) await nextTurn();
    calls.push(call(5));
    batches[1]?.end();
    while (batches.length < 3) await nextTurn();
    expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3], [4], [5]]);
    for (const { end } of batches) end();
    expect(await Promise.all(calls)).toEqual([2, 4, 6, 8, 10]);
  });

  it('lets no call wait for a large batch', async () => {
    const { call, batches } = startLane();
    const calls = Array.from({ length: 101 }, (_, index) => call(index));
    await turn();
    calls.push(call(200));
    await turn();
    expect(batches.map(({ items }) => items.length)).toEqual([101, 1]);
    for (const { end } of batches) end();
    expect((await Promise.all(calls)).at(-1)).toBe(400);
  });
});
