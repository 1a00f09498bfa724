import type { PoolClient } from 'pg';
import { type Amount, amountOf, amountOrNull, amountText } from '../../amount.ts';
import { holdingsSinceSql, type ResetTermsRow, resetTermsOf } from '../../entitlements/holdings-store.ts';
import type { Grant } from '../../entitlements/rules.ts';
import type { Counter, CountingGrant } from '../ledger/rules.ts';
import { alertCtes } from './alerts-store.ts';
import type { Case, Entry } from './decision-rules.ts';
import { firstUseSql } from './keys-store.ts';
import type { IfLocked, Usage } from './rules.ts';

/*
 * The reads and writes of a decision. The users' rows are locked FOR UPDATE, so until the transaction ends nobody else
 * records for them or changes their subscriptions.
 */

const ids = (usages: readonly Usage[]) => [
  usages.map((usage) => usage.environmentId),
  usages.map((usage) => usage.userId),
];

/**
 * Locks the users of these usages, in the order of their keys, and returns the keys.
 *
 * @param locked whether to wait for locked users, or to omit them
 * @param strength `key share` blocks changes of subscriptions, but not recording
 */
export async function lockUsers(
  client: PoolClient,
  usages: readonly Usage[],
  locked: IfLocked,
  strength: 'update' | 'key share' = 'update',
): Promise<Set<bigint>> {
  const { rows } = await client.query<{ key: string }>({
    name: `lock users for ${strength}, ${locked}`,
    text: `select u.key from "user" u
     where u.key in (
       select coalesce(named.merged_into, named.key) from unnest($1::text[], $2::text[]) as i(environment_id, user_id)
       join "user" named on named.environment_id = i.environment_id and named.id = i.user_id
     )
     order by u.key for ${strength} ${locked === 'skip' ? 'skip locked' : ''}`,
    values: ids(usages),
  });
  return new Set(rows.map(({ key }) => BigInt(key)));
}

type Subject = Pick<
  Case,
  'usage' | 'userKey' | 'featureType' | 'precision' | 'first' | 'hasTopUps' | 'hasHolds'
>;

interface SubjectRow {
  user_key: string | null;
  has_top_ups: boolean | null;
  has_holds: boolean | null;
  type: Case['featureType'];
  precision: number | null;
  feature_id: string | null;
  action: Usage['action'];
  delta: string;
}

/** Reads the user, the feature and the first use of the idempotency key of each usage. */
export async function readSubjects(client: PoolClient, usages: readonly Usage[]): Promise<Subject[]> {
  const { rows } = await client.query<SubjectRow>({
    name: 'read subjects',
    text: `select coalesce(u.merged_into, u.key) as user_key, coalesce(survivor.has_top_ups, u.has_top_ups) as has_top_ups,
       coalesce(survivor.has_holds, u.has_holds) as has_holds,
       f.type, f.precision, first.feature_id, first.action, first.delta
     from unnest($1::text[], $2::text[], $3::text[], $4::text[])
       with ordinality as i(environment_id, user_id, feature_id, idempotency_key, ord)
     left join "user" u on u.environment_id = i.environment_id and u.id = i.user_id
     left join "user" survivor on survivor.key = u.merged_into
     left join feature f on f.environment_id = i.environment_id and f.id = i.feature_id
     left join lateral (${firstUseSql('coalesce(u.merged_into, u.key)', 'i.idempotency_key')}) first on true
     order by i.ord`,
    values: [
      ...ids(usages),
      usages.map((usage) => usage.featureId),
      usages.map((usage) => usage.idempotencyKey),
    ],
  });
  return rows.map((row, index) => ({
    usage: usages[index] as Usage,
    userKey: row.user_key === null ? null : BigInt(row.user_key),
    hasTopUps: row.has_top_ups ?? false,
    hasHolds: row.has_holds ?? false,
    featureType: row.type,
    precision: row.precision ?? 0,
    first:
      row.feature_id === null
        ? null
        : { featureId: row.feature_id, action: row.action, delta: amountOf(row.delta) },
  }));
}

interface GrantRow extends ResetTermsRow {
  kind: Grant['kind'];
  user_key: string;
  feature_id: string;
  id: string;
  started_at: Date;
  ended_at: Date | null;
  live: boolean;
  limit: string | null;
  overage_enabled: boolean;
}

/**
 * Reads the grants of these users and features, by grantsKey: live ones, and those that had not ended at the earliest
 * `since` of the user.
 */
