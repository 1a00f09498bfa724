import { amountSql, fitsSql } from '../../database/amount-sql.ts';
import {
  countingHoldingsSql,
  highestFirstSql,
  holderSql,
  windowColumnsSql,
  windowStartSql,
} from '../../entitlements/holdings-store.ts';
import { winnerSql } from '../../entitlements/store.ts';
import { alertCtes, isToldSql } from './alerts-store.ts';
import { earlierUseSql, firstUseSql } from './keys-store.ts';
import type { IfLocked } from './rules.ts';

/* Grants are looked up for those users of the batch only who have some. */
const ofEvent = {
  userKey: 'e.user_key',
  hasGrants: 'e.user_key = any (array(select distinct user_key from ready where has_grants))',
};

/** How a statement appends usage. */
export interface Appending {
  /** Whether to wait for locked users, or to skip their items. */
  locked: IfLocked;
  /** Whether to write alerts, or to record nothing if a webhook listens to them. */
  alerts: 'write' | 'refuse';
  /** For users with top-ups: record usage that draws from none, or record nothing. */
  toppedUp: 'record' | 'refuse';
}

/* What the items of one user and feature add together, up to this one. */
const runningSql = `sum(greatest(${amountSql('i.millionths')}, 0)) over (partition by u.user_key, i.feature_id order by i.ord)`;

/* Not now(), which is from before the locks if the transaction waited for them: what is added after a change is later. */
const nowSql = "date_trunc('milliseconds', statement_timestamp())";

/* The window of a holding `h` that an item counts in, in a table of windows. */
const inWindow = `
      where user_key = item.user_key and subscription_id = h.id and feature_id = item.feature_id
        and window_start = h.window_start`;

/*
 * The room of an item of a user with top-ups: what is left of the winner's budget (`size`; null is without a bound), and
 * whether all windows of the usage are there and have never drawn (`is_sure`).
 *
 * Two statements may need the same counters in different orders. So each locks the user's oldest top-up first, and they
 * take turns.
 *
 * Whether a window has drawn is read in the statement's snapshot, which may be older than the lock of the user. Only a
 * window beyond its limit has drawn, so such a counter must be the one of the snapshot.
 */
const roomSql = `left join lateral (
    select id from top_up
    where user_key = item.user_key and item.has_top_ups and locked.revision = item.revision
    order by id limit 1 for no key update
  ) turn on true
  left join lateral (
    select
      bool_and(excess.user_key is null and (counter.used <= h."limit" or h."limit" is null or counter.xmin = seen.xmin)
        and counter.used is not null) as is_sure,
      (array_agg(h."limit" - counter.used order by ${highestFirstSql('h')}) filter (where h.live))[1] as size
    from (
      select h.*, ${windowStartSql('h', 'item.at')} as window_start
      from ${countingHoldingsSql({ userKey: 'item.user_key', hasGrants: 'item.has_grants' }, 'item.feature_id', 'item.at')} h
    ) h
    left join lateral (select used, xmin from usage_counter ${inWindow} for no key update) counter on true
    left join lateral (select xmin from usage_counter ${inWindow} and counter.used > h."limit" limit 1) seen on true
    left join lateral (select user_key from usage_excess ${inWindow} limit 1) excess on true
    where turn.id is not null
  ) room on true`;

/* Whether an item needs no top-up, whatever becomes of the items before it. */
const hasRoomSql = `(not item.has_top_ups
        or (room.is_sure and (room.size is null or item.running <= room.size)))`;

/*
 * One statement for a whole batch. It resolves users and features, locks the users' rows, appends to the
 * ledger, and adds the appended usage to the counters.
 *
 * The lock makes it exact. A change of subscriptions holds the user's row FOR UPDATE and increases its revision (see
 * src/subscriptions/store.ts). The lock waits for such a change and then returns the newest revision, while `item` has
 * the revision of the statement's snapshot. If they differ, the item gets no event id and runs again. So does an item
 * with a locked user, in a batch that does not wait for locks. Event ids are drawn after the lock, so for each user the
 * order of ids is the order in which events count.
 *
 * To set up the steps that write alerts costs as much as ten usages, and nearly no batch needs them. So there is a
 * statement without them. It looks for webhooks in the snapshot in which the other would; if it finds one, no user is
 * locked, no item gets an event id, and the batch runs again with the other statement.
 *
 * An item of a user with top-ups gets an event id if the winner's budget has room for it: then nothing is drawn (see
 * draws/rules.ts). Its counters are locked first, so that they have room until the commit. The steps that find that out
 * cost too, so there is a statement without them, in which such an item gets no event id.
 *
 * Lock order: users, each with its oldest top-up and the counters of its own items if it has top-ups; then idempotency
 * keys; then the other counters, each in a fixed order. So batches never deadlock.
 *
 * Every look-up is a lateral join by key, so that wrong statistics never lead to a scan of a whole table, or to a
 * comparison of all pairs of items.
 */
