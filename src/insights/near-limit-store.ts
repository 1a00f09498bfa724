import { type Amount, amountOf, amountText } from '../amount.ts';
import type { Db } from '../database/client.ts';
import { highestFirstSql, liveHoldingsSql, windowStartSql } from '../entitlements/holdings-store.ts';
import { isLiveSql } from '../subscriptions/store.ts';
import { type Asked, allFeatures, oneFeature } from './asked-store.ts';
import {
  nearStoredSql,
  type Standings,
  storedByFeatureSql,
  storedHoldingsSql,
  storedKeysSql,
  storedSharesSql,
} from './standings/stored-store.ts';

/*
 * Counters are read first, and compared with the smallest limit, then with their own: that leaves few users. Only for
 * these the window is computed. Most users hold one thing, which wins; only for the others the winning holding is looked
 * up. $1 is the environment, $2 the feature, $3 the percentage.
 *
 * This takes as long as there are counters. Where users are many, a job has done it: then the same questions are answered
 * from what it stored; see standings/stored-store.ts.
 */

/** The ratio of usage and limit, in percent. Rounded, so that equal usage of equal limits is equal. */
const ratioSql = (used: string, limit: string) =>
  `case when ${limit} = 0 then 'Infinity'::numeric else round(${used} * 100 / ${limit}, 6) end`;

const isNearSql = `c.environment_id = $1 and c.used > 0 and c.used * 100 >= "limit" * $3::int
  and c.window_start <= now()`;

/** About how long a window is. */
const lengthSql = `reset_every * case reset_period
  when 'HOUR' then interval '1 hour' when 'DAY' then interval '1 day' when 'WEEK' then interval '7 days'
  when 'MONTH' then interval '1 month' when 'QUARTER' then interval '3 months' when 'YEAR' then interval '1 year'
end`;

/**
 * When the window of a holding `h` ends, or the holding: the next window is the one in which the instant lies that is one
 * and a half lengths after the start. Windows differ by less than half their length.
 */
const validUntilSql = `coalesce(least(h.ended_at, case when h.reset_period is not null then
  ${windowStartSql('h', `h.window_start + 1.5 * (${lengthSql})`)} end), 'infinity')`;

/**
 * The limits of packages. They are few, so that counters are compared with them in memory. A window that counts now
 * cannot have begun before `earliest`; the days more are for short months and time zones.
 */
const termsSql = (isOf: string) => `
  select package_id, version, feature_id, "limit", overage_enabled, reset_period, reset_every, time_zone,
    coalesce(now() - ${lengthSql} - interval '4 days', '-infinity') as earliest
  from package_feature where environment_id = $1 and "limit" is not null and ${isOf}`;

/** Joins the terms `pf` of the subscription `s` to its counter `c`. */
const joinTermsSql = ({ looksUpTerms }: Pick<Asked, 'looksUpTerms'>) =>
  looksUpTerms
    ? `cross join lateral (${termsSql(
        'package_id = s.package_id and version = s.package_version and feature_id = c.feature_id offset 0',
      )}) pf`
    : 'join terms pf on pf.package_id = s.package_id and pf.version = s.package_version and pf.feature_id = c.feature_id';

const inAnyWindowSql = ({ looksUpTerms }: Pick<Asked, 'looksUpTerms'>) =>
  looksUpTerms ? '' : 'and c.window_start >= (select min(earliest) from terms)';

/* Read as a whole: looking up the subscription of each counter takes twice as long. */
const liveSql = ({ ofUsers }: Asked) => `
  select user_key, id, package_id, package_version, carried, started_at, ended_at from subscription s
  where environment_id = $1 and ${isLiveSql('s')} ${ofUsers('s')}`;

/** Who holds several things, or one beside packages: another one may win. */
const severalSql = ({ ofUsers }: Asked) => `
  select user_key from live group by user_key having count(*) > 1
  union all
  select user_key from feature_grant where environment_id = $1 ${ofUsers('feature_grant')}`;

const tablesSql = (asked: Asked) => `
  terms as materialized (${termsSql(asked.isOf('package_feature'))}), live as materialized (${liveSql(asked)}),
  several as materialized (${severalSql(asked)})`;