export async function readGrants(
  client: PoolClient,
  of: readonly { userKey: bigint; featureId: string; since: Date }[],
): Promise<Map<string, CountingGrant[]>> {
  const { rows } = await client.query<GrantRow>({
    name: 'read grants',
    text: grantsSql,
    values: [
      of.map(({ userKey }) => userKey),
      of.map(({ since }) => since),
      of.map(({ featureId }) => featureId),
    ],
  });
  const grants = new Map<string, CountingGrant[]>();
  for (const row of rows) {
    const key = grantsKey(BigInt(row.user_key), row.feature_id);
    const known = grants.get(key);
    if (known) known.push(grantOf(row));
    else grants.set(key, [grantOf(row)]);
  }
  return grants;
}

const grantsSql = `
  select h.* from (
    select user_key, min(since) as since, array_agg(distinct feature_id) as feature_ids
    from unnest($1::bigint[], $2::timestamptz[], $3::text[]) as w(user_key, since, feature_id) group by user_key
  ) i
  join "user" u on u.key = i.user_key
  cross join lateral ${holdingsSinceSql({ userKey: 'u.key', hasGrants: 'u.has_grants' }, '= any(i.feature_ids)', 'i.since')} h`;

export const grantsKey = (userKey: bigint, featureId: string) => `${userKey} ${featureId}`;

const grantOf = (row: GrantRow): CountingGrant => ({
  kind: row.kind,
  subscriptionId: BigInt(row.id),
  startedAt: row.started_at,
  endedAt: row.ended_at,
  live: row.live,
  limit: amountOrNull(row.limit),
  ...resetTermsOf(row),
  overageEnabled: row.overage_enabled,
});

const counterColumns = (counters: readonly Omit<Counter, 'used'>[]) => [
  counters.map((counter) => counter.userKey),
  counters.map((counter) => counter.subscriptionId),
  counters.map((counter) => counter.featureId),
  counters.map((counter) => counter.windowStart),
];

/** The usage in these windows, in their order. */
export async function readCounters(
  client: PoolClient,
  windows: readonly Omit<Counter, 'used'>[],
): Promise<Amount[]> {
  const { rows } = await client.query<{ used: string | null }>({
    name: 'read counters',
    text: `select counter.used
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
       with ordinality as i(user_key, subscription_id, feature_id, window_start, ord)
     left join usage_counter counter using (user_key, subscription_id, feature_id, window_start)
     order by i.ord`,
    values: counterColumns(windows),
  });
  return rows.map(({ used }) => amountOf(used ?? 0));
}

/** Appends entries to the ledger, and returns their ids in this order: ids follow the order of the entries. */
export async function appendEntries(client: PoolClient, entries: readonly Entry[]): Promise<bigint[]> {
  const { rows } = await client.query<{ id: string }>({
    name: 'append entries',
    text: `with entry as materialized (
       select nextval('usage_event_id_seq') as id, i.*, i.action_name::"UsageAction" as action
       from (
         select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::timestamptz[],
           $7::text[], $8::text[], $9::text[]) with ordinality as i(user_key, environment_id, feature_id, action_name,
           delta, occurred_at, idempotency_key, source, note, ord)
         order by ord
       ) i
     ), keyed as (
       insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
       select user_key, idempotency_key, id, environment_id, feature_id, action, delta from entry
       where idempotency_key is not null
     )
     insert into usage_event
       (user_key, id, environment_id, feature_id, action, delta, occurred_at, idempotency_key, source, note)
     select user_key, id, environment_id, feature_id, action, delta, occurred_at, idempotency_key,
       source::"UsageSource", note
     from entry order by id returning id`,
    values: [
      entries.map(({ userKey }) => userKey),
      entries.map(({ usage }) => usage.environmentId),
      entries.map(({ usage }) => usage.featureId),
      entries.map(({ usage }) => usage.action),
      entries.map(({ usage }) => amountText(usage.delta)),
      entries.map(({ occurredAt }) => occurredAt),
      entries.map(({ usage }) => usage.idempotencyKey),
      entries.map(({ usage }) => usage.source),
      entries.map(({ usage }) => usage.note ?? null),
    ],
  });
  return rows.map(({ id }) => BigInt(id)).sort((a, b) => (a < b ? -1 : 1));
}

/** Writes the usage of these windows. */
export async function saveCounters(client: PoolClient, counters: readonly Counter[]): Promise<void> {
  await client.query({
    name: 'save counters',
    text: `with counted as (
       insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
       select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::numeric[])
       on conflict (user_key, subscription_id, feature_id, window_start) do update set used = excluded.used
       returning user_key, subscription_id, feature_id, window_start, environment_id, used
     ), ${alertCtes('counted')} select`,
    values: [
      ...counterColumns(counters),
      counters.map(({ environmentId }) => environmentId),
      counters.map(({ used }) => amountText(used)),
    ],
  });
}
