import { createHash } from 'node:crypto';

/** A private key may do everything in its environment; a public one only reads, for one user. */
export type KeyKind = 'PRIVATE' | 'PUBLIC';

export const environmentIds = ['test', 'live'] as const;
export type EnvironmentId = (typeof environmentIds)[number];

/** The environment of this name; null if there is none. */
export function readEnvironmentId(name: string | string[] | undefined): EnvironmentId | null {
  return environmentIds.find((id) => id === name) ?? null;
}

/** What a key says about itself. Whether it was ever issued, only the store knows. */
export interface KeyShape {
  kind: KeyKind;
  environmentId: EnvironmentId;
}

const prefixes = { PRIVATE: 'prv', PUBLIC: 'pub' } as const;
const keyPattern = /^(?<prefix>prv|pub)_(?<environment>test|live)_[A-Za-z0-9]{32}$/;

export const secretLength = 32;
export const secretAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A key is `prv_` or `pub_`, then `test_` or `live_`, then 32 letters and digits. */
export function formatKey({ kind, environmentId }: KeyShape, secret: string): string {
  return `${prefixes[kind]}_${environmentId}_${secret}`;
}

/** Reads kind and environment off a key; null if it is not written like one. */
export function parseKey(key: string): KeyShape | null {
  const groups = keyPattern.exec(key)?.groups;
  if (groups === undefined) return null;
  return {
    kind: groups.prefix === 'prv' ? 'PRIVATE' : 'PUBLIC',
    environmentId: groups.environment === 'test' ? 'test' : 'live',
  };
}

/** What is stored of a key: its SHA-256, in hex. A random key of this length needs no salt. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** What tells two keys apart in a list, without giving either away. */
export function lastFourOf(key: string): string {
  return key.slice(-4);
}

/** The `Authorization` header holds the key alone, or `Bearer <key>`; null if it holds neither. */
export function readAuthorization(header: string | null | undefined): string | null {
  const words = (header ?? '').trim().split(/\s+/);
  const [first, second] = words;
  if (words.length === 2 && first?.toLowerCase() === 'bearer') return second || null;
  return words.length === 1 ? first || null : null;
}
