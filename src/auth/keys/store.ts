import { randomInt } from 'node:crypto';
import type { Db, Lookups } from '../../database/client.ts';
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

/** Who a request's key stands for. */
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
  /** Who the key stands for; null if it was never issued, or is revoked. */
  identify(key: string): Promise<Identity | null>;
  /** Who the key with this id stands for; null if there is none, or it is revoked. */
  recall(keyId: string): Promise<Identity | null>;
}

const shown = {
  id: true,
  environmentId: true,
  kind: true,
  lastFour: true,
  createdAt: true,
  revokedAt: true,
} as const;

/** Issues a new key. The key itself is in this answer only: the database keeps its hash. */
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
 * Makes a key valid that was chosen outside, unless it was revoked before: it may be revoked because others know it.
 * The key must be well-formed.
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

/** The id of this key; null if it was never issued. */
export async function findKeyId(db: Db, key: string): Promise<string | null> {
  const found = await db.apiKey.findUnique({ where: { hash: hashKey(key) }, select: { id: true } });
  return found?.id ?? null;
}

/** Locks a key against every other change until the transaction ends; the environment that it is for, or null. */
export async function lockKey(tx: Db, id: string): Promise<string | null> {
  const [row] = await tx.$queryRaw<{ environment_id: string }[]>`
    SELECT environment_id FROM api_key WHERE id = ${id}::uuid FOR UPDATE`;
  return row?.environment_id ?? null;
}

/** Ends a key's validity; every running instance follows within seconds. False if there is none to end. */
export async function revokeKey(db: Db, id: string, now: Date): Promise<boolean> {
  const { count } = await db.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } });
  return count > 0;
}

export function listKeys(db: Db): Promise<StoredKey[]> {
  return db.apiKey.findMany({ select: shown, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
}

async function findActiveKey(db: Lookups, column: 'hash' | 'id', value: string): Promise<Identity | null> {
  const { rows } = await db.query<Identity>({
    name: `key by ${column}`,
    text: `
      select id as "keyId", environment_id as "environmentId", kind::text, last_four as "lastFour"
      from api_key where ${column} = $1 and revoked_at is null`,
    values: [value],
  });
  return rows[0] ?? null;
}

/** For how long a key is taken at its word, in milliseconds: a revoked one stops working within 5 s. */
const trust = 3_000;

/**
 * Remembers valid keys for a moment, so that a busy server does not ask the database at every request. Keys
 * that are not valid are not remembered: nobody can fill the memory by guessing.
 *
 * @param db connections that nobody keeps while waiting for somebody else: every request begins here
 */
export function createKeyring(db: Lookups, now: () => number = Date.now): Keyring {
  const known = new Map<string, { identity: Promise<Identity | null>; until: number }>();

  function remember(name: string, find: () => Promise<Identity | null>): Promise<Identity | null> {
    const entry = known.get(name);
    if (entry !== undefined && now() < entry.until) return entry.identity;

    // Counted from before the question, and shared by all who ask meanwhile.
    const fresh = { identity: find(), until: now() + trust };
    known.set(name, fresh);
    const forget = () => {
      if (known.get(name) === fresh) known.delete(name);
    };
    fresh.identity.then((identity) => identity ?? forget(), forget);
    return fresh.identity;
  }

  return {
    async identify(key) {
      if (parseKey(key) === null) return null;
      const hash = hashKey(key);
      return remember(hash, () => findActiveKey(db, 'hash', hash));
    },
    recall: (id) => remember(id, () => findActiveKey(db, 'id', id)),
  };
}
