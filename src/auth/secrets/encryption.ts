import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretKey } from './secret-key.ts';

/** Encrypts the secrets that the database keeps, so that a read of the database does not give them away. */
export interface Encryption {
  /** @param place where the text is kept, such as `user_token_secret live`: it can be decrypted there only */
  encrypt(text: string, place: string): string;
  /** @throws WrongSecretKey when another key or place encrypted it, or when it was changed */
  decrypt(stored: string, place: string): string;
}

/** What is stored was not encrypted with this KANA_SECRET_KEY. */
export class WrongSecretKey extends Error {
  override readonly name = 'WrongSecretKey';
}

/** Names the format, so that another one can follow; no secret of an earlier version has a dot in it. */
const prefix = 'aes-256-gcm.';
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Whether this is what `encrypt` answers, rather than a secret that an earlier version stored as it is. */
export const isEncrypted = (stored: string): boolean => stored.startsWith(prefix);

export function createEncryption(secretKey: SecretKey): Encryption {
  const key = secretKey.derive('secrets at rest');
  return {
    encrypt(text, place) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(place));
      const encrypted = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return prefix + Buffer.concat(encrypted).toString('base64url');
    },
    decrypt(stored, place) {
      const bytes = Buffer.from(stored.slice(prefix.length), 'base64url');
      if (!isEncrypted(stored) || bytes.length < nonceBytes + tagBytes)
        throw new WrongSecretKey('This is nothing that was encrypted here.');
      const nonce = bytes.subarray(0, nonceBytes);
      const tag = bytes.subarray(-tagBytes);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(place)).setAuthTag(tag);
      try {
        return (
          decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
        );
      } catch (cause) {
        throw new WrongSecretKey('This was encrypted with another key, or for another place.', { cause });
      }
    },
  };
}
