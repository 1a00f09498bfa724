import type { Pool, PoolClient } from 'pg';
import { type Amount, amountOf, amountOrNull, textOrNull } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import { RETRY } from '../../database/held.ts';
import { holderSql } from '../../entitlements/holdings-store.ts';
import type { IfLocked } from '../../usage/record/rules.ts';
import { wasDeletedSql } from '../erasure/store.ts';
import { lockRulesSharedSql } from '../lock-store.ts';
import type { Mapping, MappingRule } from '../mapping/rules.ts';
import type { SegmentEvent } from './rules.ts';

/** Identifies an event. */
export interface EventKey {
  environmentId: string;
  messageId: string;
}

/** The outcome of a track event. */
export interface TrackOutcome extends EventKey {
  outcome: 'RECORDED' | 'UNMATCHED' | 'DELTA_UNUSABLE' | 'PENDING_USER';
  mapping: Mapping | null;
  /** The rule that matches it; for DELTA_UNUSABLE, the one that finds no usable delta. */
  ruleId: string | null;
  userKey: bigint | null;
}

type Outcome = TrackOutcome['outcome'] | 'USER_CREATED' | 'USER_UPDATED' | 'USERS_MERGED' | 'USER_CLAIMED';

/** The effect of a processed event. */
export interface Effect {
  outcome: Outcome;
  featureId: string | null;
  ruleId: string | null;
  delta: Amount | null;
  userKey: bigint | null;
}

const storeSql = `
  with arrived as (
    select e.*, ${wasDeletedSql('e')} as is_deleted
    from (
      select environment_id, message_id, type, user_id, event_name, payload, ord, clock.at as received_at,
        least(coalesce(occurred_at, clock.at), clock.at) as occurred_at
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
        with ordinality as i(environment_id, message_id, type, user_id, event_name, payload, occurred_at, ord)
      cross join (select clock_timestamp() as at offset 0) clock
    ) e
  ), stored as (
    insert into segment_event
      (environment_id, message_id, type, user_id, event_name, payload, occurred_at, received_at)
    select environment_id, message_id, type::"SegmentEventType", user_id, event_name, payload::jsonb, occurred_at,
      received_at
    from arrived where not is_deleted order by environment_id, message_id, ord
    on conflict (environment_id, message_id) do nothing
    returning environment_id, message_id
  )
  select environment_id as "environmentId", message_id as "messageId", false as "isDeleted" from stored
  union all
  select environment_id, message_id, true from arrived where is_deleted`;

/** An event that was stored now, or was rejected because its user was deleted after it happened. */
export interface Arrived extends EventKey {
  isDeleted: boolean;
}

/**
 * Stores new events, committed on return. `receivedAt` is the database's time; see src/database/settled.ts.
 *
 * @returns the new events, and the rejected ones
 */
export async function storeEvents(pool: Pool, events: readonly SegmentEvent[]): Promise<Arrived[]> {
  const { rows } = await pool.query<Arrived>({
    name: 'store events',
    text: storeSql,
    values: [
      events.map((event) => event.environmentId),
      events.map((event) => event.messageId),
      events.map((event) => event.type),
      events.map((event) => event.userId),
      events.map((event) => event.eventName),
      events.map((event) => event.payload),
      events.map(({ occurredAt }) => occurredAt),
    ],
  });
  return rows;
}

/** A track event that is not processed yet, with what decides it beside the rules. */
export interface WaitingTrack extends EventKey {
  userId: string;
  eventName: string;
  properties: unknown;
  occurredAt: Date;
  /** Its feature and delta, if they were decided before. */
  mapping: Mapping | null;
  /** The precision of the feature that it names; null if it names none, or none that is CONSUMABLE. */
  namedPrecision: number | null;
  /** The user that its id leads to; null if there is none. */
  user: { key: bigint; hasTopUps: boolean } | null;
}

/** Track events, and all rules by environment, oldest first. */
export interface Waiting {
  events: WaitingTrack[];
  rules: ReadonlyMap<string, MappingRule[]>;
}

