import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import type { EnvironmentId, KeyKind } from './rules.ts';
import { createKey, findKeyId, installKey, lockKey, revokeKey } from './store.ts';

/** Issues a key, as createKey does, and tells the audit log. */
export function makeKey(
  db: PrismaClient,
  environmentId: EnvironmentId,
  kind: KeyKind,
  author: Author,
): Promise<{ id: string; key: string }> {
  return db.$transaction((tx) => makeKeyWithin(tx, environmentId, kind, author));
}

/** The same as one step of a transaction that does more. */
export function makeKeyWithin(tx: Db, environmentId: EnvironmentId, kind: KeyKind, author: Author) {
  return audited(
    tx,
    author,
    { action: 'createApiKey', type: 'API_KEY', handles: [] },
    () => createKey(tx, environmentId, kind),
    ({ id }) => [id],
  );
}

/**
 * Makes a key valid that was chosen outside; the audit log learns of it unless it is known already. False if it was
 * revoked, and so stays invalid.
 */
export async function admitKeyWithin(tx: Db, key: string, author: Author): Promise<boolean> {
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
 * Ends a key's validity, and tells the audit log; false if there is none to end.
 *
 * @param authorIn who does it, given the environment of the key
 */
export function withdrawKey(
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
