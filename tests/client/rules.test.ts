import { expect, test } from '@jest/globals';
import { readUserId } from '../../src/client/rules.ts';

/** Bytes as Node hands them over. */
const received = (bytes: Buffer) => bytes.toString('latin1');

test.each([
  ['a plain id', '124', '124'],
  ['an id in ISO-8859-1, as browsers write it', received(Buffer.from('zoë', 'latin1')), 'zoë'],
  ['an id in UTF-8, as most others write it', received(Buffer.from('zoë', 'utf8')), 'zoë'],
  ['an id beyond ISO-8859-1', received(Buffer.from('ユーザー', 'utf8')), 'ユーザー'],
  ['nothing', '', null],
  ['no header', null, null],
])('X-User-ID with %s', (_what, header, expected) => {
  expect(readUserId(header)).toBe(expected);
});
