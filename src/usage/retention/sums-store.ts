import type { ClientBase } from 'pg';
import { deltaSql } from '../../database/amount-sql.ts';
import { countingHoldingsSql, windowStartSql } from '../../entitlements/holdings-store.ts';

type Session = Pick<ClientBase, 'query'>;

/** Ids of one partition of the ledger: from `fromId` (null: from the first), and below `toId`. */
export interface Range {
  fromId: bigint | null;
  toId: bigint;
}

/** Usage of one user: what has ids after `after_id`, up to `last_id`. */
interface Piece {
  user_key: string;
  after_id: string;
  last_id: string;
  /** Whether the user has no usage after it. */
  is_last: boolean;
}

const beforeAllIdsSql = '-9223372036854775808';
const isInRangeSql = `id >= coalesce($1::bigint, ${beforeAllIdsSql}) and id < $2`;

/*
 * The usage, or the sums, of one user after an id and up to another one. It is a look-up in the primary key, whatever the planner
 * believes: an equal user would offer it the index of ids, in which the usage of all users lies.
 */
const ofUserSql = (userKey: string, afterId: string, lastId: string, count: string) => `
  (user_key, id) > (${userKey}, ${afterId}) and (user_key, id) <= (${userKey}, ${lastId})
  order by user_key, id limit ${count}`;
const pieceRowsSql = (count: string) => ofUserSql('piece.user_key', 'piece.after_id', 'piece.last_id', count);
const pieceEventsSql = (ledger: string) => `
  piece cross join lateral (select * from ${ledger} where ${isInRangeSql} and ${pieceRowsSql('$7')}) e`;
const pieceSql = `
  piece as materialized (
    select * from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[]) p (user_key, after_id, last_id, is_last)
  )`;

/** The revision of a user's subscriptions; -1 of a user who was merged or deleted, and so has no usage any more. */
const revisionSql = (userKey: string) =>
  `coalesce((select u.revision from "user" u where u.key = ${userKey} and u.merged_into is null), -1)`;

/*
 * The sums of pieces of usage. They are rows like those of the ledger, and count to the same totals in every window and
 * every hour:
 *
 *  - A place is an hour and a set of windows: those in which an event counts.
 *  - A SET replaces what was before it in its windows. So an event is superseded if the next SET of the user and the feature
 *    in the piece is of the same place.
 *  - Of the others, the deltas from one SET to the next are added up by place. A SET stays as it is.
 *
 * A sum has the id of the last event in it, so the order is kept, within a piece and from one to the next; the time of the
 * first, which lies in the same windows; and the time of recording of the last. What only a later piece supersedes stays. $1
 * and $2 are the ids of the partition, $3 to $6 the pieces, and $7 is how many usages one of them has at most.
 */
const sumsSql = `
  with ${pieceSql}, event as materialized (
    select e.user_key, e.id, e.environment_id, e.feature_id, e.action, ${deltaSql('e')} as delta, e.occurred_at,
      e.recorded_at, date_trunc('hour', e.occurred_at, 'UTC')::text || ' ' || coalesce((
        select string_agg(h.id || ' ' || ${windowStartSql('h', 'e.occurred_at')}, ' ' order by h.id)
        from ${countingHoldingsSql({ userKey: 'e.user_key', hasGrants: 'true' }, 'e.feature_id', 'e.occurred_at')} h
      ), '') as place
    from ${pieceEventsSql('usage_event')}
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
  insert into ledger_summed_user as known (user_key, revision, summed_to)
  select user_key, ${revisionSql('piece.user_key')}, case when not is_last then last_id end from piece
  on conflict (user_key) do update set summed_to = excluded.summed_to`;

/** Keys of earlier versions are found in the first partition only. They become rows of usage_key before it goes. */
const keepKeysSql = `
  with ${pieceSql}
  insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
  select e.user_key, e.idempotency_key, e.id, e.environment_id, e.feature_id, e.action, ${deltaSql('e')}
  from ${pieceEventsSql('usage_event_first')} where e.idempotency_key is not null
  on conflict do nothing`;

/** Sums pieces, each of another user and of at most `count` usages, and saves that they are summed. */
async function sum(session: Session, { fromId, toId }: Range, pieces: readonly Piece[], count: number) {
  const values = [
    fromId,
    toId,
    pieces.map(({ user_key }) => user_key),
    pieces.map(({ after_id }) => after_id),
    pieces.map(({ last_id }) => last_id),
    pieces.map(({ is_last }) => is_last),
    count,
  ];
  await session.query(sumsSql, values);
  if (fromId === null) await session.query(keepKeysSql, values);
}

const nextSql = `
  with next as materialized (
    select user_key, id from usage_event where user_key > $3 and ${isInRangeSql} order by user_key, id limit $4
  )
  select user_key, ${beforeAllIdsSql} as after_id, max(id) as last_id,
    (select count(*) from next) < $4 or user_key < (select max(user_key) from next) as is_last
  from next group by user_key order by user_key`;

