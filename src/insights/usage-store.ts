import { type Amount, amountOf } from '../amount.ts';
import type { Db } from '../database/client.ts';
import { changesSql } from '../usage/rollup/store.ts';
import type { Hours } from './span-rules.ts';

type Sum = Parameters<typeof amountOf>[0];

/*
 * As in usage/rollup/series-store.ts, one statement reads the hours and the part of the ledger after them. $1 is the
 * environment, $2 the feature; $3 and $4 are the hours.
 */
const userHoursSql = `
  select user_key, hour, used from usage_hour
  where environment_id = $1 and feature_id = $2 and hour >= $3::timestamptz and hour < $4::timestamptz
  union all
  select user_key, hour, change from (${changesSql(`
    environment_id = $1 and feature_id = $2
    and id > coalesce((select last_id from usage_rollup where environment_id = $1), 0)
    and occurred_at >= $3::timestamptz and occurred_at < $4::timestamptz`)}) changes`;

const topUsersSql = `
  select user_key as "userKey", sum(used) as used from (${userHoursSql}) hours
  group by user_key having sum(used) > 0 order by sum(used) desc, user_key limit $5`;

/** The users who used most of a feature, most first. */
export async function findTopUsers(
  db: Db,
  { environmentId, featureId }: { environmentId: string; featureId: string },
  { from, to }: Hours,
  count: number,
): Promise<{ userKey: bigint; used: Amount }[]> {
  const rows = await db.$queryRawUnsafe<{ userKey: bigint; used: Sum }[]>(
    topUsersSql,
    ...[environmentId, featureId, from.toISOString(), to.toISOString(), count],
  );
  return rows.map(({ userKey, used }) => ({ userKey, used: amountOf(used) }));
}

/*
 * Usage belongs to the packages with the feature that the user held in that hour, whatever their status: to each of
 * several, and to none (null) where there is none.
 */
const packagesSql = `
  with hours as materialized (${userHoursSql}), used as (
    select s.package_id, h.user_key, sum(h.used) as used
    from hours h
    left join (
      subscription s join package_feature pf on pf.environment_id = s.environment_id
        and pf.package_id = s.package_id and pf.version = s.package_version and pf.feature_id = $2
    ) on s.user_key = h.user_key and s.environment_id = $1 and date_trunc('hour', s.started_at, 'UTC') <= h.hour
      and (s.ended_at is null or s.ended_at > h.hour)
    group by s.package_id, h.user_key
  )
  select package_id as "packageId", sum(used) as used, count(*)::int as users from used
  group by package_id order by sum(used) desc, package_id nulls last`;

export interface PackageUse {
  packageId: string | null;
  used: Amount;
  users: number;
}

/** Usage of a feature by the packages of its users, most first. */
export async function findUsageByPackage(
  db: Db,
  { environmentId, featureId }: { environmentId: string; featureId: string },
  { from, to }: Hours,
): Promise<PackageUse[]> {
  const rows = await db.$queryRawUnsafe<(Omit<PackageUse, 'used'> & { used: Sum })[]>(
    packagesSql,
    ...[environmentId, featureId, from.toISOString(), to.toISOString()],
  );
  return rows.map(({ used, ...row }) => ({ ...row, used: amountOf(used) }));
}
