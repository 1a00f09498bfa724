import type { Db } from '../database/client.ts';
import { Prisma } from '../database/generated/client.ts';

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
