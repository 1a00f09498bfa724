import { type Amount, amountOf } from '../../amount.ts';
import type { Db } from '../../database/client.ts';
import type { Span } from './series-rules.ts';
import { changesSql } from './store.ts';

/** Usage of a feature in one bucket. */
export interface Used {
  featureId: string;
  start: Date;
  used: Amount;
}

/*
 * One statement reads the rollup plus the part of the ledger that is not rolled up yet. So the result is exact during
 * concurrent recording, rollups, merges and deletions. $4 is the environment in every statement.
 */
const notRolledUp =
  'id > coalesce((select last_id from usage_rollup where environment_id = $4), 0) and occurred_at >= $1::timestamptz and occurred_at < $2::timestamptz';

const bucketsSql = (hours: string, tail: string) => `
  select feature_id as "featureId", date_trunc($3, hour, 'UTC') as start, sum(used) as used
  from (
    select feature_id, hour, used from ${hours} and hour >= $1::timestamptz and hour < $2::timestamptz
    union all
    select feature_id, hour, change from (${changesSql(`${tail} and ${notRolledUp}`)}) changes
  ) hours
  group by 1, 2`;

/* Resolve merged ids in the same statement: a merge moves usage from one user to another. */
const userKeySql =
  '(select coalesce(merged_into, key) from "user" where environment_id = $4 and id = $5 limit 1)';
const ofUser = `user_key = ${userKeySql}`;
const userSql = bucketsSql(`usage_hour where ${ofUser} and feature_id = $6`, `${ofUser} and feature_id = $6`);
const ofFeature = 'environment_id = $4 and feature_id = $5';
const featureSql = bucketsSql(`feature_hour where ${ofFeature}`, ofFeature);
const topSql = (buckets: string, count: string) => `
  with buckets as (${buckets})
  select "featureId", start, used from buckets
  where "featureId" in (
    select "featureId" from buckets group by 1 having sum(used) <> 0 order by sum(used) desc, 1 limit ${count}
  )`;
const ofEnvironment = 'environment_id = $4';
const topOfAllSql = topSql(bucketsSql(`feature_hour where ${ofEnvironment}`, ofEnvironment), '$5');
const topOfUserSql = topSql(bucketsSql(`usage_hour where ${ofUser}`, ofUser), '$6');

const boundsOf = ({ starts, end, bucket }: Span) => [
  starts[0]?.toISOString(),
  end.toISOString(),
  bucket.toLowerCase(),
];

async function read(db: Db, sql: string, ...values: unknown[]): Promise<Used[]> {
  type Row = Omit<Used, 'used'> & { used: Parameters<typeof amountOf>[0] };
  const rows = await db.$queryRawUnsafe<Row[]>(sql, ...values);
  return rows.map((row) => ({ ...row, used: amountOf(row.used) }));
}

/** Usage of a feature by one user, in the buckets with usage. */
export function findUserSeries(
  db: Db,
  { environmentId, userId, featureId }: { environmentId: string; userId: string; featureId: string },
  span: Span,
): Promise<Used[]> {
  return read(db, userSql, ...boundsOf(span), environmentId, userId, featureId);
}

/** Usage of a feature by all users. */
export function findFeatureSeries(
  db: Db,
  { environmentId, featureId }: { environmentId: string; featureId: string },
  span: Span,
): Promise<Used[]> {
  return read(db, featureSql, ...boundsOf(span), environmentId, featureId);
}

/** Usage of the most used features, by one user or (null) by all users. */
export function findTopSeries(
  db: Db,
  { environmentId, userId }: { environmentId: string; userId: string | null },
  span: Span,
  count: number,
): Promise<Used[]> {
  const bounds = boundsOf(span);
  return userId === null
    ? read(db, topOfAllSql, ...bounds, environmentId, count)
    : read(db, topOfUserSql, ...bounds, environmentId, userId, count);
}