interface WaitingRow extends EventKey {
  user_id: string;
  event_name: string;
  properties: unknown;
  occurred_at: Date;
  feature_id: string | null;
  rule_id: string | null;
  delta: string;
}

/*
 * One look-up by key for each event: no plan may read the whole table. `num_nulls` keeps the planner from the index of
 * unprocessed events: it estimates that index as empty, and would read all its dead entries for each event.
 */
const lockSql = (locked: IfLocked) => `
  select e.* from (
    select distinct * from unnest($1::text[], $2::text[]) as k(environment_id, message_id)
    order by environment_id, message_id
  ) k
  cross join lateral (
    select environment_id as "environmentId", message_id as "messageId", user_id, event_name,
      payload -> 'properties' as properties, occurred_at, feature_id, rule_id, ${deltaSql('segment_event')} as delta
    from segment_event
    where environment_id = k.environment_id and message_id = k.message_id and type = 'TRACK'
      and num_nulls(outcome) = 1
    for update ${locked === 'skip' ? 'skip locked' : ''}
  ) e`;
const lockStatements = {
  wait: { name: 'lock tracks', text: lockSql('wait') },
  skip: { name: 'lock tracks, skip', text: lockSql('skip') },
};

const rulesSql = `
  select r.environment_id, r.id, feature_id as "featureId", event_name as "eventName", conditions,
    delta_path as "deltaPath", f.precision
  from mapping_rule r join feature f on f.environment_id = r.environment_id and f.id = r.feature_id
  where r.environment_id = any($1::text[]) order by r.created_at, r.id`;

/** The feature id in an event's own properties, as namedFeature reads it. */
const namedFeatureSql = (properties: string) =>
  `case when jsonb_typeof(${properties} -> 'featureId') = 'string' then ${properties} ->> 'featureId' end`;

interface FactsRow extends EventKey {
  precision: number | null;
  user_key: string | null;
  has_top_ups: boolean;
}

const factsSql = `
  select k.environment_id as "environmentId", k.message_id as "messageId", f.precision, u.user_key, u.has_top_ups
  from unnest($1::text[], $2::text[]) as k(environment_id, message_id)
  cross join lateral (
    select user_id, ${namedFeatureSql("payload -> 'properties'")} as feature_id from segment_event
    where environment_id = k.environment_id and message_id = k.message_id limit 1
  ) e
  left join lateral (
    select precision from feature
    where environment_id = k.environment_id and id = e.feature_id and type = 'CONSUMABLE' limit 1
  ) f on true
  ${holderSql('k.environment_id', 'e.user_id')}`;

/**
 * Locks those of these track events that are not processed yet. Then locks the rules against changes until the commit,
 * and after that reads what decides the events: a rule or feature that is made later finds every event that was left
 * unmatched. All statements are sent at once.
 *
 * @param locked whether to wait for events locked by others, or to skip them
 */
export async function openTracks(
  client: PoolClient,
  keys: readonly EventKey[],
  locked: IfLocked,
): Promise<Waiting> {
  const environmentIds = [...new Set(keys.map(({ environmentId }) => environmentId))];
  const values = [environmentIds];
  const [waiting, , rules, facts] = await Promise.all([
    client.query<WaitingRow>({ ...lockStatements[locked], values: keyColumns(keys) }),
    client.query({ name: 'share rules', text: lockRulesSharedSql, values }),
    client.query<MappingRule & { environment_id: string }>({ name: 'rules', text: rulesSql, values }),
    client.query<FactsRow>({ name: 'facts of tracks', text: factsSql, values: keyColumns(keys) }),
  ]);
  const factsOf = new Map(facts.rows.map((row) => [nameOf(row), row]));
  return {
    events: waiting.rows.map((row) => waitingTrack(row, factsOf.get(nameOf(row)))),
    rules: new Map(environmentIds.map((id) => [id, rules.rows.filter((row) => row.environment_id === id)])),
  };
}

