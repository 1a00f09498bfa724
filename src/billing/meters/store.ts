import type { ClientBase } from 'pg';
import { type Amount, amountOf, amountOrNull, amountText } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import {
  countingHoldingsSql,
  highestFirstSql,
  holdingsOfSql,
  windowStartSql,
} from '../../entitlements/holdings-store.ts';
import type { MeteredUsage, MeteredWindow } from './rules.ts';

type Client = Pick<ClientBase, 'query'>;

/** A usage that counts in a subscription whose package has a meter for the feature. */
export interface UsageRow extends MeteredUsage {
  id: bigint;
  userKey: bigint;
  /** Of the user's subscriptions; it changes with each change of them. */
  revision: number;
  subscriptionId: bigint;
  packageId: string;
  featureId: string;
  windowStart: Date;
  occurredAt: Date;
  eventName: string;
  customerId: string;
}

/** Locks how far the ledger of an environment was looked at for meters. Null without meters. */
export async function lockProgress(client: Client, environmentId: string): Promise<bigint | null> {
  const { rows } = await client.query<{ metered_to: string }>(
    `select metered_to from stripe_connection where environment_id = $1 and disconnected_at is null
       and exists (select from billing_meter where environment_id = $1) for no key update`,
    [environmentId],
  );
  return rows[0] === undefined ? null : BigInt(rows[0].metered_to);
}

export async function saveProgress(client: Client, environmentId: string, upTo: bigint): Promise<void> {
  await client.query('update stripe_connection set metered_to = $2 where environment_id = $1', [
    environmentId,
    upTo,
  ]);
}

interface Batch {
  after: bigint;
  upTo: bigint;
  count: number;
}

/** The last of the next `count` events of the ledger, up to `upTo`. */
export const findBatchEnd = (client: Client, batch: Batch): Promise<bigint> =>
  readBatchEnd(client, batch, '', []);

/** Users whose keys are in a range. */
export interface UserRange {
  first: bigint;
  last: bigint;
}

/** The same, of these users only. */
export const findBatchEndOf = (client: Client, { first, last }: UserRange, batch: Batch): Promise<bigint> =>
  readBatchEnd(client, batch, 'and user_key between $4 and $5', [first, last]);

async function readBatchEnd(
  client: Client,
  { after, upTo, count }: Batch,
  users: string,
  range: readonly bigint[],
): Promise<bigint> {
  const { rows } = await client.query<{ last: string | null; found: string }>(
    `select max(id) as last, count(*) as found
     from (select id from usage_event where id > $1 and id <= $2 ${users} order by id limit $3) next`,
    [after, upTo, count, ...range],
  );
  const [row] = rows;
  return row?.last == null || Number(row.found) < count ? upTo : BigInt(row.last);
}

/** @param users a condition on the user of a usage; none for all */
const usageSql = (users = '') => `
  select e.id, e.user_key, u.revision, e.action, ${deltaSql('e')} as delta, e.occurred_at, e.feature_id,
    h.id as subscription_id, ${windowStartSql('h', 'e.occurred_at')} as window_start, h."limit", h.rank = 1 as wins,
    m.package_id, m.event_name, m.scope, c.id as customer_id
  from (
    select * from usage_event where environment_id = $1 and id > $2 and id <= $3 and feature_id in (
      select feature_id from billing_meter where environment_id = $1) ${users}
    order by id offset 0
  ) e
  join "user" u on u.key = e.user_key
  cross join lateral (
    select h.*, row_number() over (order by ${highestFirstSql('h')}) as rank
    from ${countingHoldingsSql({ userKey: 'e.user_key', hasGrants: 'u.has_grants' }, 'e.feature_id', 'e.occurred_at')} h
  ) h
  join subscription s on s.user_key = e.user_key and s.id = h.id and s.provider_subscription_id is not null
  join billing_meter m on m.environment_id = $1 and m.package_id = s.package_id and m.feature_id = e.feature_id
    and m.since_id < e.id
  join lateral (
    select c.id from stripe_customer c
    where c.user_key in (select key from "user" where key = e.user_key or merged_into = e.user_key)
      and c.subscriptions @> jsonb_build_array(jsonb_build_object('id', s.provider_subscription_id))
    order by c.id limit 1
  ) c on true
  order by e.id, h.rank`;

interface StoredUsage {
  id: string;
  user_key: string;
  revision: number;
  action: 'ADD' | 'SET';
  delta: string;
  occurred_at: Date;
  feature_id: string;
  subscription_id: string;
  window_start: Date;
  limit: string | null;
  wins: boolean;
  package_id: string;
  event_name: string;
  scope: 'ALL' | 'OVERAGE';
  customer_id: string;
}

/** The usages after one event and up to another that count for meters, in the order of the ledger, winners first. */
export async function readUsages(
  client: Client,
  environmentId: string,
  { after, upTo }: { after: bigint; upTo: bigint },
): Promise<UsageRow[]> {
  const { rows } = await client.query<StoredUsage>(usageSql(), [environmentId, after, upTo]);
  return rows.map(usageOf);
}

/** The same, of these users only. */
export async function readUsagesOf(
  client: Client,
  environmentId: string,
  { first, last }: UserRange,
  { after, upTo }: { after: bigint; upTo: bigint },
): Promise<UsageRow[]> {
  const { rows } = await client.query<StoredUsage>(usageSql('and user_key between $4 and $5'), [
    environmentId,
    ...[after, upTo, first, last],
  ]);
  return rows.map(usageOf);
}

