import type { Db } from '../../database/client.ts';
import { Prisma } from '../../database/generated/client.ts';
import { jsonValue } from '../../database/json.ts';
import type { UserFacts } from '../rules.ts';
import { findByEmails } from '../store.ts';
import type { ExportedUser, Facts } from './csv-rules.ts';
import { type Directory, type DirectoryUser, openDirectory } from './directory-rules.ts';
import { batches, batchSize } from './plan-rules.ts';

const known = {
  key: true,
  id: true,
  name: true,
  email: true,
  billingId: true,
  metadata: true,
  imported: true,
} as const;

/** Reads all users whom these rows may refer to; see matchRow. */
export async function loadDirectory(
  db: Db,
  environmentId: string,
  rows: readonly Facts[],
): Promise<Directory> {
  const users = new Map<bigint, DirectoryUser>();
  const mergedIds: { id: string; survivorKey: bigint }[] = [];
  for (const batch of batches(rows, batchSize)) {
    const ids = batch.flatMap(({ id, email }) => id ?? email ?? []);
    const emails = batch.flatMap(({ email }) => email ?? []);
    const billingIds = batch.flatMap(({ billingId }) => billingId ?? []);
    const found = await db.user.findMany({
      where: {
        environmentId,
        OR: [
          { id: { in: ids } },
          { key: { in: await findByEmails(db, environmentId, emails) } },
          { mergedInto: null, billingId: { in: billingIds } },
        ],
      },
      select: { ...known, survivor: { select: known } },
    });
    for (const { survivor, ...user } of found) {
      const person = survivor ?? user;
      if (!users.has(person.key)) users.set(person.key, person);
      if (survivor !== null) mergedIds.push({ id: user.id, survivorKey: survivor.key });
    }
  }
  return openDirectory([...users.values()], mergedIds);
}

/**
 * The creation time of the next users: one millisecond after the newest user, and not before now, by the database's
 * clock. Takes the table lock of an insert before it reads the clock; see src/database/settled.ts.
 */
async function nextCreation(tx: Db, environmentId: string): Promise<number> {
  await tx.$executeRaw`LOCK TABLE "user" IN ROW EXCLUSIVE MODE`;
  const [{ next }] = await tx.$queryRaw<[{ next: Date }]>`
    SELECT greatest(clock_timestamp(), (
      SELECT created_at + interval '1 millisecond' FROM "user" WHERE environment_id = ${environmentId}
      ORDER BY created_at DESC LIMIT 1
    )) AS next`;
  return next.getTime();
}

interface CreatedUser {
  id: string;
  imported: boolean;
  facts: UserFacts;
}

/**
 * Creates these users, except those whose ids are taken. Returns the keys by id. Creation times are one millisecond
 * apart, so that lists keep the order.
 */
export async function insertUsers(
  tx: Db,
  environmentId: string,
  users: readonly CreatedUser[],
): Promise<Map<string, bigint>> {
  const first = await nextCreation(tx, environmentId);
  const created = await tx.user.createManyAndReturn({
    data: users.map(({ id, imported, facts: { metadata, ...facts } }, index) => ({
      ...facts,
      ...{ environmentId, id, createdAt: new Date(first + index), imported },
      metadata: jsonValue(metadata),
    })),
    skipDuplicates: true,
    select: { id: true, key: true },
  });
  return new Map(created.map(({ id, key }) => [id, key]));
}

/** Changes a user. Returns false, without a change, if the user was merged or deleted meanwhile. */
export async function changeUser(db: Db, key: bigint, { metadata, ...facts }: UserFacts): Promise<boolean> {
  const { count } = await db.user.updateMany({
    where: { key, mergedInto: null },
    data: { ...facts, metadata: jsonValue(metadata) },
  });
  return count > 0;
}

/** An exported user with the position in lists. */
export interface ListedUser extends ExportedUser {
  createdAt: Date;
}

/** The next users in the order of lists, without merged users; of these ids only, unless they are null. */
export function findPage(
  db: Db,
  environmentId: string,
  page: {
    take: number;
    last: { id: string | bigint; createdAt: Date } | null;
    ids: readonly string[] | null;
  },
): Promise<ListedUser[]> {
  const { take, last, ids } = page;
  const { createdAt, id } = last ?? { createdAt: new Date(0), id: '' };
  return db.$queryRaw`
    SELECT id, email, name, billing_id AS "billingId", metadata, created_at AS "createdAt" FROM "user"
    WHERE environment_id = ${environmentId} AND merged_into IS NULL
      AND (created_at, id) > (${createdAt}::timestamptz, ${id}::text)
      ${ids === null ? Prisma.empty : Prisma.sql`AND id = ANY(${ids}::text[])`}
    ORDER BY created_at, id LIMIT ${take}`;
}
