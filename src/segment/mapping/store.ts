import type { Pool, PoolClient } from 'pg';
import { amountText } from '../../amount.ts';
import type { Db } from '../../database/client.ts';
import { Prisma } from '../../database/generated/client.ts';
import type { EventKey } from '../events/store.ts';
import {
  type Mapping,
  type MappingRule,
  maxExaminedBytes,
  type RuleCriteria,
  type TrackedEvent,
} from './rules.ts';

/** A rule that is being applied to stored events, and the last event that it has examined. */
export interface UnfinishedRule extends MappingRule {
  environmentId: string;
  examinedAt: Date | null;
  examinedId: string | null;
}

/** A stored event that no rule has matched yet. */
export interface UnmatchedEvent extends EventKey {
  eventName: string;
  /** Empty where the rule does not need them: the event has another name, or only the name matters. */
  properties: unknown;
  receivedAt: Date;
}

const nextRuleSql = `
  select r.environment_id as "environmentId", r.id, feature_id as "featureId", event_name as "eventName", conditions,
    delta_path as "deltaPath", examined_at as "examinedAt", examined_id as "examinedId", f.precision
  from mapping_rule r join feature f on f.environment_id = r.environment_id and f.id = r.feature_id
  where r.environment_id = $1 and backfill <> 'DONE' and r.id <> all($2::text[])
  order by r.created_at, r.id limit 1 for update of r`;

/** The oldest unfinished rule, except these. Locked until the commit against edits, deletion and other backfills. */
export async function lockNextRule(
  client: PoolClient,
  environmentId: string,
  except: readonly string[],
): Promise<UnfinishedRule | null> {
  const { rows } = await client.query<UnfinishedRule>(nextRuleSql, [environmentId, except]);
  return rows[0] ?? null;
}

/* One scan of the index of outcomes for each of the two outcomes. */
const waitingSql = (outcome: string) => `
  (select environment_id as "environmentId", message_id as "messageId", event_name as "eventName",
     received_at as "receivedAt",
     case when $5 and ($4::text is null or event_name = $4) then payload -> 'properties' end as properties
   from segment_event
   where environment_id = $1 and outcome = '${outcome}'
     and (received_at, message_id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::text, ''))
   order by received_at, message_id limit $6)`;

const unmatchedSql = `
  with candidate as (
    select * from (${waitingSql('UNMATCHED')} union all ${waitingSql('DELTA_UNUSABLE')}) waiting
    order by "receivedAt", "messageId" limit $6
  ), measured as (
    select *, row_number() over in_order as place, sum(octet_length(properties::text)) over in_order as bytes
    from candidate window in_order as (order by "receivedAt", "messageId" rows unbounded preceding)
  )
  select "environmentId", "messageId", "eventName", "receivedAt", properties from measured
  where place = 1 or coalesce(bytes, 0) <= $7 order by "receivedAt", "messageId"`;

/** The unmatched events that the rule examines next, in order of arrival; at most `count`, and maxExaminedBytes. */
export async function findUnmatched(
  client: PoolClient,
  { environmentId, examinedAt, examinedId, eventName, conditions, deltaPath }: UnfinishedRule,
  count: number,
): Promise<UnmatchedEvent[]> {
  const needsProperties = conditions.length > 0 || deltaPath !== null;
  const { rows } = await client.query<UnmatchedEvent>({
    name: 'find unmatched',
    text: unmatchedSql,
    values: [environmentId, examinedAt, examinedId, eventName, needsProperties, count, maxExaminedBytes],
  });
  return rows;
}

const mapSql = `
  update segment_event e set outcome = null, feature_id = $3, rule_id = $4, delta = matched.delta
  from unnest($2::text[], $5::numeric[]) as matched(message_id, delta)
  where e.environment_id = $1 and e.message_id = matched.message_id
    and e.outcome in ('UNMATCHED', 'DELTA_UNUSABLE')`;

/** Maps unmatched events to the rule's feature. They become unprocessed. */
export async function saveMatches(
  client: PoolClient,
  { environmentId, id, featureId }: UnfinishedRule,
  matches: readonly { event: EventKey; mapping: Mapping }[],
): Promise<void> {
  const messageIds = matches.map(({ event }) => event.messageId);
  const deltas = matches.map(({ mapping }) => amountText(mapping.delta));
  await client.query(mapSql, [environmentId, messageIds, featureId, id, deltas]);
}

const unusableSql = `
  update segment_event e set outcome = 'DELTA_UNUSABLE', rule_id = $3
  from unnest($2::text[]) as matched(message_id)
  where e.environment_id = $1 and e.message_id = matched.message_id and e.outcome = 'UNMATCHED'`;

/** Saves that the rule matches these events but finds no usable delta. Another rule can still map them. */
export async function saveUnusable(
  client: PoolClient,
  { environmentId, id }: UnfinishedRule,
  events: readonly EventKey[],
): Promise<void> {
  const messageIds = events.map(({ messageId }) => messageId);
  await client.query(unusableSql, [environmentId, messageIds, id]);
}

