import type { Db } from '../../database/client.ts';

/*
 * How much of their limits users have used, as the last pass found it (see refresh.ts). A row whose window has ended does
 * not count. Each list is read by an index, from the highest share down. $1 is the environment, $2 the feature, $3 the
 * percentage.
 */

/** Where standings are taken from: from the counters as they are now, or from what a job stored. */
export interface Standings {
  isStored: boolean;
  /** What was used later may be missing. Now, if nothing is stored. */
  asOf: Date;
}

/** Older passes are not read: something is wrong with the job. Then standings are computed. */
const maxAge = '1 hour';

const asOfSql = `
  select as_of as "asOf", now() as now from (select) one
  left join limit_pass on environment_id = $1 and as_of > now() - interval '${maxAge}'`;

export async function readStandings(db: Db, environmentId: string): Promise<Standings> {
  const [row] = await db.$queryRawUnsafe<[{ asOf: Date | null; now: Date }]>(asOfSql, environmentId);
  return { isStored: row.asOf !== null, asOf: row.asOf ?? row.now };
}

const isNearSql = (row: string) =>
  `${row}.environment_id = $1 and ${row}.share >= $3::int and ${row}.valid_until > now()`;

interface Which {
  anyFeature: boolean;
  refused: boolean;
}

const isAskedSql = (row: string, { anyFeature, refused }: Which) =>
  `${anyFeature ? '$2::text is null' : `${row}.feature_id = $2`} ${refused ? `and ${row}.refuses` : ''}`;

/** Rows if a user is near a limit. */
export const storedKeysSql = (userKey: string, which: Which): string => `
  select from limit_standing near
  where near.user_key = ${userKey} and ${isNearSql('near')} and ${isAskedSql('near', which)}`;

/** Whether at most `count` standings are near a limit: reading ends with the next one. */
export const areFewSql = (which: Which, count: string): string => `
  select count(*) <= ${count}::int as few from (
    select from limit_standing near where ${isNearSql('near')} and ${isAskedSql('near', which)} limit ${count}::int + 1
  ) near`;

/** All users near a limit, each once, by their key. */
export const storedUsersSql = (which: Which): string => `
  select near.user_key as key from limit_standing near where ${isNearSql('near')} and ${isAskedSql('near', which)}
  group by near.user_key`;

/** The users near a limit, each with the highest part of one: of the rows of a user, the one with no other above it. */
export const storedSharesSql = (which: Which): string => `
  select near.user_key, near.share from limit_standing near
  where ${isNearSql('near')} and ${isAskedSql('near', which)} ${
    which.anyFeature
      ? `and near.feature_id = (
    select other.feature_id from limit_standing other
    where other.user_key = near.user_key and other.valid_until > now() ${which.refused ? 'and other.refuses' : ''}
    order by other.share desc, other.feature_id limit 1
  )`
      : ''
  }`;

export const storedHoldingsSql = `
  select user_key, package_id, refuses from limit_standing near where ${isNearSql('near')} and $2::text is null`;

const shareOfLastSql = (ratio: string) =>
  `coalesce((select share from limit_standing where user_key = $4 and feature_id = $2), ${ratio})`;

/** The users near their limit of a feature, the highest share first, after the user $4. */
export const nearStoredSql = (ratioOfLast: string): string => `
  select user_key as "userKey", used, "limit" from limit_standing near
  where ${isNearSql('near')} and feature_id = $2
    and ($4::bigint is null or (share, user_key) < (${shareOfLastSql(ratioOfLast)}, $4::bigint))
  order by share desc, user_key desc limit $7`;

/** The same of the first $2 of these features, and of each at most $4 users. */
export const storedByFeatureSql = (features: string): string => `
  with limited as materialized (${features} order by f.created_at, f.id limit $2)
  select limited.id as "featureId", near.user_key as "userKey", near.used, near."limit"
  from limited
  cross join lateral (
    select near.* from limit_standing near where ${isNearSql('near')} and near.feature_id = limited.id
    order by near.share desc, near.user_key desc limit $4
  ) near
  order by limited.created_at, limited.id, near.share desc, near.user_key desc`;
