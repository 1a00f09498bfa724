import type { PoolClient } from 'pg';
import { deltaSql } from '../../database/amount-sql.ts';
import type { Db } from '../../database/client.ts';
import { transaction } from '../../database/transaction.ts';
import {
  countingHoldingsSql,
  highestFirstSql,
  windowColumnsSql,
  windowStartSql,
} from '../../entitlements/holdings-store.ts';

/*
 * Usage over time by hours: `usage_hour` per user, `feature_hour` for all users of an environment. Both contain exactly
 * the events up to `usage_rollup.last_id`; a query adds the later events (see series-store.ts). They change only under
 * the lock of the environment's row in `usage_rollup`.
 */

/** The winning holding of a feature at an instant, in the order of highestGrant. */
const winnerAtSql = (userKey: string, featureId: string, at: string) => `
  select h.* from ${countingHoldingsSql({ userKey, hasGrants: 'true' }, featureId, at)} h
  order by ${highestFirstSql('h')} limit 1`;

/**
 * The change by each event, and its hour: ADD changes usage by its delta, SET by the difference in the window of the
 * winning holding (highestGrant). Usage outside every holding is one window without end. Only a merge, or a feature
 * grant that starts in the past, affects the change of an old event.
 *
 * The plan is fixed, so that wrong statistics cannot make it slow. The events of features with a SET are read once for
 * each holding (`step`) and sorted once. A SET appears twice in that order, first as a step of 0 that reads the
 * usage before it.
 *
 * @param which the condition on `usage_event` that selects the events; they are looked up by an index
 */
export const changesSql = (which: string) => `
  with target as materialized (
    select user_key, environment_id, feature_id, id, action, ${deltaSql('usage_event')} as delta, occurred_at,
      date_trunc('hour', occurred_at, 'UTC') as hour
    from usage_event where ${which}
  ), replacing as materialized (
    select t.*, winner.id as holding_id, winner.started_at, winner.ended_at, ${windowColumnsSql('winner')}
    from target t
    left join lateral (${winnerAtSql('t.user_key', 't.feature_id', 't.occurred_at')}) winner on true
    where t.action = 'SET'
  ), holder as materialized (
    select user_key, feature_id, holding_id, started_at, ended_at, ${windowColumnsSql('replacing')}, max(id) as last_id
    from replacing
    group by user_key, feature_id, holding_id, started_at, ended_at, ${windowColumnsSql('replacing')}
  ), step as (
    select h.user_key, h.feature_id, h.holding_id, ${windowStartSql('h', 'e.occurred_at')} as window_start,
      e.id, e.action = 'SET' as replaces, e.delta, null::numeric as set_to, null as environment_id,
      null::timestamptz as hour
    from holder h
    cross join lateral (
      select p.id, p.action, ${deltaSql('p')} as delta, p.occurred_at from usage_event p
      where p.user_key = h.user_key and p.id <= h.last_id and p.feature_id = h.feature_id
        and case when h.holding_id is null
          then not exists (${winnerAtSql('p.user_key', 'p.feature_id', 'p.occurred_at')})
          else p.occurred_at >= h.started_at and (h.ended_at is null or p.occurred_at < h.ended_at) end
      offset 0
    ) e
    union all
    select user_key, feature_id, holding_id, ${windowStartSql('replacing', 'occurred_at')},
      id, false, 0, delta, environment_id, hour
    from replacing
  ), since_set as (
    select *, count(*) filter (where replaces) over in_order as sets from step
    window in_order as (
      partition by user_key, feature_id, holding_id, window_start
      order by id, (set_to is null) rows unbounded preceding
    )
  ), counted as (
    select *, sum(delta) over (
      partition by user_key, feature_id, holding_id, window_start, sets
      order by id, (set_to is null) rows unbounded preceding
    ) as used
    from since_set
  )
  select user_key, environment_id, feature_id, hour, delta as change from target where action = 'ADD'
  union all
  select user_key, environment_id, feature_id, hour, set_to - used from counted where set_to is not null`;

/** The sum of changes by user, feature and hour. */
const sumsSql = (which: string) => `
  select user_key, environment_id, feature_id, hour, sum(change) as used
  from (${changesSql(which)}) changes group by user_key, environment_id, feature_id, hour`;

/** Adds the sums of sumsSql to the hours of users and features. */
const addSql = (sums: string) => `
  with changed as materialized (${sums}), by_user as (
    insert into usage_hour as known (user_key, feature_id, hour, environment_id, used)
    select user_key, feature_id, hour, environment_id, used from changed order by user_key, feature_id, hour
    on conflict (user_key, feature_id, hour) do update set used = known.used + excluded.used
  )
  insert into feature_hour as known (environment_id, feature_id, hour, used)
  select environment_id, feature_id, hour, sum(used) from changed group by environment_id, feature_id, hour
  on conflict (environment_id, feature_id, hour) do update set used = known.used + excluded.used`;

const addRowsSql = addSql(
  `select user_key, $1::text as environment_id, feature_id, hour, used
   from unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::numeric[]) as i(user_key, feature_id, hour, used)`,
);

