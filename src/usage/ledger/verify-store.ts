import { type Amount, amountOf } from '../../amount.ts';
import type { Lookups } from '../../database/client.ts';
import { foldedSql } from './store.ts';

/** A window whose counter differs from the ledger. */
export interface Difference {
  userKey: bigint;
  subscriptionId: bigint;
  featureId: string;
  windowStart: Date;
  /** The sum of the ledger. */
  ledger: Amount;
  /** The value of the counter. */
  counter: Amount;
}

const differencesSql = `
  select user_key, subscription_id, feature_id, window_start,
    coalesce(folded.used, 0) as ledger, coalesce(counter.used, 0) as counter
  from (${foldedSql}) folded
  full join (select * from usage_counter where user_key between $1 and $2) counter
    using (user_key, subscription_id, feature_id, window_start)
  where coalesce(folded.used, 0) <> coalesce(counter.used, 0)
  order by user_key, subscription_id, feature_id, window_start`;

/**
 * Finds differing counters of the users with keys from `first` to `last`. One statement sees one state of a live
 * database, and each usage changes ledger and counters in one transaction.
 */
export async function findDifferences(hot: Lookups, first: bigint, last: bigint): Promise<Difference[]> {
  const { rows } = await hot.query(differencesSql, [first, last]);
  return rows.map((row) => ({
    userKey: BigInt(row.user_key),
    subscriptionId: BigInt(row.subscription_id),
    featureId: row.feature_id,
    windowStart: row.window_start,
    ledger: amountOf(row.ledger),
    counter: amountOf(row.counter),
  }));
}

/** The first and last key of the next users after `after`; null if there are none. */
export async function nextUsers(
  hot: Lookups,
  after: bigint,
  count: number,
): Promise<{ first: bigint; last: bigint; count: number } | null> {
  const { rows } = await hot.query(
    `select min(key) as first, max(key) as last, count(*) as count
     from (select key from "user" where key > $1 order by key limit $2) users`,
    [after, count],
  );
  const [row] = rows;
  return row.first && { first: BigInt(row.first), last: BigInt(row.last), count: Number(row.count) };
}

export async function countUsers(hot: Lookups): Promise<number> {
  const { rows } = await hot.query('select count(*) as count from "user"');
  return Number(rows[0].count);
}
