import { type Amount, amountOf } from '../amount.ts';
import type { Db } from '../database/client.ts';
import { highestFirstSql, liveHoldingsSql, windowStartSql } from '../entitlements/holdings-store.ts';
import { isLiveSql } from '../subscriptions/store.ts';

/** The limit of which a user has used the highest part. */
export interface HighestUse {
  userKey: bigint;
  featureId: string;
  used: Amount;
  limit: Amount;
}

/*
 * For each user: the features of what the user holds, of each the winning holding, and its counter in the current window.
 * All by key: what it reads does not depend on how many users there are.
 */
const highestUseSql = `
  select distinct on (u.key) u.key as "userKey", f.feature_id as "featureId", counter.used, winner."limit"
  from "user" u
  cross join lateral (
    select pf.feature_id from subscription s
    join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
      and pf.version = s.package_version and pf."limit" is not null
    where s.user_key = u.key and ${isLiveSql('s')}
    union
    select feature_id from feature_grant where u.has_grants and user_key = u.key and "limit" is not null
  ) f
  cross join lateral (
    select h.*, h.id as subscription_id from ${liveHoldingsSql({ userKey: 'u.key', hasGrants: 'u.has_grants' }, 'f.feature_id')} h
    order by ${highestFirstSql('h')} limit 1
  ) winner
  cross join lateral (select ${windowStartSql('winner', 'now()')} as start offset 0) current
  join usage_counter counter on counter.user_key = u.key and counter.subscription_id = winner.subscription_id
    and counter.feature_id = f.feature_id and counter.window_start = current.start
  where u.key = any($1::bigint[]) and winner."limit" is not null and counter.used > 0
  order by u.key, case when winner."limit" = 0 then 'Infinity'::numeric else counter.used / winner."limit" end desc,
    f.feature_id`;

/** Of each of these users the limit of which most is used; none of a user who used nothing of a limit. */
export async function readHighestUse(db: Db, userKeys: readonly bigint[]): Promise<HighestUse[]> {
  type Row = Omit<HighestUse, 'used' | 'limit'> & Record<'used' | 'limit', Parameters<typeof amountOf>[0]>;
  const rows = await db.$queryRawUnsafe<Row[]>(highestUseSql, userKeys);
  return rows.map((row) => ({ ...row, used: amountOf(row.used), limit: amountOf(row.limit) }));
}

/** When the last usage of each of these users was recorded. */
export async function readLastUse(
  db: Db,
  userKeys: readonly bigint[],
): Promise<{ userKey: bigint; at: Date }[]> {
  return db.$queryRawUnsafe(
    `select u.key as "userKey", last.recorded_at as at from unnest($1::bigint[]) as u(key)
     cross join lateral (
       select recorded_at from usage_event where user_key = u.key order by id desc limit 1
     ) last`,
    userKeys,
  );
}