interface Progress {
  /** The last event that the hours contain. */
  last_id: string;
  /** Increases when users are merged or deleted, which changes the hours without a rollup. */
  revision: string;
}

const nextIdSql = `
  select max(id) as last from (select id from usage_event where id > $1 and id <= $2 order by id limit $3) next`;

/** The number of attempts to sum a batch without the lock; after that, with the lock. */
const maxUnlockedAttempts = 3;

/**
 * Rolls up one batch of an environment: its events among the next `count` events of the ledger, up to `upTo`. One
 * transaction saves sums and progress, so each event is rolled up once. The sums are computed before, without a lock,
 * and again if users were merged or deleted meanwhile.
 *
 * @returns whether there may be more
 */
export async function rollUpNext(
  client: PoolClient,
  { environmentId, upTo, count }: { environmentId: string; upTo: bigint; count: number },
): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const locked = attempt > maxUnlockedAttempts;
    const seen = await readProgress(client, environmentId);
    const after = BigInt(seen.last_id);
    if (after >= upTo) return false;
    const next = await client.query<{ last: string | null }>(nextIdSql, [after, upTo, count]);
    const last = next.rows[0]?.last ?? null;
    const read = () => client.query(sumsSql(ofNext), [environmentId, after, last ?? upTo]);
    const { rows: sums } = last === null || locked ? { rows: [] } : await read();
    const saved = await transaction(client, async () => {
      const now = await readProgress(client, environmentId, 'for update');
      if (now.last_id !== seen.last_id || (now.revision !== seen.revision && !locked)) return false;
      const changed = last !== null && locked ? (await read()).rows : sums;
      if (changed.length > 0) await client.query(addRowsSql, [environmentId, ...columnsOf(changed)]);
      await client.query('update usage_rollup set last_id = $2 where environment_id = $1', [
        environmentId,
        last ?? upTo,
      ]);
      return true;
    });
    if (saved) return last !== null;
  }
}

const ofNext = 'environment_id = $1 and id > $2 and id <= $3';

const columnsOf = (sums: { user_key: string; feature_id: string; hour: Date; used: string }[]) => [
  sums.map(({ user_key }) => user_key),
  sums.map(({ feature_id }) => feature_id),
  sums.map(({ hour }) => hour),
  sums.map(({ used }) => used),
];

async function readProgress(client: PoolClient, environmentId: string, lock = ''): Promise<Progress> {
  const sql = `select last_id, revision from usage_rollup where environment_id = $1 ${lock}`;
  const { rows } = await client.query<Progress>(sql, [environmentId]);
  const [row] = rows;
  if (!row) throw new Error(`the rollup of the environment ${environmentId} is missing`);
  return row;
}

/** Returns all environments; adds missing rows for their progress. */
export async function prepareRollups(client: PoolClient): Promise<string[]> {
  await client.query(`insert into usage_rollup (environment_id)
    select id from environment where id not in (select environment_id from usage_rollup) on conflict do nothing`);
  const { rows } = await client.query<{ id: string }>(
    'select environment_id as id from usage_rollup order by 1',
  );
  return rows.map(({ id }) => id);
}

/** The last id that was drawn for the ledger, perhaps by a transaction that is not committed yet. */
export async function readLastId(client: PoolClient): Promise<bigint> {
  const { rows } = await client.query<{ last: string }>(
    'select last_value - case when is_called then 0 else 1 end as last from usage_event_id_seq',
  );
  return BigInt(rows[0]?.last ?? 0);
}

/** The transactions that write to the ledger now. A writer holds this lock from before it draws ids until its commit. */
export async function findWriters(client: PoolClient): Promise<Set<string>> {
  const { rows } = await client.query<{ writer: string }>(
    `select virtualtransaction || ' ' || coalesce(pid, 0) as writer from pg_locks
     where locktype = 'relation' and mode = 'RowExclusiveLock' and granted and relation = 'usage_event'::regclass
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return new Set(rows.map(({ writer }) => writer));
}

/** Locks the hours of these users' environments until the transaction ends. */
async function lockHours(tx: Db, userKeys: readonly bigint[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO usage_rollup AS known (environment_id)
    SELECT DISTINCT environment_id FROM "user" WHERE key = ANY(${userKeys}) ORDER BY 1
    ON CONFLICT (environment_id) DO UPDATE SET revision = known.revision + 1`;
}

/** Deletes the hours of these users. Call it in the transaction that changes their ledger. */
export async function deleteHours(tx: Db, userKeys: readonly bigint[]): Promise<void> {
  await lockHours(tx, userKeys);
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

/** The condition on `usage_event` for rolled-up events. */
export const rolledUpSql = `
  id <= coalesce((select last_id from usage_rollup r where r.environment_id = usage_event.environment_id), 0)`;

/**
 * Recounts the hours of a user from the ledger, after a change other than appending.
 *
 * @param formerKeys users whose ledger was moved to this user
 */
export async function recountHours(
  tx: Db,
  userKey: bigint,
  formerKeys: readonly bigint[] = [],
): Promise<void> {
  await deleteHours(tx, [userKey, ...formerKeys]);
  await tx.$executeRawUnsafe(addSql(sumsSql(`user_key = $1 and ${rolledUpSql}`)), userKey);
}
