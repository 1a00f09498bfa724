import type { PoolClient } from 'pg';
import type { Db } from '../../database/client.ts';
import { highestFirstSql } from '../../entitlements/store.ts';

/*
 * Usage over time, rolled up by hours: `usage_hour` per user, `feature_hour` for all users together. Both hold
 * the events of the ledger up to `usage_rollup.rolled_up_to`, and nothing of those after it; whoever asks adds
 * these (see series-store.ts). All of it changes only under the lock of that one row.
 */

/** Whether the event `alias` counts in the window that a SET replaces. Outside of subscriptions all is one window. */
const inWindow = (alias: string) => `
  ("window".started_at is null or ${alias}.occurred_at >= "window".started_at
    and ("window".ended_at is null or ${alias}.occurred_at < "window".ended_at)
    and usage_window_start("window".started_at, "window".reset_period, ${alias}.occurred_at) = "window".start)`;

/*
 * What the window held that the SET `e` replaced: the window of the subscription that counted most (highestGrant)
 * of those that the event counts towards.
 */
const replacedSql = `
  select coalesce(sum(p.delta), 0)
  from (select 1) one
  left join lateral (
    select s.started_at, s.ended_at, pf.reset_period,
      usage_window_start(s.started_at, pf.reset_period, e.occurred_at) as start
    from subscription s
    join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
      and pf.feature_id = e.feature_id
    where s.user_key = e.user_key
      and s.started_at <= e.occurred_at and (s.ended_at is null or e.occurred_at < s.ended_at)
    order by ${highestFirstSql}
    limit 1
  ) "window" on true
  left join lateral (
    select l.id from usage_event l
    where l.user_key = e.user_key and l.id < e.id and l.feature_id = e.feature_id and l.action = 'SET'
      and ${inWindow('l')}
    order by l.id desc limit 1
  ) last_set on true
  join usage_event p on p.user_key = e.user_key and p.id < e.id and p.id >= coalesce(last_set.id, 0)
    and p.feature_id = e.feature_id and ${inWindow('p')}`;

/**
 * By how much each event changed usage, and in which hour: ADD by its delta, SET by the difference that it made.
 * What comes later in the ledger changes nothing of it; only a merge does, which recounts.
 *
 * @param which the condition on `usage_event` that selects the events; they are looked up by an index
 */
export const changesSql = (which: string) => `
  select e.user_key, e.environment_id, e.feature_id, date_trunc('hour', e.occurred_at, 'UTC') as hour,
    case e.action when 'ADD' then e.delta else e.delta - (${replacedSql}) end as change
  from (select * from usage_event where ${which} order by id offset 0) e`;

/** Adds what events changed to the hours of their users and features. */
const addSql = (which: string) => `
  with changed as materialized (
    select user_key, environment_id, feature_id, hour, sum(change)::bigint as used
    from (${changesSql(which)}) changes group by user_key, environment_id, feature_id, hour
  ), by_user as (
    insert into usage_hour as known (user_key, feature_id, hour, environment_id, used)
    select user_key, feature_id, hour, environment_id, used from changed
    on conflict (user_key, feature_id, hour) do update set used = known.used + excluded.used
  )
  insert into feature_hour as known (environment_id, feature_id, hour, used)
  select environment_id, feature_id, hour, sum(used) from changed group by environment_id, feature_id, hour
  on conflict (environment_id, feature_id, hour) do update set used = known.used + excluded.used`;

const lockSql = 'select rolled_up_to from usage_rollup for update';

/**
 * Rolls up the next events, at most `count`, of those up to `upTo`; call it in a transaction. Sums and progress
 * are saved together, so that each event is rolled up once.
 *
 * @returns whether there may be more
 */
export async function rollUpNext(client: PoolClient, upTo: bigint, count: number): Promise<boolean> {
  const { rows } = await client.query<{ rolled_up_to: string }>(lockSql);
  const after = BigInt(rows[0]?.rolled_up_to ?? upTo);
  if (after >= upTo) return false;
  const next = await client.query<{ last: string | null }>(
    'select max(id) as last from (select id from usage_event where id > $1 and id <= $2 order by id limit $3) next',
    [after, upTo, count],
  );
  const last = next.rows[0]?.last ?? null;
  if (last !== null) await client.query(addSql('id > $1 and id <= $2'), [after, last]);
  await client.query('update usage_rollup set rolled_up_to = $1', [last ?? upTo]);
  return last !== null;
}

/** The last id that any event of the ledger has been given, by transactions that may not be committed yet. */
export async function readLastId(client: PoolClient): Promise<bigint> {
  const { rows } = await client.query<{ last: string }>(
    'select last_value - case when is_called then 0 else 1 end as last from usage_event_id_seq',
  );
  return BigInt(rows[0]?.last ?? 0);
}

/** The transactions that are writing to the ledger now: who draws ids has this lock before, until all can see them. */
export async function findWriters(client: PoolClient): Promise<Set<string>> {
  const { rows } = await client.query<{ writer: string }>(
    `select virtualtransaction || ' ' || coalesce(pid, 0) as writer from pg_locks
     where locktype = 'relation' and mode = 'RowExclusiveLock' and granted and relation = 'usage_event'::regclass
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return new Set(rows.map(({ writer }) => writer));
}

/** Keeps everybody else from changing the hours until the end of the transaction. */
export async function lockHours(tx: Db): Promise<void> {
  await tx.$queryRawUnsafe(lockSql);
}

/** Takes these users out of the hours; call it in the transaction that takes them out of the ledger. */
export async function forgetHours(tx: Db, userKeys: readonly bigint[]): Promise<void> {
  await lockHours(tx);
  await tx.$executeRaw`
    WITH gone AS (
      DELETE FROM usage_hour WHERE user_key = ANY(${userKeys}) RETURNING environment_id, feature_id, hour, used
    ), total AS (
      SELECT environment_id, feature_id, hour, sum(used) AS used FROM gone GROUP BY environment_id, feature_id, hour
    )
    UPDATE feature_hour known SET used = known.used - total.used FROM total
    WHERE known.environment_id = total.environment_id AND known.feature_id = total.feature_id
      AND known.hour = total.hour`;
}

/**
 * Makes the hours of a user what the ledger says, after it was changed otherwise than by appending.
 *
 * @param formerKeys users whose ledger has become this user's
 */
export async function recountHours(
  tx: Db,
  userKey: bigint,
  formerKeys: readonly bigint[] = [],
): Promise<void> {
  await forgetHours(tx, [userKey, ...formerKeys]);
  const rolledUp = 'user_key = $1 and id <= (select rolled_up_to from usage_rollup)';
  await tx.$executeRawUnsafe(addSql(rolledUp), userKey);
}
