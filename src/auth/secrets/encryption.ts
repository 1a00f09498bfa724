import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretKey } from './secret-key.ts';

/** Encrypts the secrets in the database, so that reading the database does not reveal them. */
export interface Encryption {
  /** @param location the row that stores it, such as `user_token_secret live`. It can be decrypted only there */
  encrypt(text: string, location: string): string;
  /** @throws WrongSecretKey if the key or the location differs, or the text was changed */
  decrypt(stored: string, location: string): string;
}

/** A stored secret was not encrypted with this KANA_SECRET_KEY. */
export class WrongSecretKey extends Error {
  override readonly name = 'WrongSecretKey';
}

/** The format's name, so that another format can follow. Secrets of earlier versions contain no dot. */
const prefix = 'aes-256-gcm.';
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Whether this was encrypted, and not stored as plain text by an earlier version. */
export const isEncrypted = (stored: string): boolean => stored.startsWith(prefix);

export function createEncryption(secretKey: SecretKey): Encryption {
  const key = secretKey.derive('secrets at rest');
  return {
    encrypt(text, location) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(location));
      const encrypted = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return prefix + Buffer.concat(encrypted).toString('base64url');
    },
    decrypt(stored, location) {
      const bytes = Buffer.from(stored.slice(prefix.length), 'base64url');
      if (!isEncrypted(stored) || bytes.length < nonceBytes + tagBytes)
        throw new WrongSecretKey('This is not an encrypted secret.');
      const nonce = bytes.subarray(0, nonceBytes);
      const tag = bytes.subarray(-tagBytes);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(location)).setAuthTag(tag);
      try {
        return (
          decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
        );
      } catch (cause) {
        throw new WrongSecretKey('This was encrypted with another key or for another location.', { cause });
      }
    },
  };
}
