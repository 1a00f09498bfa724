import type { Db } from '../database/client.ts';
import { BusyError } from '../database/errors.ts';
import { Prisma } from '../database/generated/client.ts';
import { userNotFound } from '../errors.ts';

/** How many concurrent merges of one user a caller follows before it gives up. */
export const maxMergesFollowed = 20;

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

/** The same where a user must be there. @throws UserNotFoundError */
export async function requireUserKey(db: Db, environmentId: string, id: string): Promise<bigint> {
  const key = await findUserKey(db, environmentId, id);
  if (key === null) throw userNotFound(id);
  return key;
}

/** Where the user with this id stands in lists; null when there is none. */
export function findListed(db: Db, environmentId: string, id: string) {
  return db.user.findUnique({
    where: { environmentId_id: { environmentId, id } },
    select: { id: true, createdAt: true },
  });
}

/** What several users may have in common that should be one user's alone; an empty text is nothing. */
const shared = {
  email: Prisma.sql`nullif(kana_email_key(email), '')`,
  billingId: Prisma.sql`nullif(billing_id, '')`,
};

/**
 * The keys of users whose email or billing id another user has too, in the order of lists.
 *
 * @param last the user whom the page follows; null for the first page
 */
export async function findSharing(
  db: Db,
  environmentId: string,
  what: keyof typeof shared,
  { take, last }: { take: number; last: { createdAt: Date; id: string | bigint } | null },
): Promise<bigint[]> {
  const { createdAt, id } = last ?? { createdAt: new Date(0), id: '' };
  const rows = await db.$queryRaw<{ key: bigint }[]>`
    SELECT key FROM (
      SELECT key, created_at, id, count(*) OVER (PARTITION BY ${shared[what]}) AS sharers FROM "user"
      WHERE environment_id = ${environmentId} AND merged_into IS NULL AND ${shared[what]} IS NOT NULL
    ) known
    WHERE sharers > 1 AND (created_at, id) > (${createdAt}::timestamptz, ${id}::text)
    ORDER BY created_at, id LIMIT ${take}`;
  return rows.map(({ key }) => key);
}

/** The keys of the users with one of these emails. */
export async function findByEmails(
  db: Db,
  environmentId: string,
  emails: readonly string[],
): Promise<bigint[]> {
  if (emails.length === 0) return [];
  const rows = await db.$queryRaw<{ key: bigint }[]>`
    SELECT key FROM "user"
    WHERE environment_id = ${environmentId} AND email IS NOT NULL AND merged_into IS NULL
      AND kana_email_key(email) = ANY(ARRAY(SELECT kana_email_key(email) FROM unnest(${[...emails]}::text[]) AS email))`;
  return rows.map(({ key }) => key);
}

/**
 * Locks the user's row until the transaction ends. Answers the key of the row that is now ours: the
 * survivor's when the user was merged in the meantime, and null when it was deleted.
 *
 * Rows of users are locked in the ascending order of their keys, so that no two ever wait for each other. A
 * survivor's key may be the smaller one: the merged row is let go before the survivor's is asked for.
 */
export async function lockUser(tx: Db, key: bigint): Promise<bigint | null> {
  let asked = key;
  for (let attempt = 0; attempt < maxMergesFollowed; attempt += 1) {
    await tx.$executeRaw`SAVEPOINT before_lock`;
    const [user] = await tx.$queryRaw<{ merged_into: bigint | null }[]>`
      SELECT merged_into FROM "user" WHERE key = ${asked} FOR UPDATE`;
    if (user === undefined) return null;
    if (user.merged_into === null) return asked;
    await tx.$executeRaw`ROLLBACK TO SAVEPOINT before_lock`;
    asked = user.merged_into;
  }
  throw new BusyError(`a user was merged ${maxMergesFollowed} times while its row was asked for`);
}
