import type { Pool } from 'pg';
import { type GrantRow, standingOf, winnerSql } from '../entitlements/store.ts';
import { featureNotFound, idempotencyConflict, userNotFound } from '../errors.ts';
import { binaryReason, type Recorded, repeats, type Usage } from './rules.ts';

/** An ADD without enforce, and whether its caller asks where the user stands afterwards. */
export interface Addition {
  usage: Usage;
  withStanding: boolean;
}

/** Someone changed the user or used the idempotency key at the same instant: ask again. */
export const askAgain = Symbol('ask again');

interface AdditionRow extends GrantRow {
  user_known: boolean;
  feature_type: 'BINARY' | 'CONSUMABLE' | null;
  attempted: boolean;
  inserted: boolean;
  counts_in_winner: boolean;
  first_feature_id: string | null;
  first_action: 'ADD' | 'SET';
  first_delta: number;
}

/*
 * One statement for a whole batch. It resolves users and features, locks the users' rows, appends to the
 * ledger, folds what was really appended into the counters, and answers a row per item, in order.
 *
 * Exactness rests on the lock. Whoever changes what a user's usage counts towards holds the user's row FOR
 * UPDATE and moves its revision (see src/subscriptions/store.ts). The lock waits for such a change and then
 * shows the newest revision, while `seen` shows the one that this statement's other reads belong to. If
 * they differ, the item is left alone and asked again. Ids of events are drawn after the lock, so that for
 * each user the order of ids is the order in which events count.
 *
 * Users, then idempotency keys, then counters are taken in one fixed order each: two batches never deadlock.
 */
const appendSql = `
  with item as materialized (
    select i.*, coalesce(u.merged_into, u.key) as user_key, f.type as feature_type,
      least(coalesce(i.occurred_at, now()), date_trunc('milliseconds', now())) as at
    from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[])
      with ordinality as i(environment_id, user_id, feature_id, delta, occurred_at, idempotency_key, source, ord)
    left join "user" u on u.environment_id = i.environment_id and u.id = i.user_id
    left join feature f on f.environment_id = i.environment_id and f.id = i.feature_id
  ), seen as materialized (
    select u.key, u.revision from "user" u
    where u.key in (select user_key from item where feature_type = 'CONSUMABLE')
  ), locked as materialized (
    select u.key, u.revision from "user" u where u.key in (select key from seen)
    order by u.key for key share
  ), ready as materialized (
    select item.*, nextval('usage_event_id_seq') as event_id
    from item join seen on seen.key = item.user_key
    join locked on locked.key = seen.key and locked.revision = seen.revision
    where item.feature_type = 'CONSUMABLE'
  ), inserted as (
    insert into usage_event
      (user_key, id, environment_id, feature_id, action, delta, occurred_at, idempotency_key, source)
    select user_key, event_id, environment_id, feature_id, 'ADD', delta, at, idempotency_key, source::"UsageSource"
    from ready order by user_key, idempotency_key, ord
    on conflict (user_key, idempotency_key) where idempotency_key is not null do nothing
    returning id
  ), counted as (
    insert into usage_counter as counter
      (user_key, subscription_id, feature_id, window_start, environment_id, used)
    select r.user_key, s.id, r.feature_id, usage_window_start(s.started_at, pf.reset_period, r.at) as window_start,
      r.environment_id, sum(r.delta)
    from inserted join ready r on r.event_id = inserted.id
    join subscription s on s.user_key = r.user_key
      and s.started_at <= r.at and (s.ended_at is null or r.at < s.ended_at)
    join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
      and pf.feature_id = r.feature_id
    group by r.user_key, s.id, r.feature_id, window_start, r.environment_id
    order by r.user_key, s.id, r.feature_id, window_start
    on conflict (user_key, subscription_id, feature_id, window_start)
      do update set used = counter.used + excluded.used
    returning user_key, subscription_id, feature_id, window_start, used
  )
  select item.user_key is not null as user_known, item.feature_type, r.event_id is not null as attempted,
    inserted.id is not null as inserted,
    first.feature_id as first_feature_id, first.action as first_action, first.delta as first_delta`;

const appendedSql = `
  from item
  left join ready r on r.ord = item.ord
  left join inserted on inserted.id = r.event_id
  left join usage_event first on inserted.id is null
    and first.user_key = item.user_key and first.idempotency_key = item.idempotency_key`;

const recordSql = `${appendSql} ${appendedSql} order by item.ord`;

/* The same, and where each user stands after the whole batch; rollBack finds where they stood in between. */
const recordAndStandSql = `${appendSql},
    winner.subscription_id, winner.started_at, winner."limit", winner.reset_period, winner.overage_enabled,
    coalesce(counted.used, counter.used) as used,
    inserted.id is not null and r.at >= winner.started_at
      and usage_window_start(winner.started_at, winner.reset_period, r.at) = winner.window_start as counts_in_winner
  ${appendedSql} ${winnerSql('item.user_key', 'item.feature_id')}
  left join counted on counted.user_key = item.user_key and counted.subscription_id = winner.subscription_id
    and counted.feature_id = item.feature_id and counted.window_start = winner.window_start
  order by item.ord`;

/** Records additions, and answers one result per item: durable once it answers. */
export async function appendUsage(
  hot: Pool,
  items: readonly Addition[],
): Promise<(Recorded | typeof askAgain | Error)[]> {
  const withStanding = items.some((item) => item.withStanding);
  const usages = items.map(({ usage }) => usage);
  const { rows } = await hot.query<AdditionRow>({
    name: withStanding ? 'record and stand' : 'record',
    text: withStanding ? recordAndStandSql : recordSql,
    values: columns(usages),
  });
  if (withStanding) rollBack(rows, usages);
  return items.map((item, index) => resultOf(item, rows[index]));
}

const columns = (usages: readonly Usage[]) => [
  usages.map((usage) => usage.environmentId),
  usages.map((usage) => usage.userId),
  usages.map((usage) => usage.featureId),
  usages.map((usage) => usage.delta),
  usages.map((usage) => usage.timestamp),
  usages.map((usage) => usage.idempotencyKey),
  usages.map((usage) => usage.source),
];

/**
 * The statement tells what each window counts after the whole batch. Walking back from its end and taking
 * off what each later item added gives what it counted right after every item.
 */
function rollBack(rows: AdditionRow[], usages: readonly Usage[]) {
  const addedLater = new Map<string, bigint>();
  for (const [index, row] of [...rows.entries()].reverse()) {
    const usage = usages[index];
    if (!usage || row.subscription_id === null) continue;
    const counter = `${row.subscription_id} ${usage.featureId}`;
    const later = addedLater.get(counter) ?? 0n;
    row.used = String(BigInt(row.used ?? 0) - later);
    if (row.counts_in_winner) addedLater.set(counter, later + BigInt(usage.delta));
  }
}

function resultOf({ usage, withStanding }: Addition, row: AdditionRow | undefined) {
  if (!row?.user_known) return userNotFound(usage.userId);
  if (row.feature_type === null) return featureNotFound(usage.featureId);
  const standing = withStanding ? standingOf(row.feature_type, row) : null;
  if (row.feature_type === 'BINARY') {
    return { recorded: false, reason: binaryReason, duplicate: false, standing };
  }
  if (row.inserted) return { recorded: true, reason: null, duplicate: false, standing };
  if (!row.attempted || row.first_feature_id === null) return askAgain;
  const first = { featureId: row.first_feature_id, action: row.first_action, delta: row.first_delta };
  if (!repeats(first, usage)) return idempotencyConflict(usage.idempotencyKey ?? '');
  return { recorded: true, reason: null, duplicate: true, standing };
}
