import { hkdfSync } from 'node:crypto';

/** What a key is for. Each purpose has a key of its own: one that gets out says nothing about the others. */
type Purpose = 'console sessions' | 'secrets at rest';

/** KANA_SECRET_KEY: the one secret that the database does not hold. */
export interface SecretKey {
  /** A key of 256 bits for this purpose; always the same one. */
  derive(purpose: Purpose): Buffer;
}

export const minSecretKeyLength = 32;

export function createSecretKey(text: string): SecretKey {
  if (text.length < minSecretKeyLength)
    throw new TypeError(`A secret key has at least ${minSecretKeyLength} characters.`);
  return { derive: (purpose) => Buffer.from(hkdfSync('sha256', text, 'open-kana', purpose, 32)) };
}
