import { randomInt } from 'node:crypto';
import type { Db, Lookups } from '../../database/client.ts';
import { createCache } from '../cache-store.ts';
import {
  type EnvironmentId,
  formatKey,
  hashKey,
  type KeyKind,
  lastFourOf,
  parseKey,
  secretAlphabet,
  secretLength,
} from './rules.ts';

/** A valid key and its environment. */
export interface Identity {
  environmentId: string;
  keyId: string;
  kind: KeyKind;
  lastFour: string;
}

interface StoredKey {
  id: string;
  environmentId: string;
  kind: KeyKind;
  lastFour: string;
  createdAt: Date;
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
  createdAt: true,
  revokedAt: true,
} as const;

/** Creates a key. Only this answer contains the key: the database stores its hash. */
export async function createKey(
  db: Db,
  environmentId: EnvironmentId,
  kind: KeyKind,
): Promise<{ id: string; key: string }> {
  const secret = Array.from({ length: secretLength }, () => secretAlphabet[randomInt(secretAlphabet.length)]);
  const key = formatKey({ kind, environmentId }, secret.join(''));
  const { id } = await installKey(db, key);
  return { id, key };
}

/**
 * Stores a key that was chosen outside. A revoked key stays revoked: others may know it. The key must be well-formed.
 */
export async function installKey(db: Db, key: string): Promise<{ id: string; isRevoked: boolean }> {
  const shape = parseKey(key);
  if (shape === null) throw new TypeError('A key must be well-formed to be installed.');
  const hash = hashKey(key);
  const { id, revokedAt } = await db.apiKey.upsert({
    where: { hash },
    create: { ...shape, hash, lastFour: lastFourOf(key) },
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

/** Locks a key until the transaction ends. Returns its environment, or null if there is no such key. */
export async function lockKey(tx: Db, id: string): Promise<string | null> {
  const [row] = await tx.$queryRaw<{ environment_id: string }[]>`
    SELECT environment_id FROM api_key WHERE id = ${id}::uuid FOR UPDATE`;
  return row?.environment_id ?? null;
}

/** Revokes a key; every instance follows within seconds. False if it is unknown or already revoked. */
export async function revokeKey(db: Db, id: string, now: Date): Promise<boolean> {
  const { count } = await db.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } });
  return count > 0;
}

export function listKeys(db: Db): Promise<StoredKey[]> {
  return db.apiKey.findMany({ select: shown, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
}

async function findActiveKey(db: Lookups, hash: string): Promise<Identity | null> {
  const { rows } = await db.query<Identity>({
    name: 'key by hash',
    text: `
      select id as "keyId", environment_id as "environmentId", kind::text, last_four as "lastFour"
      from api_key where hash = $1 and revoked_at is null`,
    values: [hash],
  });
  return rows[0] ?? null;
}

/** How long valid credentials are cached. Revoked ones stop working within 5 s. */
export const credentialLifetimeMs = 3_000;

/**
 * Caches valid keys for a short time; see createCache.
 *
 * @param db connections that never wait for locks: every request needs one
 */
export function createKeyring(db: Lookups, now?: () => number): Keyring {
  const known = createCache<Identity>(credentialLifetimeMs, now);
  return {
    async identify(key) {
      if (parseKey(key) === null) return null;
      const hash = hashKey(key);
      return known.get(hash, () => findActiveKey(db, hash));
    },
  };
}
