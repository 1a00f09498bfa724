import type { ClientBase } from 'pg';
import { type Amount, amountOf, amountOrNull, amountText } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import { countingHoldingsSql, highestFirstSql, windowStartSql } from '../../entitlements/holdings-store.ts';
import type { MeteredUsage } from './rules.ts';

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