/**
 * Sums the next `count` usages of users with keys after this one. The last user may have more: sumRest goes on with that. Call
 * it in a transaction.
 *
 * @returns the last user; null if there are no more
 */
export async function sumNext(
  session: Session,
  range: Range,
  { after, count }: { after: bigint; count: number },
): Promise<bigint | null> {
  const { rows } = await session.query<Piece>(nextSql, [range.fromId, range.toId, after, count]);
  const last = rows.at(-1);
  if (last === undefined) return null;
  await sum(session, range, rows, count);
  return BigInt(last.user_key);
}

/*
 * The next pieces of the users who are summed in part: together at most $3 usages and former sums. One user after the other
 * is looked up, until it is that many. A user without any counts as one.
 */
const restRowsSql = ofUserSql('next.user_key', 'next.summed_to', '$2', '$3 - piece.taken');
const restSql = `
  with recursive piece as (
    select 0::bigint as user_key, 0::bigint as after_id, 0::bigint as last_id, 0::bigint as sums, 0::bigint as taken,
      false as is_last
    union all
    select next.user_key, next.summed_to, coalesce(found.last_id, next.summed_to), found.sums,
      piece.taken + greatest(found.count, 1), found.count < $3 - piece.taken
    from piece
    cross join lateral (
      select user_key, summed_to from ledger_summed_user
      where summed_to is not null and user_key > piece.user_key order by user_key limit 1
    ) next
    cross join lateral (
      select max(id) as last_id, count(*) filter (where is_sum) as sums, count(*) as count from (
        (select id, false as is_sum from usage_event where ${isInRangeSql} and ${restRowsSql})
        union all
        (select id, true from usage_sum where ${restRowsSql})
        order by id, is_sum desc limit $3 - piece.taken
      ) r
    ) found
    where piece.taken < $3
  )
  select * from piece where user_key > 0 order by user_key`;

const deleteSumsSql = `
  delete from usage_sum where ctid = any (array(
    select s.ctid from unnest($1::bigint[], $2::bigint[], $3::bigint[]) piece (user_key, after_id, last_id)
    cross join lateral (
      select ctid from usage_sum where ${pieceRowsSql('$4')}
    ) s
  ))`;

/**
 * Goes on with the users who are summed in part: reads at most `count` of their usages and of their former sums, which go. Call
 * it in a transaction.
 *
 * @returns how many it has read, at least one for each of these users; if `count`, there may be more
 */
export async function sumRest(session: Session, range: Range, count: number): Promise<number> {
  const { rows } = await session.query<Piece & { sums: string; taken: string }>(restSql, [
    range.fromId,
    range.toId,
    count,
  ]);
  const replaced = rows.filter(({ sums }) => sums !== '0');
  if (replaced.length > 0)
    await session.query(deleteSumsSql, [
      replaced.map(({ user_key }) => user_key),
      replaced.map(({ after_id }) => after_id),
      replaced.map(({ last_id }) => last_id),
      count,
    ]);
  if (rows.length > 0) await sum(session, range, rows, count);
  return Number(rows.at(-1)?.taken ?? 0);
}

const changedSql = `
  select s.user_key from ledger_summed_user s left join "user" u on u.key = s.user_key and u.merged_into is null
  where s.revision <> coalesce(u.revision, -1) limit $1`;

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
    where next.row_id >= coalesce($1::bigint, ${beforeAllIdsSql}) and next.row_id < $2
  ) as user_keys`;

const restartSql = `
  insert into ledger_summed_user (user_key, revision, summed_to)
  select user_key, ${revisionSql('user_key')}, ${beforeAllIdsSql} from unnest($1::bigint[]) user_key
  on conflict (user_key) do update set revision = excluded.revision, summed_to = excluded.summed_to`;

/**
 * Begins anew with users whose subscriptions have changed since they were summed, at most `count`, and whose usage was changed
 * by a merge or a deletion: sumRest sums them. Call it once all users are found, in a transaction that has locked the seals, so
 * that nothing is amended meanwhile.
 *
 * @returns whether there may be more
 */
export async function restartChanged(session: Session, range: Range, count: number): Promise<boolean> {
  const { rows } = await session.query<{ user_key: string }>(changedSql, [count]);
  const amended = await session.query<{ last: string | null; user_keys: string[] }>(amendedSql, [
    range.fromId,
    range.toId,
  ]);
  const { last = null, user_keys: moved = [] } = amended.rows[0] ?? {};
  const changed = new Set([...rows.map(({ user_key }) => user_key), ...moved]);
  if (changed.size > 0) await session.query(restartSql, [[...changed]]);
  if (last !== null)
    await session.query('update ledger_summing set amended_to = $2 where to_id = $1', [range.toId, last]);
  return rows.length === count || last !== null;
}
