import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { createTurns } from '../../src/database/turns.ts';

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
