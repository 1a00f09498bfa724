import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { apiKeyNotFound } from '../../errors.ts';
import { type EnvironmentId, expiryAfter, type KeyKind } from './rules.ts';
import {
  changeKey,
  createKey,
  findKeyId,
  installKey,
  type KeyTerms,
  lockKey,
  revokeKey,
  type StoredKey,
} from './store.ts';

/** Creates a key, with an audit entry. */
export function issueKey(
  db: PrismaClient,
  environmentId: EnvironmentId,
  kind: KeyKind,
  author: Author,
  terms: Partial<KeyTerms> = {},
): Promise<{ id: string; key: string }> {
  return db.$transaction((tx) => issueKeyWithin(tx, environmentId, kind, author, terms));
}

/** Does the same within a larger transaction. */
export function issueKeyWithin(
  tx: Db,
  environmentId: EnvironmentId,
  kind: KeyKind,
  author: Author,
  terms: Partial<KeyTerms> = {},
) {
  return audited(
    tx,
    author,
    { action: 'createApiKey', type: 'API_KEY', handles: [] },
    () => createKey(tx, environmentId, kind, terms),
    ({ id }) => [id],
  );
}

/**
 * Installs a key that the operator chose, with an audit entry if it is new. False if it was revoked: then it stays
 * invalid.
 */
export async function installKeyWithin(tx: Db, key: string, author: Author): Promise<boolean> {
  const known = await findKeyId(tx, key);
  const { isRevoked } = await audited(
    tx,
    author,
    { action: 'installKey', type: 'API_KEY', handles: known === null ? [] : [known] },
    () => installKey(tx, key),
    ({ id }) => [id],
  );
  return !isRevoked;
}

/**
 * Revokes a key, with an audit entry. False if it is unknown or already revoked.
 *
 * @param authorIn returns the author for the key's environment
 */
export function revokeKeyWithAudit(
  db: PrismaClient,
  id: string,
  now: Date,
  authorIn: (environmentId: string) => Author,
): Promise<boolean> {
  return db.$transaction(async (tx) => {
    const key = await lockKey(tx, id);
    if (key === null) return false;
    const change = { action: 'revokeApiKey', type: 'API_KEY', handles: [id] } as const;
    return audited(tx, authorIn(key.environmentId), change, () => revokeKey(tx, id, now));
  });
}

/**
 * Changes a key of the author's environment, with an audit entry.
 *
 * @param termsOf returns what changes, for the key as it is
 * @throws ApiKeyNotFoundError if it is unknown or revoked
 */
export function updateKey(
  db: PrismaClient,
  id: string,
  author: Author,
  termsOf: (key: StoredKey) => Partial<KeyTerms>,
): Promise<void> {
  return db.$transaction(async (tx) => {
    const key = await lockOwnKey(tx, id, author);
    const change = { action: 'updateApiKey', type: 'API_KEY', handles: [id] } as const;
    await audited(tx, author, change, () => changeKey(tx, id, termsOf(key)));
  });
}

/**
 * Replaces a key of the author's environment by a new one with the same name, scopes and lifetime. The old one expires
 * at `oldExpiresAt`, or earlier if it would have.
 *
 * @throws ApiKeyNotFoundError if it is unknown or revoked
 */
export function rotateKey(
  db: PrismaClient,
  id: string,
  author: Author,
  { now, oldExpiresAt }: { now: Date; oldExpiresAt: Date },
): Promise<{ id: string; key: string }> {
  return db.$transaction(async (tx) => {
    const { environmentId, kind, name, scopes, ...old } = await lockOwnKey(tx, id, author);
    const change = { action: 'rotateApiKey', type: 'API_KEY', handles: [id] } as const;
    const rotate = async () => {
      const expiresAt = expiryAfter(old, now);
      const isEarlier = old.expiresAt !== null && old.expiresAt < oldExpiresAt;
      if (!isEarlier) await changeKey(tx, id, { expiresAt: oldExpiresAt });
      return createKey(tx, environmentId, kind, { name, scopes, expiresAt });
    };
    return audited(tx, author, change, rotate, (made) => [made.id]);
  });
}

async function lockOwnKey(tx: Db, id: string, { environmentId }: Author): Promise<StoredKey> {
  const key = await lockKey(tx, id);
  if (key === null || key.environmentId !== environmentId || key.revokedAt !== null) throw apiKeyNotFound(id);
  return key;
}
