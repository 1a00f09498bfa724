import type { Db } from '../database/client.ts';
import type { Hours } from './span-rules.ts';

/* As in usage-store.ts: the hours, and the part of the ledger after them. A user who used several features counts once. */
const activeSql = `
  select count(*)::int as count from (
    select user_key from usage_hour
    where environment_id = $1 and hour >= $2::timestamptz and hour < $3::timestamptz
    union
    select user_key from usage_event
    where environment_id = $1 and id > coalesce((select last_id from usage_rollup where environment_id = $1), 0)
      and occurred_at >= $2::timestamptz and occurred_at < $3::timestamptz
  ) active`;

/** How many users used something in these hours. */
export async function countActive(db: Db, environmentId: string, { from, to }: Hours): Promise<number> {
  const [row] = await db.$queryRawUnsafe<[{ count: number }]>(
    activeSql,
    ...[environmentId, from.toISOString(), to.toISOString()],
  );
  return row.count;
}
