import { randomInt } from 'node:crypto';
import type { Db, Lookups } from '../../database/client.ts';
import { createCache } from '../cache-store.ts';
import { type Permissions, readScopes, type Scope, scopesOf } from '../permission-rules.ts';
import {
  type EnvironmentId,
  formatKey,
  hashKey,
  type KeyKind,
  lastFourOf,
  parseKey,
  readEnvironmentId,
  secretAlphabet,
  secretLength,
} from './rules.ts';

/** A valid key and its environment. */
export interface Identity {
  environmentId: string;
  keyId: string;
  kind: KeyKind;
  lastFour: string;
  permissions: Permissions;
  /** Whether the environment wants a user token where a public key and the id of a user were enough. */
  requiresUserToken: boolean;
  /** Until when it may be used without asking the keyring again, on the keyring's clock: see createKeyring. */
  validUntil: number;
}

/** What is chosen about a key, and can be changed. */
export interface KeyTerms {
  name: string | null;
  scopes: Scope[];
  expiresAt: Date | null;
}

export interface StoredKey extends KeyTerms {
  id: string;
  environmentId: EnvironmentId;
  kind: KeyKind;
  lastFour: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export interface Keyring {
  /** Returns the identity of the key. Null if it is unknown or revoked. */
  identify(key: string): Promise<Identity | null>;
}

const shown = {
  id: true,
  environmentId: true,
  kind: true,
  lastFour: true,
  name: true,
  scopes: true,
  createdAt: true,
  expiresAt: true,
  lastUsedAt: true,
  revokedAt: true,
} as const;

/** Creates a key. Only this answer contains the key: the database stores its hash. */
export async function createKey(
  db: Db,
  environmentId: EnvironmentId,
  kind: KeyKind,
  terms: Partial<KeyTerms> = {},
): Promise<{ id: string; key: string }> {
  const secret = Array.from({ length: secretLength }, () => secretAlphabet[randomInt(secretAlphabet.length)]);
  const key = formatKey({ kind, environmentId }, secret.join(''));
  const { id } = await installKey(db, key, terms);
  return { id, key };
}

/**
 * Stores a key that was chosen outside. A revoked key stays revoked: others may know it. The key must be well-formed.
 */
export async function installKey(
  db: Db,
  key: string,
  terms: Partial<KeyTerms> = {},
): Promise<{ id: string; isRevoked: boolean }> {
  const shape = parseKey(key);
  if (shape === null) throw new TypeError('A key must be well-formed to be installed.');
  const hash = hashKey(key);
  const { id, revokedAt } = await db.apiKey.upsert({
    where: { hash },
    create: {
      ...shape,
      hash,
      lastFour: lastFourOf(key),
      ...terms,
      scopes: readScopes(shape.kind, terms.scopes),
    },
    update: {},
    select: { id: true, revokedAt: true },
  });
  return { id, isRevoked: revokedAt !== null };
}

/** Returns the id of this key, or null. */
export async function findKeyId(db: Db, key: string): Promise<string | null> {
  const found = await db.apiKey.findUnique({ where: { hash: hashKey(key) }, select: { id: true } });
  return found?.id ?? null;
}

/** Locks a key until the transaction ends. Returns it, or null if there is no such key. */
export async function lockKey(tx: Db, id: string): Promise<StoredKey | null> {
  await tx.$queryRaw`SELECT FROM api_key WHERE id = ${id}::uuid FOR UPDATE`;
  const key = await tx.apiKey.findUnique({ where: { id }, select: shown });
  return key === null ? null : storedKeyOf(key);
}

/** Changes a key; every instance follows within seconds. */
export async function changeKey(tx: Db, id: string, terms: Partial<KeyTerms>): Promise<void> {
  await tx.apiKey.update({ where: { id }, data: terms });
}

/** Revokes a key; every instance follows within seconds. False if it is unknown or already revoked. */
export async function revokeKey(db: Db, id: string, now: Date): Promise<boolean> {
  const { count } = await db.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } });
  return count > 0;
}

