import type { Db } from '../database/client.ts';
import { BusyError } from '../database/errors.ts';
import { Prisma } from '../database/generated/client.ts';
import { userNotFound } from '../errors.ts';

/** The maximum number of concurrent merges of one user that a call follows. */
export const maxMergesFollowed = 20;

/**
 * Returns the key of the user with this id, or of the survivor if the user was merged; null if the id is unknown. A
 * merge redirects all merged users to the final survivor, so one step is enough.
 */
export async function findUserKey(db: Db, environmentId: string, id: string): Promise<bigint | null> {
  const user = await db.user.findUnique({
    where: { environmentId_id: { environmentId, id } },
    select: { key: true, mergedInto: true },
  });
  return user === null ? null : (user.mergedInto ?? user.key);
}

/** Returns the key of the user with this id, or of the survivor. @throws UserNotFoundError */
export async function requireUserKey(db: Db, environmentId: string, id: string): Promise<bigint> {
  const key = await findUserKey(db, environmentId, id);
  if (key === null) throw userNotFound(id);
  return key;
}

/** The position of the user with this id in lists; null if the id is unknown. */
export function findListed(db: Db, environmentId: string, id: string) {
  return db.user.findUnique({
    where: { environmentId_id: { environmentId, id } },
    select: { id: true, createdAt: true },
  });
}

/** Values that should be unique, as they are compared. */
const uniqueValues = {
  email: { column: Prisma.raw('email'), value: Prisma.raw('kana_email_key(email)') },
  billingId: { column: Prisma.raw('billing_id'), value: Prisma.raw('billing_id') },
};

/**
 * The keys of users who share their email or billing id with another user, in the order of lists. An empty text does not
 * count. The shared values come first: they are few, and counting takes half as long as a window over all users.
 *
 * @param last the user before the page; null for the first page
 */
export async function findSharing(
  db: Db,
  environmentId: string,
  field: keyof typeof uniqueValues,
  { take, last }: { take: number; last: { createdAt: Date; id: string | bigint } | null },
): Promise<bigint[]> {
  const { column, value } = uniqueValues[field];
  const { createdAt, id } = last ?? { createdAt: new Date(0), id: '' };
  const known = Prisma.sql`environment_id = ${environmentId} AND merged_into IS NULL AND ${column} IS NOT NULL`;
  const rows = await db.$queryRaw<{ key: bigint }[]>`
    WITH shared AS MATERIALIZED (
      SELECT ${value} AS value FROM "user" WHERE ${known} GROUP BY 1 HAVING count(*) > 1
    )
    SELECT key FROM "user"
    WHERE ${known} AND ${value} IN (SELECT value FROM shared WHERE value <> '')
      AND (created_at, id) > (${createdAt}::timestamptz, ${id}::text)
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
 * Locks the user's row until the transaction ends. Returns the key of the locked row: the survivor's if the user was
 * merged meanwhile, null if the user was deleted.
 *
 * Lock order: ascending keys of users, so that transactions never deadlock. The key of a survivor may be smaller, so the
 * merged row is released before the survivor's is locked.
 */
export async function lockUser(tx: Db, key: bigint): Promise<bigint | null> {
  let current = key;
  for (let attempt = 0; attempt < maxMergesFollowed; attempt += 1) {
    await tx.$executeRaw`SAVEPOINT before_lock`;
    const [user] = await tx.$queryRaw<{ merged_into: bigint | null }[]>`
      SELECT merged_into FROM "user" WHERE key = ${current} FOR UPDATE`;
    if (user === undefined) return null;
    if (user.merged_into === null) return current;
    await tx.$executeRaw`ROLLBACK TO SAVEPOINT before_lock`;
    current = user.merged_into;
  }
  throw new BusyError(`a user was merged ${maxMergesFollowed} times while its row was being locked`);
}

// The expression of the index user_search_idx.
const words = Prisma.sql`kana_search_words("id", "name", "email", "billing_id")`;

/**
 * The keys of matching users, in the order of lists. The materialized step searches before it sorts; otherwise the
 * planner may scan all users in order.
 *
 * @param query see searchQuery
 * @param last the user before the page; null for the first page
 */
export async function searchUsers(
  db: Db,
  environmentId: string,
  query: string,
  { take, last }: { take: number; last: { createdAt: Date; id: string | bigint } | null },
): Promise<bigint[]> {
  const { createdAt, id } = last ?? { createdAt: new Date(0), id: '' };
  const rows = await db.$queryRaw<{ key: bigint }[]>`
    WITH matching AS MATERIALIZED (
      SELECT key, environment_id, created_at, id FROM "user"
      WHERE merged_into IS NULL AND ${words} @@ ${query}::tsquery
    )
    SELECT key FROM matching
    WHERE environment_id = ${environmentId} AND (created_at, id) > (${createdAt}::timestamptz, ${id}::text)
    ORDER BY created_at, id LIMIT ${take}`;
  return rows.map(({ key }) => key);
}
