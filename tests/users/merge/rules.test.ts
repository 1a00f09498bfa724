import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Metadata } from '../../../src/input.ts';
import { inOrder, type MergeUser, mergedFacts } from '../../../src/users/merge/rules.ts';
import { seed } from '../../fuzz/settings.ts';

const created = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

const person = (key: number, facts: Partial<MergeUser> = {}): MergeUser => ({
  key: BigInt(key),
  createdAt: created(key),
  name: null,
  email: null,
  billingId: null,
  metadata: {},
  imported: false,
  ...facts,
});

describe('inOrder', () => {
  const keysOf = (people: MergeUser[], survivor: bigint | null = null) =>
    inOrder(people, survivor).map(({ key }) => Number(key));

  it.each<[string, MergeUser[], bigint | null, number[]]>([
    ['the one created first comes first', [person(2), person(3), person(1)], null, [1, 2, 3]],
    [
      'the time of creation outranks the key',
      [person(1, { createdAt: created(9) }), person(2)],
      null,
      [2, 1],
    ],
    [
      'the smaller key comes first among those created together',
      [person(2, { createdAt: created(1) }), person(1)],
      null,
      [1, 2],
    ],
    ['a chosen survivor comes first, the rest by creation', [person(3), person(1), person(2)], 2n, [2, 1, 3]],
  ])('%s', (_name, people, survivor, expected) => {
    expect(keysOf(people, survivor)).toEqual(expected);
  });
});

describe('mergedFacts', () => {
  const none = { name: null, email: null, billingId: null, metadata: {}, imported: false };

  it.each<[string, Partial<MergeUser>[], object]>([
    ['nothing known stays nothing', [{}, {}], none],
    [
      'the survivor wins',
      [
        { name: 'A', email: 'a@x.io', billingId: 'cus_a' },
        { name: 'B', email: 'b@x.io', billingId: 'cus_b' },
      ],
      { ...none, name: 'A', email: 'a@x.io', billingId: 'cus_a' },
    ],
    [
      'each gap is filled by the first of the others who can',
      [{ name: 'A' }, { email: 'b@x.io' }, { name: 'C', email: 'c@x.io', billingId: 'cus_c' }],
      { ...none, name: 'A', email: 'b@x.io', billingId: 'cus_c' },
    ],
    ['an empty text is a gap', [{ name: '' }, { name: 'B' }], { ...none, name: 'B' }],
    ['an empty text stays where nobody knows better', [{ name: '' }, {}], { ...none, name: '' }],
    [
      'metadata is filled key by key, and a null in it is no gap',
      [
        { metadata: { a: 1, n: null } },
        { metadata: { a: 2, b: { c: 3 }, n: 4 } },
        { metadata: { b: 5, d: 6 } },
      ],
      { ...none, metadata: { a: 1, n: null, b: { c: 3 }, d: 6 } },
    ],
    [
      'metadata that is null is a gap',
      [{ metadata: null }, { metadata: { b: 1 } }],
      { ...none, metadata: { b: 1 } },
    ],
    [
      'metadata that is null for all stays null',
      [{ metadata: null }, { metadata: null }],
      { ...none, metadata: null },
    ],
    [
      'a key that makes the metadata too large is left out, a smaller one after it is not',
      [{ metadata: { a: 'x'.repeat(16_000) } }, { metadata: { large: 'x'.repeat(500), small: 1 } }],
      { ...none, metadata: { a: 'x'.repeat(16_000), small: 1 } },
    ],
    [
      'a key named like a property of every object is a key like any other',
      [{ metadata: {} }, { metadata: { toString: 2 } }],
      { ...none, metadata: { toString: 2 } },
    ],
    ['imported stays what all are', [{ imported: true }, { imported: true }], { ...none, imported: true }],
    ['one of the company’s own makes all the company’s own', [{ imported: true }, {}], none],
  ])('%s', (_name, facts, expected) => {
    expect(mergedFacts(facts.map((each, index) => person(index, each)))).toEqual(expected);
  });
});

describe('the metadata of a merge', () => {
  type Json = Record<string, unknown>;
  const mergedOf = (objects: readonly (Json | null)[]) =>
    mergedFacts(objects.map((metadata, index) => person(index, { metadata }))).metadata;

  /** The rule word by word: a key is taken if the whole would still be valid with it. */
  function filledKeyByKey(objects: readonly (Json | null)[]): Json | null {
    const [first, ...others] = objects.filter((object) => object !== null);
    if (first === undefined) return null;
    let merged = first;
    for (const [key, value] of others.flatMap((object) => Object.entries(object))) {
      const filled = { ...merged, [key]: value };
      if (!Object.hasOwn(merged, key) && Metadata.safeParse(filled).success) merged = filled;
    }
    return merged;
  }

  it('is what it is if each key is tried by itself, near the limit too', () => {
    const key = fc.oneof(fc.constantFrom('a', '1', 'toString', 'ключ', '"'), fc.string({ maxLength: 8 }));
    const text = fc
      .tuple(fc.constantFrom('x', 'ё', '💣', '"', '\n'), fc.integer({ min: 0, max: 9_000 }))
      .map(([letter, length]) => letter.repeat(length));
    const object = fc
      .dictionary(key, fc.oneof(text, fc.jsonValue()), { maxKeys: 12 })
      .filter((value) => Metadata.safeParse(value).success);
    fc.assert(
      fc.property(fc.array(fc.option(object), { minLength: 1, maxLength: 5 }), (objects) => {
        const expected = filledKeyByKey(objects);
        expect(mergedOf(objects)).toEqual(expected);
        expect(Object.keys(mergedOf(objects) ?? {})).toEqual(Object.keys(expected ?? {}));
      }),
      { seed, numRuns: 500 },
    );
  });

  it('may be as long as metadata may be, to the byte', () => {
    const room = (length: number) => [{ a: 'ё'.repeat(4_000) }, { b: 'x'.repeat(length) }];
    const length = 16 * 1024 - JSON.stringify({ a: '', b: '' }).length - 8_000;
    expect(Object.keys(mergedOf(room(length)) ?? {})).toEqual(['a', 'b']);
    expect(Object.keys(mergedOf(room(length + 1)) ?? {})).toEqual(['a']);
  });

  it('looks at each value once, however many keys are filled', () => {
    let looked = 0;
    const counted = {
      get value() {
        looked += 1;
        return 1;
      },
    };
    const keys = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index]));
    expect(Object.keys(mergedOf([{ counted }, keys]) ?? {})).toHaveLength(1_001);
    expect(looked).toBe(1);
  });
});
