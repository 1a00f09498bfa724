import type { Db } from '../database/client.ts';

/**
 * The key of the user with this id, null when there is none. The id of a user who was merged into another
 * leads to the survivor; a merge turns every signpost to the final survivor, so one step is enough.
 */
export async function findUserKey(db: Db, environmentId: string, id: string): Promise<bigint | null> {
  const user = await db.user.findUnique({
    where: { environmentId_id: { environmentId, id } },
    select: { key: true, mergedInto: true },
  });
  return user === null ? null : (user.mergedInto ?? user.key);
}

/**
 * Locks the user's row until the transaction ends. Answers the key of the row that is now ours: the
 * survivor's when the user was merged in the meantime, and null when it was deleted.
 *
 * Rows of users are locked in the ascending order of their keys, so that no two ever wait for each other. A
 * survivor's key may be the smaller one: the merged row is let go before the survivor's is asked for.
 */
export async function lockUser(tx: Db, key: bigint): Promise<bigint | null> {
  await tx.$executeRaw`SAVEPOINT before_lock`;
  const [user] = await tx.$queryRaw<{ merged_into: bigint | null }[]>`
    SELECT merged_into FROM "user" WHERE key = ${key} FOR UPDATE`;
  if (user === undefined) return null;
  if (user.merged_into === null) return key;
  await tx.$executeRaw`ROLLBACK TO SAVEPOINT before_lock`;
  return lockUser(tx, user.merged_into);
}