const appendSql = ({ locked, alerts, toppedUp }: Appending) => `
  with ready as materialized (
    select item.*, case when locked.revision = item.revision and ${fitsSql('item.delta', 'item.precision')}
      ${toppedUp === 'record' ? `and ${hasRoomSql}` : ''}
      then nextval('usage_event_id_seq') end as event_id
    from (
      select i.*, ${amountSql('i.millionths')} as delta, u.user_key, u.revision, u.has_grants, u.has_top_ups, u.has_holds, f.type as feature_type, f.precision,
        ${toppedUp === 'record' ? `${runningSql} as running,` : ''}
        least(coalesce(i.occurred_at, ${nowSql}), ${nowSql}) as at,
        ${alerts === 'refuse' ? isToldSql('$1') : 'false'} as is_told
      from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::timestamptz[], $6::text[], $7::text[],
        $8::text[])
        with ordinality
        as i(environment_id, user_id, feature_id, millionths, occurred_at, idempotency_key, source, note, ord)
      ${holderSql('i.environment_id', 'i.user_id')}
      left join lateral (
        select type, precision from feature where environment_id = i.environment_id and id = i.feature_id limit 1
      ) f on true
      order by u.user_key
    ) item
    left join lateral (
      select revision from "user"
      where key = item.user_key and item.feature_type = 'CONSUMABLE' and not item.is_told
        ${toppedUp === 'record' ? '' : 'and not item.has_top_ups'}
      for key share ${locked === 'skip' ? 'skip locked' : ''}
    ) locked on true
    ${toppedUp === 'record' ? roomSql : ''}
  ), keyed as (
    insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
    select user_key, idempotency_key, event_id, environment_id, feature_id, 'ADD', delta from ready
    where event_id is not null and idempotency_key is not null
      and (select true from (${earlierUseSql('ready.user_key', 'ready.idempotency_key')}) earlier limit 1) is null
    order by user_key, idempotency_key, ord
    on conflict do nothing
    returning event_id
  ), inserted as (
    insert into usage_event
      (user_key, id, environment_id, feature_id, action, delta, occurred_at, idempotency_key, source, note)
    select user_key, event_id, environment_id, feature_id, 'ADD', delta, at, idempotency_key, source::"UsageSource",
      note
    from ready
    where event_id is not null and (idempotency_key is null or event_id in (select event_id from keyed))
    returning id, user_key, environment_id, feature_id, delta, occurred_at
  ), counted as (
    insert into usage_counter as counter
      (user_key, subscription_id, feature_id, window_start, environment_id, used)
    select e.user_key, held.id, e.feature_id, held.window_start, e.environment_id, sum(e.delta)
    from inserted e
    cross join lateral (
      select h.id, ${windowStartSql('h', 'e.occurred_at')} as window_start
      from ${countingHoldingsSql(ofEvent, 'e.feature_id', 'e.occurred_at')} h
      offset 0
    ) held
    group by e.user_key, held.id, e.feature_id, held.window_start, e.environment_id
    order by e.user_key, held.id, e.feature_id, held.window_start
    on conflict (user_key, subscription_id, feature_id, window_start)
      do update set used = counter.used + excluded.used
    returning user_key, subscription_id, feature_id, window_start, environment_id, used
  ), ${alerts === 'write' ? `${alertCtes('counted')},` : ''} outcome as materialized (
    select ready.*, coalesce(event_id in (select id from inserted), false) as inserted from ready
  )`;

const outcomeSql = `
  select outcome.ord, outcome.inserted, outcome.user_key is not null as user_known, outcome.has_top_ups,
    outcome.is_told, outcome.feature_type, outcome.precision,
    first.feature_id as first_feature_id, first.action as first_action, first.delta as first_delta`;

const firstSql = `
  from outcome
  left join lateral (
    ${firstUseSql('outcome.user_key', 'outcome.idempotency_key', 'not outcome.inserted')}
  ) first on true`;

/* Returns rows only for items that were not inserted: a batch of new usage returns no row. */
const recordSql = (appending: Appending) =>
  `${appendSql(appending)} ${outcomeSql} ${firstSql} where not outcome.inserted`;

/* Also returns the standing of each user, and the counters after the whole batch. */
const recordAndStandSql = (appending: Appending) => `${appendSql(appending)} ${outcomeSql},
    winner.kind, winner.subscription_id, winner.started_at, winner."limit", ${windowColumnsSql('winner')}, winner.overage_enabled,
    current.window_start, counter.used, topped.top_up_granted, topped.top_up_remaining, holds.held,
    outcome.inserted and outcome.at >= winner.started_at
      and ${windowStartSql('winner', 'outcome.at')} = current.window_start as counts_in_winner,
    null as feature_id
  ${firstSql} ${winnerSql({ userKey: 'outcome.user_key', hasGrants: 'outcome.has_grants', hasTopUps: 'outcome.has_top_ups', hasHolds: 'outcome.has_holds' }, 'outcome.feature_id')}
  union all
  select null, false, false, null, false, null, null, null, null, null, null, subscription_id, null, null, null, null, null, null, false,
    window_start, used, null, null, null, false, feature_id
  from counted`;

const texts = new Map<string, string>();

/** The statement that appends usage, and whether it returns standings: its name, and its text, which is made once. */
export function statementOf(appending: Appending, withStanding: boolean): { name: string; text: string } {
  const { locked, alerts, toppedUp } = appending;
  const told = alerts === 'write' ? ' and tell' : '';
  const room = toppedUp === 'record' ? ' in room' : '';
  const name = `record${told}${room}${withStanding ? ' and stand' : ''}${locked === 'skip' ? ', skip' : ''}`;
  let text = texts.get(name);
  if (text === undefined) {
    text = withStanding ? recordAndStandSql(appending) : recordSql(appending);
    texts.set(name, text);
  }
  return { name, text };
}