const usageOf = (row: StoredUsage): UsageRow => ({
  id: BigInt(row.id),
  userKey: BigInt(row.user_key),
  revision: row.revision,
  action: row.action,
  delta: amountOf(row.delta),
  limit: amountOrNull(row.limit),
  wins: row.wins,
  scope: row.scope,
  subscriptionId: BigInt(row.subscription_id),
  packageId: row.package_id,
  featureId: row.feature_id,
  windowStart: row.window_start,
  occurredAt: row.occurred_at,
  eventName: row.event_name,
  customerId: row.customer_id,
});

/*
 * For the first usage of each window: what is known of the window; else what the ledger holds before that usage; see
 * foldedSql.
 */
const windowsSql = `
  with wanted as (
    select * from unnest($2::bigint[], $3::int[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[])
      with ordinality as w(user_key, revision, subscription_id, feature_id, window_start, first_id, place)
  )
  select w.place, k.used as known_used, k.drawn as known_drawn, folded.used, coalesce(x.drawn, 0) as drawn_now
  from wanted w
  left join billing_meter_window k on k.environment_id = $1 and k.subscription_id = w.subscription_id
    and k.feature_id = w.feature_id and k.window_start = w.window_start
  left join lateral (
    select coalesce(sum(delta) filter (where last_set is null or id >= last_set), 0) as used
    from (
      select e.id, ${deltaSql('e')} as delta, max(e.id) filter (where e.action = 'SET') over () as last_set
      from ${holdingsOfSql('w.user_key', 'w.subscription_id', '= w.feature_id')} h
      join usage_event e on e.user_key = w.user_key and e.feature_id = w.feature_id and e.id < w.first_id
        and e.occurred_at >= h.started_at and (h.ended_at is null or e.occurred_at < h.ended_at)
        and ${windowStartSql('h', 'e.occurred_at')} = w.window_start
    ) counted
  ) folded on k.revision is distinct from w.revision
  left join lateral (
    select sum(amount) as drawn from usage_excess x
    where x.user_key = w.user_key and x.subscription_id = w.subscription_id and x.feature_id = w.feature_id
      and x.window_start = w.window_start and x.top_up_id is not null
  ) x on true
  order by w.place`;

interface StoredWindow {
  known_used: string | null;
  known_drawn: string | null;
  used: string | null;
  drawn_now: string;
}

/** Reads the windows of these usages, the first one of each window, in their order. */
export async function readWindows(
  client: Client,
  environmentId: string,
  usages: readonly UsageRow[],
): Promise<{ used: Amount; drawn: Amount | null; drawnNow: Amount }[]> {
  const { rows } = await client.query<StoredWindow>(windowsSql, [
    environmentId,
    usages.map(({ userKey }) => userKey),
    usages.map(({ revision }) => revision),
    usages.map(({ subscriptionId }) => subscriptionId),
    usages.map(({ featureId }) => featureId),
    usages.map(({ windowStart }) => windowStart),
    usages.map(({ id }) => id),
  ]);
  return rows.map((row) => ({
    used: amountOf(row.used ?? row.known_used ?? '0'),
    drawn: amountOrNull(row.known_drawn),
    drawnNow: amountOf(row.drawn_now),
  }));
}

/** The same from the ledger alone, whatever is known of a window. No environment has this id. */
export const foldWindows = (client: Client, usages: readonly UsageRow[]) => readWindows(client, '', usages);

/** Saves the windows of these usages, the last one of each window. */
export async function saveWindows(
  client: Client,
  environmentId: string,
  windows: readonly (MeteredWindow & { last: UsageRow })[],
): Promise<void> {
  await client.query(
    `insert into billing_meter_window
       (environment_id, subscription_id, feature_id, window_start, revision, used, drawn, metered_at)
     select $1, *, now() from unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::int[], $6::numeric[], $7::numeric[])
     on conflict (environment_id, subscription_id, feature_id, window_start) do update set
       revision = excluded.revision, used = excluded.used, drawn = excluded.drawn, metered_at = excluded.metered_at`,
    [
      environmentId,
      windows.map(({ last }) => last.subscriptionId),
      windows.map(({ last }) => last.featureId),
      windows.map(({ last }) => last.windowStart),
      windows.map(({ last }) => last.revision),
      windows.map(({ used }) => amountText(used)),
      windows.map(({ drawn }) => amountText(drawn)),
    ],
  );
}

/** Adds what is to be sent. */
export async function addEvents(
  client: Client,
  environmentId: string,
  events: readonly { usage: UsageRow; value: Amount }[],
): Promise<void> {
  await client.query(
    `insert into billing_meter_event (environment_id, id, package_id, feature_id, customer_id, value, occurred_at)
     select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::timestamptz[])
     on conflict do nothing`,
    [
      environmentId,
      events.map(({ usage }) => usage.id),
      events.map(({ usage }) => usage.packageId),
      events.map(({ usage }) => usage.featureId),
      events.map(({ usage }) => usage.customerId),
      events.map(({ value }) => amountText(value)),
      events.map(({ usage }) => usage.occurredAt),
    ],
  );
}
