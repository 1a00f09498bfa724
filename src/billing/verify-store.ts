import type { Db } from '../database/client.ts';
import type { Flag } from './projection-rules.ts';

/** A customer as it is compared with Stripe. */
export interface ComparedCustomer {
  id: string;
  /** The user, or the survivor of a merge. */
  owner: bigint | null;
  flags: Flag[];
}

/** The next customers after `after` that have a user, or should have one, in the order of ids. */
export async function nextCustomers(
  db: Db,
  environmentId: string,
  { after, take }: { after: string; take: number },
): Promise<ComparedCustomer[]> {
  const rows = await db.$queryRaw<{ id: string; owner: bigint | null; flags: unknown }[]>`
    SELECT c.id, coalesce(u.merged_into, u.key) AS owner, c.flags
    FROM stripe_customer c LEFT JOIN "user" u ON u.key = c.user_key
    WHERE c.environment_id = ${environmentId} AND c.id > ${after} AND NOT c.is_forgotten AND c.read_number > 0
      AND NOT (c.is_deleted AND u.key IS NULL)
    ORDER BY c.id LIMIT ${take}`;
  return rows.map(({ flags, ...row }) => ({ ...row, flags: flags as Flag[] }));
}

/** The customers of a user, in the order of ids. */
export async function customersOf(db: Db, userKey: bigint): Promise<ComparedCustomer[]> {
  const rows = await db.$queryRaw<{ id: string; flags: unknown }[]>`
    SELECT c.id, c.flags FROM stripe_customer c
    WHERE c.user_key IN (SELECT key FROM "user" WHERE key = ${userKey} OR merged_into = ${userKey})
    ORDER BY c.id`;
  return rows.map(({ id, flags }) => ({ id, owner: userKey, flags: flags as Flag[] }));
}

/** Those of these customers that were read from Stripe at least once, forgotten ones too. */
export async function findKnownCustomers(
  db: Db,
  environmentId: string,
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await db.stripeCustomer.findMany({
    where: { environmentId, id: { in: [...ids] }, readNumber: { gt: 0 } },
    select: { id: true },
  });
  return new Set(rows.map(({ id }) => id));
}
