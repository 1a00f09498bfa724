import type { ClientBase } from 'pg';
import { deltaSql } from '../../database/amount-sql.ts';
import { countingHoldingsSql, windowStartSql } from '../../entitlements/holdings-store.ts';

type Session = Pick<ClientBase, 'query'>;

/** Ids of one partition of the ledger: from `fromId` (null: from the first), and below `toId`. */
export interface Range {
  fromId: bigint | null;
  toId: bigint;
}

/*
 * The sums of usage of a user and a feature. They are rows like those of the ledger, and count to the same totals in every
 * window and every hour:
 *
 *  - A place is an hour and a set of windows: those in which an event counts.
 *  - A SET replaces what was before it in its windows. So an event is superseded if the next SET of the user and the feature
 *    is of the same place.
 *  - Of the others, the deltas from one SET to the next are added up by place. A SET stays as it is.
 *
 * A sum has the id of the last event in it, so the order is kept; the time of the first, which lies in the same windows; and
 * the time of recording of the last. $1 and $2 are the ids of the partition.
 */
const sumsSql = (ofUsers: string) => `
  with event as materialized (
    select e.user_key, e.id, e.environment_id, e.feature_id, e.action, ${deltaSql('e')} as delta, e.occurred_at,
      e.recorded_at, date_trunc('hour', e.occurred_at, 'UTC')::text || ' ' || coalesce((
        select string_agg(h.id || ' ' || ${windowStartSql('h', 'e.occurred_at')}, ' ' order by h.id)
        from ${countingHoldingsSql({ userKey: 'e.user_key', hasGrants: 'true' }, 'e.feature_id', 'e.occurred_at')} h
      ), '') as place
    from usage_event e
    where e.id >= coalesce($1::bigint, -9223372036854775808) and e.id < $2 and ${ofUsers}
  ), counted as (
    select *, count(*) filter (where action = 'SET') over (partition by user_key, feature_id order by id desc) as sets_from
    from event
  ), aimed as (
    select *, case action
      when 'SET' then lead(place) over (partition by user_key, feature_id, action order by id)
      else max(place) filter (where action = 'SET') over (partition by user_key, feature_id, sets_from) end as next_set_place
    from counted
  ), standing as (
    select *, count(*) filter (where action = 'SET') over (partition by user_key, feature_id order by id) as sets_to
    from aimed where next_set_place is distinct from place
  ), summed as (
    insert into usage_sum (user_key, id, environment_id, feature_id, action, delta, occurred_at, recorded_at, source)
    select user_key, max(id), environment_id, feature_id, action, sum(delta), min(occurred_at), max(recorded_at), 'API'
    from standing group by user_key, environment_id, feature_id, sets_to, place, action
  )
  insert into ledger_summed_user (user_key, revision)
  select user_key, coalesce((select revision from "user" where key = user_key), -1) from (
    select distinct user_key from event
  ) users`;

/** Keys of earlier versions are found in the first partition only. They become rows of usage_key before it goes. */
const keepKeysSql = (ofUsers: string) => `
  insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
  select e.user_key, e.idempotency_key, e.id, e.environment_id, e.feature_id, e.action, ${deltaSql('e')}
  from usage_event_first e
  where e.id >= coalesce($1::bigint, -9223372036854775808) and e.id < $2 and e.idempotency_key is not null and ${ofUsers}
  on conflict do nothing`;

async function sum(session: Session, { fromId, toId }: Range, ofUsers: string, users: unknown[]) {
  await session.query(sumsSql(ofUsers), [fromId, toId, ...users]);
  if (fromId === null) await session.query(keepKeysSql(ofUsers), [fromId, toId, ...users]);
}

/**
 * Sums the next users with usage in the partition: those of about `count` events. Call it in a transaction.
 *
 * @returns the last of them; null if there are no more
 */
export async function sumNext(
  session: Session,
  { fromId, toId }: Range,
  { after, count }: { after: bigint; count: number },
): Promise<bigint | null> {
  const { rows } = await session.query<{ last: string | null }>(
    `select max(user_key) as last from (
       select user_key from usage_event
       where user_key > $3 and id >= coalesce($1::bigint, -9223372036854775808) and id < $2 order by user_key limit $4
     ) next`,
    [fromId, toId, after, count],
  );
  const last = rows[0]?.last ?? null;
  if (last === null) return null;
  await sum(session, { fromId, toId }, 'e.user_key > $3 and e.user_key <= $4', [after, last]);
  return BigInt(last);
}

/** Sums these users anew. */
async function sumAgain(session: Session, range: Range, userKeys: readonly string[]): Promise<void> {
  if (userKeys.length === 0) return;
  await session.query('delete from usage_sum where user_key = any($1)', [userKeys]);
  await session.query('delete from ledger_summed_user where user_key = any($1)', [userKeys]);
  await sum(session, range, 'e.user_key = any($3::bigint[])', [userKeys]);
}

const changedSql = `
  select s.user_key from ledger_summed_user s left join "user" u on u.key = s.user_key
  where u.merged_into is not null or coalesce(u.revision, -1) <> s.revision limit $1`;

/* The next amendments, and whose usage of the partition they have changed: a merge leaves one of each usage. */
const amendmentsAtOnce = 100_000;
const amendedSql = `
  with next as (
    select id, row_id from seal_amendment
    where log = 'LEDGER' and id > (select amended_to from ledger_summing where to_id = $2) order by id
    limit ${amendmentsAtOnce}
  )
  select (select max(id) from next) as last, array(
    select distinct e.user_key from next join usage_event e on e.id = next.row_id
    where next.row_id >= coalesce($1::bigint, -9223372036854775808) and next.row_id < $2
  ) as user_keys`;

/**
 * Sums anew whose subscriptions have changed since, at most `count` users, and whose usage was changed by a merge or a
 * deletion. Call it in a transaction that has locked the seals, so that nothing is amended meanwhile.
 *
 * @returns whether there may be more
 */
export async function sumChanged(session: Session, range: Range, count: number): Promise<boolean> {
  const { rows } = await session.query<{ user_key: string }>(changedSql, [count]);
  const amended = await session.query<{ last: string | null; user_keys: string[] }>(amendedSql, [
    range.fromId,
    range.toId,
  ]);
  const { last = null, user_keys: moved = [] } = amended.rows[0] ?? {};
  await sumAgain(session, range, [...new Set([...rows.map(({ user_key }) => user_key), ...moved])]);
  if (last !== null)
    await session.query('update ledger_summing set amended_to = $2 where to_id = $1', [range.toId, last]);
  return rows.length === count || last !== null;
}
