import { describe, expect, test } from '@jest/globals';
import { difference, labelOf, type State } from '../../src/audit/rules.ts';

const state = (fields: State['fields'], personal: State['personal'] = {}): State => ({
  subjectId: 'id',
  userKey: null,
  fields,
  personal,
});
const told = { subjectId: 'id', userKey: null };

describe('difference', () => {
  test.each<[string, State | undefined, State | undefined, object | null]>([
    ['what was made', undefined, state({ a: 1 }), { before: null, after: { a: 1 }, withheld: [] }],
    ['what was deleted', state({ a: 1 }), undefined, { before: { a: 1 }, after: null, withheld: [] }],
    [
      'a field',
      state({ a: 1, b: 2 }),
      state({ a: 3, b: 2 }),
      { before: { a: 1 }, after: { a: 3 }, withheld: [] },
    ],
    [
      'a list, by what is in it',
      state({ a: [{ b: 1 }], c: [{ d: [1] }] }),
      state({ a: [{ b: 2 }], c: [{ d: [1] }] }),
      { before: { a: [{ b: 1 }] }, after: { a: [{ b: 2 }] }, withheld: [] },
    ],
    [
      'a person, without the values',
      state({ id: 'x' }, { email: 'a@example.com', name: 'A' }),
      state({ id: 'x' }, { email: 'b@example.com', name: 'A' }),
      { before: {}, after: {}, withheld: ['email'] },
    ],
    [
      'a new person, with what is known only',
      undefined,
      state({ id: 'x' }, { email: 'a@example.com', name: null, metadata: {} }),
      { before: null, after: { id: 'x' }, withheld: ['email'] },
    ],
    ['nothing, when nothing changed', state({ a: 1 }, { b: 2 }), state({ a: 1 }, { b: 2 }), null],
    ['nothing, when metadata was emptied that nobody set', state({ m: {} }), state({ m: null }), null],
    ['nothing of what never was', undefined, undefined, null],
  ])('tells %s', (_what, before, after, expected) => {
    expect(difference(before, after)).toEqual(expected && { ...told, ...expected });
  });
});

test.each([
  ['PRIVATE_KEY', 'x7Qd', 'Private key …x7Qd'],
  ['CONSOLE', 'x7Qd', 'Console, key …x7Qd'],
  ['COMMAND', null, 'Command line'],
  ['SERVER', null, 'Server'],
] as const)('%s is called %s', (kind, lastFour, label) => {
  expect(labelOf({ kind, lastFour })).toBe(label);
});
