import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import type { EnvironmentId, KeyKind } from './rules.ts';
import { createKey, findKeyId, installKey, lockKey, revokeKey } from './store.ts';

/** Creates a key, with an audit entry. */
export function issueKey(
  db: PrismaClient,
  environmentId: EnvironmentId,
  kind: KeyKind,
  author: Author,
): Promise<{ id: string; key: string }> {
  return db.$transaction((tx) => issueKeyWithin(tx, environmentId, kind, author));
}

/** Does the same within a larger transaction. */
export function issueKeyWithin(tx: Db, environmentId: EnvironmentId, kind: KeyKind, author: Author) {
  return audited(
    tx,
    author,
    { action: 'createApiKey', type: 'API_KEY', handles: [] },
    () => createKey(tx, environmentId, kind),
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
    const environmentId = await lockKey(tx, id);
    if (environmentId === null) return false;
    const change = { action: 'revokeApiKey', type: 'API_KEY', handles: [id] } as const;
    return audited(tx, authorIn(environmentId), change, () => revokeKey(tx, id, now));
  });
}
