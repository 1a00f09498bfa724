import { expect, test } from '@jest/globals';
import { formatKey, hashKey, lastFourOf, parseKey, readAuthorization } from '../../../src/auth/keys/rules.ts';

const secret = 'abcdefghijklmnopqrstuvwxyzABCD09';

test.each([
  [`prv_test_${secret}`, { kind: 'PRIVATE', environmentId: 'test' }],
  [`prv_live_${secret}`, { kind: 'PRIVATE', environmentId: 'live' }],
  [`pub_test_${secret}`, { kind: 'PUBLIC', environmentId: 'test' }],
  [`pub_live_${secret}`, { kind: 'PUBLIC', environmentId: 'live' }],
  [`wrt_test_${secret}`, { kind: 'WRITE', environmentId: 'test' }],
  [`wrt_live_${secret}`, { kind: 'WRITE', environmentId: 'live' }],
] as const)('%s says its kind and its environment', (key, shape) => {
  expect(parseKey(key)).toEqual(shape);
  expect(formatKey(shape, secret)).toBe(key);
});

test.each([
  ['nothing', ''],
  ['a secret alone', secret],
  ['an unknown kind', `sec_test_${secret}`],
  ['an unknown environment', `prv_prod_${secret}`],
  ['a secret too short', `prv_test_${secret.slice(1)}`],
  ['a secret too long', `prv_test_${secret}a`],
  ['a sign that is no letter or digit', `prv_test_${secret.slice(1)}-`],
  ['capitals in the prefix', `PRV_test_${secret}`],
  ['a line end', `prv_test_${secret}\n`],
])('%s is not a key', (_, text) => {
  expect(parseKey(text)).toBeNull();
});

test('a key is stored as its SHA-256 and shown by its last four characters', () => {
  expect(hashKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(lastFourOf(`prv_test_${secret}`)).toBe('CD09');
});

test.each([
  ['the key alone', 'prv_test_x', 'prv_test_x'],
  ['Bearer and the key', 'Bearer prv_test_x', 'prv_test_x'],
  ['bearer in any case', 'bEARER prv_test_x', 'prv_test_x'],
  ['blanks around', '  Bearer   prv_test_x ', 'prv_test_x'],
  ['another scheme', 'Basic prv_test_x', null],
  ['too many words', 'Bearer prv_test_x y', null],
  ['nothing', '', null],
  ['no header', null, null],
])('the Authorization header with %s', (_, header, key) => {
  expect(readAuthorization(header)).toBe(key);
});
