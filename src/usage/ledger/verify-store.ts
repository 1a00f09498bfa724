import type { Pool } from 'pg';
import type { Db } from '../../database/client.ts';
import { countingSql } from '../../subscriptions/store.ts';
import { recountHours } from '../rollup/store.ts';

/** A window whose counter is not what the ledger folds to. */
export interface Difference {
  userKey: bigint;
  subscriptionId: bigint;
  featureId: string;
  windowStart: Date;
  /** What the ledger folds to. */
  ledger: bigint;
  /** What the counter says. */
  counter: bigint;
}

/*
 * The ledger of the users $1 to $2, folded into windows by the rules of ledger-rules.ts: each event counts in
 * the window that it falls in, of every subscription that had begun and not ended; from the last SET on, in
 * the ledger's order, the deltas add up, the SET's own included.
 */
const foldedSql = `
  select user_key, subscription_id, feature_id, window_start, environment_id,
    sum(delta) filter (where last_set is null or id >= last_set) as used
  from (
    select e.user_key, s.id as subscription_id, e.feature_id, w.window_start, e.environment_id, e.id, e.delta,
      max(e.id) filter (where e.action = 'SET')
        over (partition by e.user_key, s.id, e.feature_id, w.window_start) as last_set
    from usage_event e
    cross join lateral ${countingSql('e.user_key', 'e.occurred_at')} s
    join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
      and pf.feature_id = e.feature_id
    cross join lateral (
      select usage_window_start(s.started_at, pf.reset_period, e.occurred_at) as window_start
    ) w
    where e.user_key between $1 and $2
  ) counted
  group by user_key, subscription_id, feature_id, window_start, environment_id`;

const differencesSql = `
  select user_key, subscription_id, feature_id, window_start,
    coalesce(folded.used, 0) as ledger, coalesce(counter.used, 0) as counter
  from (${foldedSql}) folded
  full join (select * from usage_counter where user_key between $1 and $2) counter
    using (user_key, subscription_id, feature_id, window_start)
  where coalesce(folded.used, 0) <> coalesce(counter.used, 0)
  order by user_key, subscription_id, feature_id, window_start`;

/**
 * The windows of the users with keys from `first` to `last` whose counters are not what the ledger folds to.
 * One statement sees one state of a live database, and usage changes ledger and counters together.
 */
export async function findDifferences(hot: Pool, first: bigint, last: bigint): Promise<Difference[]> {
  const { rows } = await hot.query(differencesSql, [first, last]);
  return rows.map((row) => ({
    userKey: BigInt(row.user_key),
    subscriptionId: BigInt(row.subscription_id),
    featureId: row.feature_id,
    windowStart: row.window_start,
    ledger: BigInt(row.ledger),
    counter: BigInt(row.counter),
  }));
}

/**
 * Makes the counters and hours of a user what the ledger folds to; call it with the user's row locked for update.
 *
 * @param formerKeys users whose ledger has become this user's
 */
export async function recount(tx: Db, userKey: bigint, formerKeys: readonly bigint[] = []): Promise<void> {
  await tx.$executeRaw`delete from usage_counter where user_key = ${userKey}`;
  await tx.$executeRawUnsafe(
    `insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
     select user_key, subscription_id, feature_id, window_start, environment_id, used from (${foldedSql}) folded`,
    userKey,
    userKey,
  );
  await recountHours(tx, userKey, formerKeys);
}

/** The keys of the first and last of the next users after `after`, null when there are none. */
export async function nextUsers(
  hot: Pool,
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

export async function countUsers(hot: Pool): Promise<number> {
  const { rows } = await hot.query('select count(*) as count from "user"');
  return Number(rows[0].count);
}