/** Users whose usage in the window of a live holding is near its limit, whether or not that holding wins. */
const candidatesSql = ({ counters, join, isOf, ofUsers, smallestLimit, ...asked }: Asked) => `
  select user_key, id, package_id, feature_id, used, "limit", overage_enabled, ${validUntilSql} as valid_until,
    user_key in (select user_key from several) as is_contested
  from (
    select c.user_key, s.id, s.package_id, c.feature_id, c.used, c.window_start, s.ended_at, pf."limit", pf.overage_enabled, pf.reset_period, pf.reset_every, pf.time_zone,
      case when s.carried is null then s.started_at
        else coalesce((s.carried -> pf.feature_id ->> 'anchor')::timestamptz, s.started_at) end as anchor
    from ${counters}
    ${join}
    join live s on s.user_key = c.user_key and s.id = c.subscription_id
    ${joinTermsSql(asked)}
    where ${isNearSql} and ${isOf('c')} ${ofUsers('c')} and c.used * 100 >= ${smallestLimit} * $3::int
      and c.window_start >= pf.earliest ${inAnyWindowSql(asked)}
    union all
    select c.user_key, g.id, null, c.feature_id, c.used, c.window_start, g.ends_at, g."limit", g.overage_enabled, g.reset_period,
      g.reset_every, null, g.starts_at
    from feature_grant g
    join usage_counter c on c.user_key = g.user_key and c.subscription_id = g.id and c.feature_id = g.feature_id
    ${join}
    where ${isNearSql} and g.environment_id = $1 and ${isOf('c')} and ${isOf('g')} ${ofUsers('g')} and g.starts_at <= now()
      and (g.ends_at is null or g.ends_at > now())
  ) h
  where window_start = ${windowStartSql('h', 'now()')}`;

/** Whether a candidate `c` is of the holding that wins. */
const winsSql = ({ featureId }: Asked) => `(not c.is_contested or c.id = (
  select id from ${liveHoldingsSql({ userKey: 'c.user_key', hasGrants: 'true' }, featureId)} h
  order by ${highestFirstSql('h')} limit 1
))`;

/* The features that have a limit in a package or a grant, with the smallest one of the packages. */
const limitedSql = `
  select f.id, f.created_at, pf.smallest from feature f
  cross join lateral (
    select min("limit") as smallest from package_feature where environment_id = $1 and feature_id = f.id
  ) pf
  where f.environment_id = $1 and f.type = 'CONSUMABLE' and (
    pf.smallest is not null
    or exists (select from feature_grant where environment_id = $1 and feature_id = f.id and "limit" is not null)
  )`;

/* A limit that is used up refuses more, unless it has overage or a top-up has something left. */
const refusesSql = (asked: Asked) => `not c.overage_enabled and not exists (
  select from top_up where user_key = c.user_key and feature_id = ${asked.featureId} and remaining > 0
    and voided_at is null and (expires_at is null or expires_at > now())
)`;

/** Which standings: of any feature, or of the one in $2; and whether only those whose limit refuses more. Then $3 is 100. */
export interface Which {
  anyFeature: boolean;
  refused: boolean;
}

function nearUsersSql(columns: string, { refused }: Which, asked: Asked) {
  return `
    with ${asked.join === '' ? '' : `limited as materialized (${limitedSql}), `}${tablesSql(asked)}
    select ${columns} from (${candidatesSql(asked)}) c
    where ${winsSql(asked)} ${refused ? `and ${refusesSql(asked)}` : ''}`;
}

const askedOf = ({ anyFeature }: Which) => (anyFeature ? allFeatures : oneFeature);

/** Whether a user is near a limit: a condition on the key. */
export const isNearSqlOf = ({ isStored }: Standings, userKey: string, which: Which): string =>
  isStored
    ? `exists (${storedKeysSql(userKey, which)})`
    : `${userKey} in (${nearUsersSql('c.user_key', which, askedOf(which))})`;

/** The users near a limit, each with the highest part of one. */
export const nearSharesSql = ({ isStored }: Standings, which: Which): string =>
  isStored
    ? storedSharesSql(which)
    : `${nearUsersSql(`c.user_key, max(${ratioSql('c.used', 'c."limit"')}) as share`, which, askedOf(which))}
       group by c.user_key`;

const all: Which = { anyFeature: true, refused: false };
const refusesMoreSql = `c.used >= c."limit" and ${refusesSql(allFeatures)} as refuses`;

