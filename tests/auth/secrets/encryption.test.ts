import { expect, test } from '@jest/globals';
import { createEncryption, isEncrypted, WrongSecretKey } from '../../../src/auth/secrets/encryption.ts';
import { createSecretKey } from '../../../src/auth/secrets/secret-key.ts';

const secretKey = createSecretKey('a secret key of more than 32 characters');
const encryption = createEncryption(secretKey);
const place = 'user_token_secret live';

test.each(['', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'ünïcödé 用户 🔑', 'x'.repeat(10_000)])(
  'what is encrypted can be decrypted again: %.30s',
  (text) => {
    const stored = encryption.encrypt(text, place);
    expect(isEncrypted(stored)).toBe(true);
    expect(encryption.decrypt(stored, place)).toBe(text);
  },
);

test('one text is never stored twice in the same way, and never as it is', () => {
  const stored = [1, 2, 3].map(() => encryption.encrypt('the text', place));
  expect(new Set(stored).size).toBe(3);
  expect(stored.join()).not.toContain('the text');
});

test.each<[string, (stored: string) => string]>([
  ['with another key', (stored) => createEncryption(createSecretKey('y'.repeat(32))).decrypt(stored, place)],
  ['in another place', (stored) => encryption.decrypt(stored, 'user_token_secret test')],
  ['changed', (stored) => encryption.decrypt(stored.replace(/.$/, stored.endsWith('A') ? 'Q' : 'A'), place)],
  ['cut off', (stored) => encryption.decrypt(stored.slice(0, 30), place)],
  ['that never was', () => encryption.decrypt('a secret that was stored as it is', place)],
])('nothing can be decrypted %s', (_how, decrypt) => {
  const stored = encryption.encrypt('the text of a secret', place);
  expect(() => decrypt(stored)).toThrow(WrongSecretKey);
});

test('each purpose has a key of its own, which is always the same', () => {
  const again = createSecretKey('a secret key of more than 32 characters');
  const sessions = secretKey.derive('console sessions');
  expect(sessions).toHaveLength(32);
  expect(again.derive('console sessions')).toEqual(sessions);
  expect(secretKey.derive('secrets at rest')).not.toEqual(sessions);
});
