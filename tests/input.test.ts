import { describe, expect, it } from '@jest/globals';
import { Id, Line, listOf, Metadata, NewId, parse, readId, readRowId } from '../src/input.ts';

describe('an id', () => {
  it.each(['a', ' a ', 'x'.repeat(255), 'usér-124', '😀', '../../etc', "'; drop table user; --"])(
    'may be %j',
    (id) => {
      expect(parse(Id, id, 'input.id')).toBe(id);
      expect(readId(id, 'input.id')).toBe(id);
    },
  );

  it.each([
    ['', 'input.id: must not be blank'],
    [' \u00a0', 'input.id: must not be blank'],
    ['x'.repeat(256), 'input.id: must be at most 255 characters'],
    ['a\u0000', 'input.id: must not contain control characters'],
    ['a\nb', 'input.id: must not contain control characters'],
    ['a\u0085b', 'input.id: must not contain control characters'],
    ['\ud83d', 'input.id: must be well-formed Unicode'],
  ])('must not be %j', (id, message) => {
    expect(() => parse(Id, id, 'input.id')).toThrow(message);
    expect(() => readId(id, 'input.id')).toThrow(message);
  });
});

describe('a new id', () => {
  it.each(['\u200b', '\ufeff\u2060', ' \u00ad ', '\u3164', '\u2800', '\u{e0041}', '\ufe0f', '\u202e\u202c'])(
    'must not be %j, of which nothing can be seen; a stored one is found',
    (id) => {
      expect(() => parse(NewId, id, 'input.id')).toThrow('input.id: must hold a visible character');
      expect(parse(Id, id, 'input.id')).toBe(id);
    },
  );

  it.each(['a', ' a ', '\u200ba', '\ud83d\udc68\u200d\ud83d\udc69', '\u2764\ufe0f', 'ก็', '.'])(
    'may be %j',
    (id) => {
      expect(parse(NewId, id, 'input.id')).toBe(id);
    },
  );
});

it('an optional line of text may be empty', () => {
  expect(parse(Line, '', 'input.email')).toBe('');
});

describe('metadata', () => {
  const nested = (levels: number): object => (levels === 1 ? {} : { a: nested(levels - 1) });

  it.each([
    ['an empty object', {}],
    ['nested values', { a: [1, { b: null }], c: 'ü😀' }],
    ['100 levels', nested(100)],
    ['16 KiB', { a: 'x'.repeat(16 * 1024 - 8) }],
  ])('may be %s', (_name, value) => {
    expect(parse(Metadata, value, 'input.metadata')).toEqual(value);
  });

  it.each([
    ['an array', [], 'must be a JSON object'],
    ['text', '{}', 'must be a JSON object'],
    ['a number', 1, 'must be a JSON object'],
    ['more than 16 KiB', { a: 'x'.repeat(16 * 1024 - 7) }, 'must be at most 16 KiB'],
    ['more than 16 KiB in UTF-8', { a: 'ü'.repeat(8 * 1024) }, 'must be at most 16 KiB'],
    ['101 levels', nested(101), 'must be at most 100 levels deep'],
    ['a null character', { a: ['\u0000'] }, 'must be well-formed Unicode without null characters'],
    ['a null character in a key', { '\u0000': 1 }, 'must be well-formed Unicode without null characters'],
    ['half a surrogate pair', { a: '\udc00' }, 'must be well-formed Unicode without null characters'],
    ['a key that would be lost', JSON.parse('{"a":{"__proto__":1}}'), 'must not hold the key "__proto__"'],
  ])('must not be %s', (_name, value, problem) => {
    expect(() => parse(Metadata, value, 'input.metadata')).toThrow(`input.metadata: ${problem}`);
  });
});

describe('a list', () => {
  const List = listOf(Id, (id) => id, { max: 3 });
  const Named = listOf(Id, (id) => id, { max: 3, tooMany: 'is too long', repeated: 'was named before' });

  it.each([[[]], [['a']], [['a', 'A', 'b']], [['__proto__', 'constructor']]])('may be %j', (ids) => {
    expect(parse(List, ids, 'ids')).toEqual(ids);
  });

  it.each([
    [['a', 'b', 'a'], 'ids.2: is repeated', 'ids.2: was named before'],
    [['a', 'a', 'a'], 'ids.1: is repeated', 'ids.1: was named before'],
    [['a', 'a', 'a', 'a'], 'ids: must have at most 3 entries', 'ids: is too long'],
    [['a', ''], 'ids.1: must not be blank', 'ids.1: must not be blank'],
  ])('must not be %j', (ids, usual, named) => {
    expect(() => parse(List, ids, 'ids')).toThrow(usual);
    expect(() => parse(Named, ids, 'ids')).toThrow(named);
  });
});

describe('readRowId', () => {
  it.each([
    ['2', 2n],
    ['9223372036854775807', 9223372036854775807n],
    ['9223372036854775808', null],
    ['10000000000000000000', null],
    ['0', null],
    ['02', null],
    ['-2', null],
    ['2.0', null],
    [' 2', null],
    ['0x2', null],
    ['two', null],
    ['', null],
  ])('reads %j as %p', (text, id) => {
    expect(readRowId(text)).toBe(id);
  });
});
