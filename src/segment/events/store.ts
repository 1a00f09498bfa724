import type { Pool, PoolClient } from 'pg';
import { type Amount, amountOrNull, textOrNull } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import { RETRY } from '../../database/held.ts';
import { wasDeletedSql } from '../erasure/store.ts';
import type { Mapping } from '../mapping/rules.ts';
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
