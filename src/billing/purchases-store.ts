import type { Db } from '../database/client.ts';
import { type Mirror, StoredMirror } from './mirror-rules.ts';

/** What Stripe said that a customer bought. */
export interface Purchases extends Mirror {
  /** The user, or the survivor of a merge. */
  userKey: bigint | null;
}

export interface PurchasesFilter {
  /** Only customers with a price that is mapped to no package, or only the others; null: all. */
  isUnmapped: boolean | null;
  /** Only customers of this user; null: of all. */
  userKey: bigint | null;
}

/** The next customers after `after` who bought something, in the order of ids. */
export async function findPurchases(
  db: Db,
  environmentId: string,
  { isUnmapped, userKey }: PurchasesFilter,
  { take, after }: { take: number; after: string },
): Promise<Purchases[]> {
  const rows = await db.$queryRaw<
    { id: string; userKey: bigint | null; subscriptions: unknown; payments: unknown }[]
  >`
    SELECT c.id, coalesce(u.merged_into, u.key) AS "userKey", c.subscriptions, c.payments
    FROM stripe_customer c LEFT JOIN "user" u ON u.key = c.user_key
    WHERE c.environment_id = ${environmentId} AND c.id > ${after}
      AND (c.subscriptions <> '[]' OR c.payments <> '[]')
      AND (${userKey}::bigint IS NULL OR c.user_key IN (
        SELECT key FROM "user" WHERE key = ${userKey}::bigint OR merged_into = ${userKey}::bigint))
      AND (${isUnmapped}::boolean IS NULL OR ${isUnmapped}::boolean = EXISTS (
        SELECT FROM (
          SELECT jsonb_path_query(c.subscriptions, '$[*].items[*].priceId') #>> '{}' AS id
          UNION ALL SELECT jsonb_path_query(c.payments, '$[*].priceIds[*]') #>> '{}'
        ) bought
        LEFT JOIN stripe_price p ON p.environment_id = c.environment_id AND p.id = bought.id
        WHERE p.package_id IS NULL))
    ORDER BY c.id LIMIT ${take}`;
  return rows.map(({ id, userKey: owner, ...stored }) => ({
    customerId: id,
    userKey: owner,
    ...StoredMirror.parse(stored),
  }));
}