/** The holdings of any feature whose limit is near, each with its user, its package, and whether it refuses more. $2 is null. */
export const nearHoldingsSql = ({ isStored }: Standings): string =>
  isStored
    ? storedHoldingsSql
    : `${nearUsersSql(`c.user_key, c.package_id, ${refusesMoreSql}`, all, allFeatures)} and $2::text is null`;

/** What is stored of users: all of it from $3 percent on. $2 is null. */
export const standingsOfUsersSql = (asked: Asked): string => `
  ${nearUsersSql(
    `c.user_key, c.feature_id, c.package_id, c.used, c."limit", ${ratioSql('c.used', 'c."limit"')} as share,
     ${refusesMoreSql}, c.valid_until`,
    all,
    asked,
  )} and $2::text is null`;

/** The users near their limit, those with the highest ratio first. */
const nearSql = `
  with ${tablesSql(oneFeature)}, candidate as materialized (
    select user_key, id, used, "limit", is_contested, ${ratioSql('used', '"limit"')} as ratio
    from (${candidatesSql(oneFeature)}) near
  )
  select c.user_key as "userKey", c.used, c."limit"
  from (
    select * from candidate
    where $4::bigint is null or (-ratio, user_key) > (-(${ratioSql('$5::numeric', '$6::numeric')}), $4::bigint)
    order by ratio desc, user_key
  ) c
  where ${winsSql(oneFeature)}
  limit $7`;

export interface NearLimit {
  userKey: bigint;
  used: Amount;
  limit: Amount;
}

export interface NearLimitQuestion {
  environmentId: string;
  featureId: string;
  percent: number;
}

/**
 * Users who have used at least this part of their limit, in the window and by the holding that count now.
 *
 * @param last the user before the page, with the present usage and limit; null for the first page
 */
export async function findNearLimit(
  db: Db,
  { isStored }: Standings,
  { environmentId, featureId, percent }: NearLimitQuestion,
  { take, last }: { take: number; last: NearLimit | null },
): Promise<NearLimit[]> {
  type Row = { userKey: bigint; used: Parameters<typeof amountOf>[0]; limit: Parameters<typeof amountOf>[0] };
  const after =
    last === null ? [null, null, null] : [last.userKey, amountText(last.used), amountText(last.limit)];
  const rows = await db.$queryRawUnsafe<Row[]>(
    isStored ? nearStoredSql(ratioSql('$5::numeric', '$6::numeric')) : nearSql,
    ...[environmentId, featureId, percent, ...after, take],
  );
  return rows.map(({ userKey, used, limit }) => ({ userKey, used: amountOf(used), limit: amountOf(limit) }));
}

/*
 * The same of the first $2 features that have a limit in a package or a grant, and of each at most $4 users. Of a feature
 * without a limit nobody is near it.
 */
const nearByFeatureSql = `
  with limited as materialized (
    ${limitedSql} order by f.created_at, f.id limit $2
  ), ${tablesSql(allFeatures)}, candidate as materialized (
    select user_key, id, feature_id, used, "limit", is_contested, ${ratioSql('used', '"limit"')} as ratio
    from (${candidatesSql(allFeatures)}) near
  )
  select limited.id as "featureId", near.user_key as "userKey", near.used, near."limit"
  from limited
  cross join lateral (
    select c.user_key, c.used, c."limit", c.ratio
    from (select * from candidate where feature_id = limited.id order by ratio desc, user_key) c
    where ${winsSql(allFeatures)}
    limit $4
  ) near
  order by limited.created_at, limited.id, near.ratio desc, near.user_key`;

/** The users near a limit of any feature: of each feature at most `take`, those with the highest ratio first. */
export async function findNearLimits(
  db: Db,
  { isStored }: Standings,
  { environmentId, percent }: Omit<NearLimitQuestion, 'featureId'>,
  { features, take }: { features: number; take: number },
): Promise<(NearLimit & { featureId: string })[]> {
  type Row = {
    featureId: string;
    userKey: bigint;
    used: Parameters<typeof amountOf>[0];
    limit: Parameters<typeof amountOf>[0];
  };
  const sql = isStored ? storedByFeatureSql(limitedSql) : nearByFeatureSql;
  const rows = await db.$queryRawUnsafe<Row[]>(sql, environmentId, features, percent, take);
  return rows.map((row) => ({ ...row, used: amountOf(row.used), limit: amountOf(row.limit) }));
}