/** Saves that the rule has examined events up to `last`, and how many it matched. */
export async function saveProgress(
  client: PoolClient,
  { environmentId, id }: UnfinishedRule,
  { last, examined, matched }: { last: UnmatchedEvent; examined: number; matched: number },
): Promise<void> {
  await client.query(
    `update mapping_rule set backfill = 'RUNNING', examined_at = $3, examined_id = $4,
       examined = examined + $5, matched = matched + $6
     where environment_id = $1 and id = $2`,
    [environmentId, id, last.receivedAt, last.messageId, examined, matched],
  );
}

const unsettledSql = `
  select environment_id as "environmentId", message_id as "messageId" from segment_event
  where environment_id = $1 and rule_id = $2 and outcome is null
  order by received_at, message_id limit $3`;

/** Events that the rule has matched and whose usage is not recorded yet, at most `count`. */
export async function findUnsettled(
  client: PoolClient,
  { environmentId, id }: UnfinishedRule,
  count: number,
): Promise<EventKey[]> {
  return (await client.query<EventKey>(unsettledSql, [environmentId, id, count])).rows;
}

export async function saveDone(client: PoolClient, { environmentId, id }: UnfinishedRule): Promise<void> {
  await client.query(`update mapping_rule set backfill = 'DONE' where environment_id = $1 and id = $2`, [
    environmentId,
    id,
  ]);
}

/** The environments that have unfinished rules. */
export async function findUnfinished(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ environment_id: string }>(
    `select distinct environment_id from mapping_rule where backfill <> 'DONE' order by 1`,
  );
  return rows.map((row) => row.environment_id);
}

/** An unmatched event on which a rule is previewed. */
export interface PreviewedEvent extends TrackedEvent {
  messageId: string;
  /** Whether it is within maxExaminedBytes; if not, its properties are left out. */
  isWithin: boolean;
}

/* One scan of the index of outcomes for each of the two outcomes. */
const waiting = (
  outcome: 'UNMATCHED' | 'DELTA_UNUSABLE',
  environmentId: string,
  criteria: RuleCriteria,
  count: number,
) =>
  Prisma.sql`
    (SELECT message_id, event_name, received_at,
       CASE WHEN ${criteria.conditions.length > 0 || criteria.deltaPath !== null} THEN payload -> 'properties' END
         AS properties
     FROM segment_event
     WHERE environment_id = ${environmentId} AND outcome = ${outcome}::"SegmentOutcome"
       AND (${criteria.eventName}::text IS NULL OR event_name = ${criteria.eventName})
     ORDER BY received_at DESC, message_id DESC LIMIT ${count})`;

/** The latest unmatched events that may match, latest first, at most `count`. Reads only what the rule needs. */
export function findCandidates(
  db: Db,
  environmentId: string,
  criteria: RuleCriteria,
  count: number,
): Promise<PreviewedEvent[]> {
  return db.$queryRaw`
    WITH latest AS (
      SELECT * FROM (
        ${waiting('UNMATCHED', environmentId, criteria, count)}
        UNION ALL ${waiting('DELTA_UNUSABLE', environmentId, criteria, count)}
      ) waiting ORDER BY received_at DESC, message_id DESC LIMIT ${count}
    ), measured AS (
      SELECT *, coalesce(sum(octet_length(properties::text)) OVER (
          ORDER BY received_at DESC, message_id DESC ROWS UNBOUNDED PRECEDING
        ), 0) <= ${maxExaminedBytes} AS is_within
      FROM latest
    )
    SELECT message_id AS "messageId", event_name AS "eventName", is_within AS "isWithin",
      CASE WHEN is_within THEN properties END AS properties
    FROM measured ORDER BY received_at DESC, message_id DESC`;
}

/** A position in the order of arrival of stored events. */
export interface Position {
  receivedAt: Date | string;
  messageId: string;
}

/* The feature may be a little older than the event by the clocks of two processes. */
const releaseSql = `
  with page as (
    select received_at, message_id from segment_event
    where environment_id = $1 and outcome = $2::"SegmentOutcome" and (received_at, message_id) > ($3::timestamptz, $4)
    order by received_at, message_id limit $5
  ), released as (
    update segment_event e set outcome = null from page
    where e.environment_id = $1 and e.message_id = page.message_id and e.outcome = $2::"SegmentOutcome"
      and exists (
        select from feature f
        where f.environment_id = $1 and f.id = e.payload #>> '{properties,featureId}' and f.type = 'CONSUMABLE'
          and f.created_at > e.received_at - interval '1 minute')
    returning e.message_id
  )
  select (select coalesce(array_agg(message_id), '{}') from released) as released,
    (select jsonb_build_object('receivedAt', received_at, 'messageId', message_id)
     from page order by received_at desc, message_id desc limit 1) as last`;

export async function releasePage(
  pool: Pool,
  environmentId: string,
  outcome: string,
  { receivedAt, messageId }: Position,
  count: number,
): Promise<{ released: string[]; last: Position | null }> {
  const { rows } = await pool.query<{ released: string[]; last: Position | null }>({
    name: 'release events of new features',
    text: releaseSql,
    values: [environmentId, outcome, receivedAt, messageId, count],
  });
  return rows[0] ?? { released: [], last: null };
}
