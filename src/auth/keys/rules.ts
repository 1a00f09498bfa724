import { createHash } from 'node:crypto';

/**
 * A private key allows everything in its environment. A public key only reads, about one user. A write key only ingests
 * events, so that it may stand in a page's source.
 */
export type KeyKind = 'PRIVATE' | 'PUBLIC' | 'WRITE';

export const environmentIds = ['test', 'live'] as const;
export type EnvironmentId = (typeof environmentIds)[number];

/** Returns the environment with this name, or null. */
export function readEnvironmentId(name: string | string[] | undefined): EnvironmentId | null {
  return environmentIds.find((id) => id === name) ?? null;
}

/** What the text of a key contains. Only the store knows whether the key exists. */
export interface KeyShape {
  kind: KeyKind;
  environmentId: EnvironmentId;
}

const prefixes = { PRIVATE: 'prv', PUBLIC: 'pub', WRITE: 'wrt' } as const;
const kinds = { prv: 'PRIVATE', pub: 'PUBLIC', wrt: 'WRITE' } as const;
const keyPattern = /^(?<prefix>prv|pub|wrt)_(?<environment>test|live)_[A-Za-z0-9]{32}$/;

export const secretLength = 32;
export const secretAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A key is `prv_`, `pub_` or `wrt_`, then `test_` or `live_`, then 32 letters and digits. */
export function formatKey({ kind, environmentId }: KeyShape, secret: string): string {
  return `${prefixes[kind]}_${environmentId}_${secret}`;
}

/** Returns the kind and environment of a key. Null if it is not written like a key. */
export function parseKey(key: string): KeyShape | null {
  const groups = keyPattern.exec(key)?.groups;
  if (groups === undefined) return null;
  return {
    kind: kinds[groups.prefix as keyof typeof kinds],
    environmentId: groups.environment === 'test' ? 'test' : 'live',
  };
}

/** Returns the SHA-256 of a key, in hex. A random key of this length needs no salt. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** When a key expires that replaces this one now: it lives as long as the old one was made for. */
export function expiryAfter(
  { createdAt, expiresAt }: { createdAt: Date; expiresAt: Date | null },
  now: Date,
): Date | null {
  return expiresAt === null ? null : new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime());
}

/** Identifies a key in a list without revealing it. */
export function lastFourOf(key: string): string {
  return key.slice(-4);
}

/** Reads a key from an `Authorization` header: alone, after `Bearer`, or as the user name of Basic authentication. */
export function readKey(header: string | undefined): string | null {
  const [scheme, credentials] = (header ?? '').trim().split(/\s+/);
  if (scheme?.toLowerCase() !== 'basic') return readAuthorization(header);
  const [user] = Buffer.from(credentials ?? '', 'base64')
    .toString('utf8')
    .split(':');
  return user || null;
}

/** Reads an `Authorization` header: the key alone, or `Bearer <key>`. Null for anything else. */
export function readAuthorization(header: string | null | undefined): string | null {
  const words = (header ?? '').trim().split(/\s+/);
  const [first, second] = words;
  if (words.length === 2 && first?.toLowerCase() === 'bearer') return second || null;
  return words.length === 1 ? first || null : null;
}
