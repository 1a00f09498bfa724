import type { Pool, PoolClient } from 'pg';
import { RETRY } from '../../database/held.ts';
import type { IfLocked } from '../../usage/record/rules.ts';
import { wasDeletedSql } from '../erasure/store.ts';
import type { Mapping } from '../mapping/rules.ts';
import type { SegmentEvent } from './rules.ts';

/** What names an event. */
export interface EventKey {
  environmentId: string;
  messageId: string;
}

/** A track event as it waits to be processed. */
export interface WaitingTrack extends EventKey {
  userId: string;
  eventName: string;
  properties: unknown;
  occurredAt: Date;
  /** What it is usage of, if that was decided before. */
  mapping: Mapping | null;
}

/** What became of a track event. */
export interface TrackOutcome extends EventKey {
  outcome: 'RECORDED' | 'UNMATCHED' | 'DELTA_UNUSABLE' | 'PENDING_USER';
  mapping: Mapping | null;
  /** The rule that claims it, or that would if it had a usable delta. */
  ruleId: string | null;
  userKey: bigint | null;
}

type Outcome = TrackOutcome['outcome'] | 'USER_CREATED' | 'USER_UPDATED' | 'USERS_MERGED' | 'USER_CLAIMED';

/** What a processed event did. */
export interface Effect {
  outcome: Outcome;
  featureId: string | null;
  ruleId: string | null;
  delta: number | null;
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

/** An event that is stored now, or one that is not because its user was deleted since it happened. */
export interface Arrived extends EventKey {
  isDeleted: boolean;
}

/**
 * Stores events that are not stored yet, and answers which of them were new. Durable once it answers. They are stored at the
 * database's time; see src/database/settled.ts.
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
      // One without a time of its own happened when it arrived: by the database's clock, as all that it is compared with.
      events.map(({ occurredAt, receivedAt }) => (occurredAt < receivedAt ? occurredAt : null)),
    ],
  });
  return rows;
}

interface WaitingRow extends EventKey {
  user_id: string;
  event_name: string;
  properties: unknown;
  occurred_at: Date;
  feature_id: string | null;
  rule_id: string | null;
  delta: number;
}

/*
 * One look-up by key for each: no plan may read the whole table. That the outcome is null is said in a way that
 * hides the index of unprocessed events from the planner: it believes it to be empty, and what is dead in it would
 * be read for each event.
 */
const lockSql = (locked: IfLocked) => `
  select e.* from (
    select distinct * from unnest($1::text[], $2::text[]) as k(environment_id, message_id)
    order by environment_id, message_id
  ) k
  cross join lateral (
    select environment_id as "environmentId", message_id as "messageId", user_id, event_name,
      payload -> 'properties' as properties, occurred_at, feature_id, rule_id, delta
    from segment_event
    where environment_id = k.environment_id and message_id = k.message_id and type = 'TRACK'
      and num_nulls(outcome) = 1
    for update ${locked === 'skip' ? 'skip locked' : ''}
  ) e`;
const lockStatements = {
  wait: { name: 'lock tracks', text: lockSql('wait') },
  skip: { name: 'lock tracks, skip', text: lockSql('skip') },
};

/**
 * Locks those of these track events that are still to be processed.
 *
 * @param locked whether to wait for whoever is at one, or to leave that one out
 */
export async function lockTracks(
  client: PoolClient,
  keys: readonly EventKey[],
  locked: IfLocked,
): Promise<WaitingTrack[]> {
  const { rows } = await client.query<WaitingRow>({ ...lockStatements[locked], values: keyColumns(keys) });
  return rows.map((row) => ({
    environmentId: row.environmentId,
    messageId: row.messageId,
    userId: row.user_id,
    eventName: row.event_name,
    properties: row.properties,
    occurredAt: row.occurred_at,
    mapping:
      row.feature_id === null ? null : { featureId: row.feature_id, ruleId: row.rule_id, delta: row.delta },
  }));
}

const saveSql = `
  update segment_event e
  set outcome = o.outcome::"SegmentOutcome", feature_id = o.feature_id, rule_id = o.rule_id, delta = o.delta,
    user_key = o.user_key
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[])
    as o(environment_id, message_id, outcome, feature_id, rule_id, delta, user_key)
  where e.environment_id = o.environment_id and e.message_id = o.message_id`;

/** Saves what became of track events that this transaction has locked. */
export async function saveTracks(client: PoolClient, outcomes: readonly TrackOutcome[]): Promise<void> {
  await client.query({
    name: 'save tracks',
    text: saveSql,
    values: [
      ...keyColumns(outcomes),
      outcomes.map(({ outcome }) => outcome),
      outcomes.map(({ mapping }) => mapping?.featureId ?? null),
      outcomes.map(({ ruleId }) => ruleId),
      outcomes.map(({ mapping }) => mapping?.delta ?? null),
      outcomes.map(({ userKey }) => userKey),
    ],
  });
}

const effectSql = `
  select e.is_stored, e.outcome, e.feature_id as "featureId", e.rule_id as "ruleId", e.delta, e.user_key as "userKey"
  from unnest($1::text[], $2::text[]) with ordinality as k(environment_id, message_id, ord)
  left join lateral (
    select true as is_stored, outcome, feature_id, rule_id, delta, user_key from segment_event
    where environment_id = k.environment_id and message_id = k.message_id limit 1
  ) e on true
  order by k.ord`;

/** What each of these events did, in their order; null for one that is not stored, RETRY for one not processed. */
export async function readEffects(
  pool: Pool,
  keys: readonly EventKey[],
): Promise<(Effect | null | typeof RETRY)[]> {
  const { rows } = await pool.query({ name: 'read effects', text: effectSql, values: keyColumns(keys) });
  return rows.map(({ is_stored: isStored, ...effect }) => {
    if (effect.outcome === null) return isStored ? RETRY : null;
    return { ...effect, userKey: effect.userKey === null ? null : BigInt(effect.userKey) };
  });
}

const keyColumns = (keys: readonly EventKey[]) => [
  keys.map(({ environmentId }) => environmentId),
  keys.map(({ messageId }) => messageId),
];

/** An event that is still to be processed, and where it stands among them. */
export interface UnprocessedEvent extends EventKey {
  type: SegmentEvent['type'];
  receivedAt: Date;
}

const unprocessedSql = `
  select environment_id as "environmentId", message_id as "messageId", type, received_at as "receivedAt"
  from segment_event
  where outcome is null and (received_at, message_id) > (coalesce($1::timestamptz, '-infinity'), $2::text)
  order by received_at, message_id limit $3`;

/** The events of all environments that are still to be processed, after `last`, in the order of their arrival. */
export async function findUnprocessed(
  pool: Pool,
  last: UnprocessedEvent | null,
  count: number,
): Promise<UnprocessedEvent[]> {
  const values = [last?.receivedAt ?? null, last?.messageId ?? '', count];
  const { rows } = await pool.query<UnprocessedEvent>({
    name: 'find unprocessed',
    text: unprocessedSql,
    values,
  });
  return rows;
}
