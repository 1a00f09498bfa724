import { expect, test } from '@jest/globals';
import { fieldChanges, wordsOf } from '../../src/console/audit/difference.ts';

test('a change is told field by field, and of a person only that it changed', () => {
  const change = {
    before: { name: 'Old', limit: null },
    after: { name: 'New', limit: 5 },
    withheld: ['email'],
  };
  expect(fieldChanges(change)).toEqual([
    { name: 'name', from: 'Old', to: 'New', isWithheld: false },
    { name: 'limit', from: undefined, to: '5', isWithheld: false },
    { name: 'email', from: undefined, to: undefined, isWithheld: true },
  ]);
});

test('what was made, and what is forgotten, is told as far as it is known', () => {
  expect(fieldChanges({ before: null, after: { id: 'x' }, withheld: [] })).toEqual([
    { name: 'id', from: undefined, to: 'x', isWithheld: false },
  ]);
  expect(fieldChanges({ before: null, after: null, withheld: [] })).toEqual([]);
});

test.each([
  ['updateDraftPackage', 'Update draft package'],
  ['subscribe', 'Subscribe'],
])('%s reads %s', (action, words) => expect(wordsOf(action)).toBe(words));