const waitingTrack = (row: WaitingRow, facts: FactsRow | undefined): WaitingTrack => ({
  environmentId: row.environmentId,
  messageId: row.messageId,
  userId: row.user_id,
  eventName: row.event_name,
  properties: row.properties,
  occurredAt: row.occurred_at,
  mapping:
    row.feature_id === null
      ? null
      : { featureId: row.feature_id, ruleId: row.rule_id, delta: amountOf(row.delta) },
  namedPrecision: facts?.precision ?? null,
  user:
    facts === undefined || facts.user_key === null
      ? null
      : { key: BigInt(facts.user_key), hasTopUps: facts.has_top_ups },
});

const nameOf = ({ environmentId, messageId }: EventKey) => `${environmentId} ${messageId}`;

const usersSql = `
  select u.key
  from unnest($1::text[], $2::text[]) with ordinality as i(environment_id, id, ord)
  left join lateral (
    select coalesce(merged_into, key) as key from "user"
    where environment_id = i.environment_id and id = i.id limit 1
  ) u on true
  order by i.ord`;

/** The keys of the users that these ids lead to, in order; null where there is none. */
export async function findUserKeys(
  client: PoolClient,
  users: readonly { environmentId: string; userId: string }[],
): Promise<(bigint | null)[]> {
  const { rows } = await client.query<{ key: string | null }>({
    name: 'users of tracks',
    text: usersSql,
    values: [users.map(({ environmentId }) => environmentId), users.map(({ userId }) => userId)],
  });
  return rows.map(({ key }) => (key === null ? null : BigInt(key)));
}

/* The keys are named twice: where the planner believes that there are few events, it would join by reading all of them. */
const saveSql = `
  update segment_event e
  set outcome = o.outcome::"SegmentOutcome", feature_id = o.feature_id, rule_id = o.rule_id, delta = o.delta,
    user_key = o.user_key
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::bigint[])
    as o(environment_id, message_id, outcome, feature_id, rule_id, delta, user_key)
  where e.environment_id = o.environment_id and e.message_id = o.message_id
    and e.environment_id = any ($1) and e.message_id = any ($2)`;

/** Saves the outcomes of track events that this transaction has locked. */
export async function saveTracks(client: PoolClient, outcomes: readonly TrackOutcome[]): Promise<void> {
  await client.query({
    name: 'save tracks',
    text: saveSql,
    values: [
      ...keyColumns(outcomes),
      outcomes.map(({ outcome }) => outcome),
      outcomes.map(({ mapping }) => mapping?.featureId ?? null),
      outcomes.map(({ ruleId }) => ruleId),
      outcomes.map(({ mapping }) => textOrNull(mapping?.delta ?? null)),
      outcomes.map(({ userKey }) => userKey),
    ],
  });
}

export const effectOf = ({ outcome, mapping, ruleId, userKey }: TrackOutcome): Effect => ({
  outcome,
  featureId: mapping?.featureId ?? null,
  ruleId,
  delta: mapping?.delta ?? null,
  userKey,
});

const effectSql = `
  select e.is_stored, e.outcome, e.feature_id as "featureId", e.rule_id as "ruleId", e.delta, e.user_key as "userKey"
  from unnest($1::text[], $2::text[]) with ordinality as k(environment_id, message_id, ord)
  left join lateral (
    select true as is_stored, outcome, feature_id, rule_id, ${deltaSql('segment_event')} as delta, user_key from segment_event
    where environment_id = k.environment_id and message_id = k.message_id limit 1
  ) e on true
  order by k.ord`;

/** The effect of each event, in order; null if it is not stored, RETRY if it is not processed. */
export async function readEffects(
  pool: Pool,
  keys: readonly EventKey[],
): Promise<(Effect | null | typeof RETRY)[]> {
  const { rows } = await pool.query({ name: 'read effects', text: effectSql, values: keyColumns(keys) });
  return rows.map(({ is_stored: isStored, ...effect }) => {
    if (effect.outcome === null) return isStored ? RETRY : null;
    return {
      ...effect,
      delta: amountOrNull(effect.delta),
      userKey: effect.userKey === null ? null : BigInt(effect.userKey),
    };
  });
}

export const keyColumns = (keys: readonly EventKey[]) => [
  keys.map(({ environmentId }) => environmentId),
  keys.map(({ messageId }) => messageId),
];
