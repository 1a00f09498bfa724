import { deltaSql } from '../../database/amount-sql.ts';
import type { Db } from '../../database/client.ts';
import { countingHoldingsSql, windowStartSql } from '../../entitlements/holdings-store.ts';
import { settleExcess } from '../draws/store.ts';
import { alertCtes } from '../record/alerts-store.ts';
import { recountHours } from '../rollup/store.ts';

/*
 * The sums of the ledger for the users $1 to $2, by window; see rules.ts. An event counts in its window of every
 * holding that had started and not ended. From the last SET on, in the order of the ledger, deltas add up,
 * including the delta of the SET.
 */
export const foldedSql = `
  select user_key, subscription_id, feature_id, window_start, environment_id,
    sum(delta) filter (where last_set is null or id >= last_set) as used
  from (
    select e.user_key, h.id as subscription_id, e.feature_id, w.window_start, e.environment_id, e.id,
      ${deltaSql('e')} as delta,
      max(e.id) filter (where e.action = 'SET')
        over (partition by e.user_key, h.id, e.feature_id, w.window_start) as last_set
    from usage_event e
    cross join lateral ${countingHoldingsSql({ userKey: 'e.user_key', hasGrants: 'true' }, 'e.feature_id', 'e.occurred_at')} h
    cross join lateral (select ${windowStartSql('h', 'e.occurred_at')} as window_start) w
    where e.user_key between $1 and $2
  ) counted
  group by user_key, subscription_id, feature_id, window_start, environment_id`;

/** Whether anything was ever recorded for a user. */
export async function hasUsage(db: Db, userKey: bigint): Promise<boolean> {
  const [row] = await db.$queryRaw<[{ found: boolean }]>`
    SELECT EXISTS (SELECT FROM usage_event WHERE user_key = ${userKey}) AS found`;
  return row.found;
}

/** How many events these users have together, or `most` if there are as many. */
export async function countUsage(db: Db, userKeys: readonly bigint[], most: number): Promise<number> {
  const [row] = await db.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count FROM (
      SELECT FROM usage_event WHERE user_key = ANY(${userKeys}) LIMIT ${most}
    ) counted`;
  return row.count;
}

/**
 * Recounts the counters and hours of a user from the ledger. The caller has locked the user's row FOR UPDATE.
 *
 * @param formerKeys users whose ledger was moved to this user
 */
export async function recount(tx: Db, userKey: bigint, formerKeys: readonly bigint[] = []): Promise<void> {
  await tx.$executeRaw`delete from usage_counter where user_key = ${userKey}`;
  await tx.$executeRawUnsafe(
    `with counted as (
       insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
       select user_key, subscription_id, feature_id, window_start, environment_id, used from (${foldedSql}) folded
       returning user_key, subscription_id, feature_id, window_start, environment_id, used
     ), ${alertCtes('counted')} select`,
    userKey,
    userKey,
  );
  await settleExcess(tx, userKey);
  await recountHours(tx, userKey, formerKeys);
}
