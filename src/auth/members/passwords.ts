import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { SecretKey } from '../secrets/secret-key.ts';

/** Hashes passwords, so that nobody can read them from the database. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Whether this is the password. Takes as long if there is none to compare with. */
  verify(password: string, stored: string | null): Promise<boolean>;
}

/** The cost of scrypt: 2^logN blocks of r · 128 bytes, p times. */
export interface Cost {
  logN: number;
  r: number;
  p: number;
}

/** 32 MiB of memory and some 0.2 s of one core, as OWASP recommends. A stored hash names its own cost. */
const defaultCost: Cost = { logN: 15, r: 8, p: 3 };
const saltBytes = 16;
const hashBytes = 32;
const storedPattern = /^scrypt\$(?<logN>\d+)\$(?<r>\d+)\$(?<p>\d+)\$(?<salt>[\w-]+)\$(?<hash>[\w-]+)$/;

/**
 * Passwords go through scrypt. Before, they are keyed with KANA_SECRET_KEY: who reads the database alone cannot even
 * guess, and who writes to it cannot set a password.
 *
 * @param limit runs few at once: hashing is made to be costly, and strangers can ask for it
 */
export function createPasswords(
  secretKey: SecretKey,
  limit: <Result>(work: () => Promise<Result>) => Promise<Result>,
  cost: Cost = defaultCost,
): Passwords {
  const pepper = secretKey.derive('passwords');
  const keyed = (password: string) =>
    createHmac('sha256', pepper).update(password.normalize('NFKC')).digest();
  const derive = (password: string, salt: Buffer, { logN, r, p }: Cost) =>
    limit(() => deriveKey(keyed(password), salt, { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }));

  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      const hash = await derive(password, salt, cost);
      const { logN, r, p } = cost;
      return ['scrypt', logN, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
    },
    async verify(password, stored) {
      const { logN, r, p, salt = '', hash = '' } = storedPattern.exec(stored ?? '')?.groups ?? {};
      const known = logN === undefined ? cost : { logN: Number(logN), r: Number(r), p: Number(p) };
      const expected = Buffer.concat([Buffer.from(hash, 'base64url'), Buffer.alloc(hashBytes)]).subarray(
        0,
        hashBytes,
      );
      const derived = await derive(password, Buffer.from(salt, 'base64url'), known);
      return timingSafeEqual(derived, expected) && logN !== undefined;
    },
  };
}

const deriveKey = (password: Buffer, salt: Buffer, options: ScryptOptions): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
