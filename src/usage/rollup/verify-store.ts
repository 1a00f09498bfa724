import { type Amount, amountOf } from '../../amount.ts';
import type { Db, Lookups } from '../../database/client.ts';
import { changesSql, rolledUpSql } from './store.ts';

/** An hour of a user that differs from the ledger. */
export interface HourDifference {
  userKey: bigint;
  featureId: string;
  hour: Date;
  /** The sum of the rolled-up part of the ledger. */
  ledger: Amount;
  /** The value of the rollup. */
  rollup: Amount;
}

/** An hour of a feature that differs from the sum of all users. */
export interface TotalDifference {
  environmentId: string;
  featureId: string;
  hour: Date;
  /** The sum of the hours of all users. */
  users: Amount;
  /** The value of the rollup. */
  rollup: Amount;
}

const hoursSql = `
  select user_key, feature_id, hour, coalesce(folded.used, 0) as ledger, coalesce(known.used, 0) as rollup
  from (
    select user_key, feature_id, hour, sum(change) as used
    from (${changesSql(`user_key between $1 and $2 and ${rolledUpSql}`)}) changes
    group by user_key, feature_id, hour
  ) folded
  full join (select * from usage_hour where user_key between $1 and $2) known using (user_key, feature_id, hour)
  where coalesce(folded.used, 0) <> coalesce(known.used, 0)
  order by user_key, feature_id, hour`;

/** Finds differing hours of the users with keys from `first` to `last`. */
export async function findHourDifferences(
  hot: Lookups,
  first: bigint,
  last: bigint,
): Promise<HourDifference[]> {
  const { rows } = await hot.query(hoursSql, [first, last]);
  return rows.map((row) => ({
    userKey: BigInt(row.user_key),
    featureId: row.feature_id,
    hour: row.hour,
    ledger: amountOf(row.ledger),
    rollup: amountOf(row.rollup),
  }));
}

const summedSql = `
  select environment_id, feature_id, hour, sum(used) as used
  from usage_hour group by environment_id, feature_id, hour`;
/* Lock first: an earlier snapshot would miss a concurrent rollup. */
const lockAllSql = 'select from usage_rollup order by environment_id for update';

const totalsSql = `
  select environment_id, feature_id, hour, coalesce(summed.used, 0) as users, coalesce(known.used, 0) as rollup
  from (${summedSql}) summed full join feature_hour known using (environment_id, feature_id, hour)
  where coalesce(summed.used, 0) <> coalesce(known.used, 0)
  order by environment_id, feature_id, hour`;

/** Finds hours of features that differ from the sum of all users. */
export async function findTotalDifferences(hot: Lookups): Promise<TotalDifference[]> {
  const { rows } = await hot.query(totalsSql);
  return rows.map((row) => ({
    environmentId: row.environment_id,
    featureId: row.feature_id,
    hour: row.hour,
    users: amountOf(row.users),
    rollup: amountOf(row.rollup),
  }));
}

/** Recounts the hours of features from the hours of users, with all environments locked. */
export async function recountTotals(tx: Db): Promise<void> {
  await tx.$queryRawUnsafe(lockAllSql);
  await tx.$executeRaw`UPDATE usage_rollup SET revision = revision + 1`;
  await tx.$executeRaw`DELETE FROM feature_hour`;
  await tx.$executeRawUnsafe(
    `insert into feature_hour (environment_id, feature_id, hour, used) ${summedSql}`,
  );
}
