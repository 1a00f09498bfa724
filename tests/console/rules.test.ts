import { describe, expect, it } from '@jest/globals';
import { formatGrant } from '../../src/console/packages/grant.ts';
import { idFrom } from '../../src/console/parts/ids.ts';
import { readNumber } from '../../src/console/parts/numbers.ts';
import { guessFeature } from '../../src/console/segment/guess.ts';
import { splitCsv } from '../../src/console/users/csv.ts';

describe('a number is read as it was typed', () => {
  it.each([
    ['49.50', 49.5],
    [49.5, 49.5],
    ['007', 7],
    ['-', ''],
    ['', ''],
  ])('%j is %j', (typed, number) => expect(readNumber(typed)).toBe(number));
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
  const grant = { type: 'CONSUMABLE', limit: 1000, resetPeriod: 'MONTH', overageEnabled: false } as const;
  it.each([
    [grant, '1,000 a month'],
    [{ ...grant, overageEnabled: true }, '1,000 a month, more allowed'],
    [{ ...grant, resetPeriod: null }, '1,000 in all'],
    [{ ...grant, limit: null }, 'Unlimited'],
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
