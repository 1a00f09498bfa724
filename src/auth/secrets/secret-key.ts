import { hkdfSync } from 'node:crypto';

/** What a derived key is for. Each purpose has its own key: a leaked one does not reveal the others. */
type Purpose = 'console sessions' | 'secrets at rest' | 'member links' | 'passwords';

/** KANA_SECRET_KEY: the only secret outside the database. */
export interface SecretKey {
  /** Derives a 256-bit key for this purpose, always the same one. */
  derive(purpose: Purpose): Buffer;
}

export const minSecretKeyLength = 32;

export function createSecretKey(text: string): SecretKey {
  if (text.length < minSecretKeyLength)
    throw new TypeError(`A secret key has at least ${minSecretKeyLength} characters.`);
  return { derive: (purpose) => Buffer.from(hkdfSync('sha256', text, 'open-kana', purpose, 32)) };
}