export async function listKeys(db: Db): Promise<StoredKey[]> {
  const keys = await db.apiKey.findMany({ select: shown, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  return keys.map(storedKeyOf);
}

function storedKeyOf({
  environmentId,
  ...key
}: Omit<StoredKey, 'environmentId'> & { environmentId: string }): StoredKey {
  const known = readEnvironmentId(environmentId);
  if (known === null) throw new Error(`there are no keys for ${environmentId}`);
  return { ...key, scopes: scopesOf(key.kind, key.scopes), environmentId: known };
}

/** A key that is valid now. */
interface ActiveKey {
  identity: Omit<Identity, 'validUntil'>;
  /** How long it stays valid; null without an end. */
  remainingMs: number | null;
  /** Now, by the database's clock, to the minute: milliseconds since 1970. */
  minute: number;
}

async function findActiveKey(db: Lookups, hash: string): Promise<ActiveKey | null> {
  const { rows } = await db.query<KeyRow & Omit<ActiveKey, 'identity'>>({
    name: 'key by hash, with terms',
    text: `
      select ${identitySql}, extract(epoch from k.expires_at - now())::float8 * 1000 as "remainingMs",
        extract(epoch from date_trunc('minute', now()))::float8 * 1000 as minute
      from api_key k join environment e on e.id = k.environment_id
      where k.hash = $1 and ${isValidKeySql}`,
    values: [hash],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { remainingMs, minute, ...key } = row;
  return { identity: identityOf(key), remainingMs, minute };
}

/** The columns of an identity, of the key `k` and its environment `e`. */
export const identitySql = `k.id as "keyId", k.environment_id as "environmentId", k.kind::text,
  k.last_four as "lastFour", k.scopes::text[] as scopes, e.require_user_token as "requiresUserToken"`;

/** Whether the key `k` is neither revoked nor expired. */
export const isValidKeySql = 'k.revoked_at is null and (k.expires_at is null or k.expires_at > now())';

/** These columns. */
export type KeyRow = Omit<Identity, 'permissions' | 'validUntil'> & { scopes: Scope[] };

export const identityOf = ({ scopes, ...key }: KeyRow): Omit<Identity, 'validUntil'> => ({
  ...key,
  permissions: new Set(scopesOf(key.kind, scopes)),
});

interface KnownKey {
  identity: Identity;
  remainingMs: number | null;
}

/** The most keys whose hashes are remembered. */
const maxHashes = 1_000;

/** How long valid credentials are cached. Revoked ones stop working within 5 s. */
export const credentialLifetimeMs = 3_000;

/**
 * Caches valid keys for a short time; see createCache. Hashes of keys that were valid are remembered: a hash costs more
 * than the rest, and a key that is revoked later still has the same.
 *
 * @param db connections that never wait for locks: every request needs one
 * @param now a monotonic clock in milliseconds
 * @param noteUse is told of a key in use each time that the cache reads it
 */
export function createKeyring(
  db: Lookups,
  now: () => number = () => performance.now(),
  noteUse: (keyId: string, minute: number) => void = () => undefined,
): Keyring {
  const known = createCache<KnownKey>(credentialLifetimeMs, now, ({ remainingMs }) => remainingMs);
  const hashes = new Map<string, string>();
  async function read(key: string, hash: string): Promise<KnownKey | null> {
    const startedAt = now();
    const found = await findActiveKey(db, hash);
    if (found === null) return null;
    const { identity, remainingMs, minute } = found;
    noteUse(identity.keyId, minute);
    if (hashes.size >= maxHashes) hashes.clear();
    hashes.set(key, hash);
    const validUntil = startedAt + Math.min(credentialLifetimeMs, remainingMs ?? credentialLifetimeMs);
    return { identity: { ...identity, validUntil }, remainingMs };
  }
  return {
    async identify(key) {
      const remembered = hashes.get(key);
      if (remembered === undefined && parseKey(key) === null) return null;
      const hash = remembered ?? hashKey(key);
      const found = await known.get(hash, () => read(key, hash));
      return found?.identity ?? null;
    },
  };
}
