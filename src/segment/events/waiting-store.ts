import type { PoolClient } from 'pg';
import { amountOf } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import { holderSql } from '../../entitlements/holdings-store.ts';
import type { IfLocked } from '../../usage/record/rules.ts';
import { lockRulesSharedSql } from '../lock-store.ts';
import type { Mapping, MappingRule } from '../mapping/rules.ts';
import { type EventKey, keyColumns } from './store.ts';

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
