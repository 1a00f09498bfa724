import type { Pool, PoolClient } from 'pg';
import type { EventKey } from '../events/store.ts';
import { type Mapping, type MappingRule, maxExaminedBytes } from './rules.ts';

/** A rule that is to be applied to stored events, and the last event that it has examined. */
export interface UnfinishedRule extends MappingRule {
  environmentId: string;
  examinedAt: Date | null;
  examinedId: string | null;
}

/** A stored event that nothing has claimed yet. */
export interface UnmatchedEvent extends EventKey {
  eventName: string;
  /** Left out where the rule does not look at them: it asks for another name, or for nothing but a name. */
  properties: unknown;
  receivedAt: Date;
}

const nextRuleSql = `
  select environment_id as "environmentId", id, feature_id as "featureId", event_name as "eventName", conditions,
    delta_path as "deltaPath", examined_at as "examinedAt", examined_id as "examinedId"
  from mapping_rule where environment_id = $1 and backfill <> 'DONE' and id <> all($2::text[])
  order by created_at, id limit 1 for update`;

/** The oldest unfinished rule but these, locked: nobody edits, deletes or applies it before the transaction ends. */
export async function lockNextRule(
  client: PoolClient,
  environmentId: string,
  except: readonly string[],
): Promise<UnfinishedRule | null> {
  const { rows } = await client.query<UnfinishedRule>(nextRuleSql, [environmentId, except]);
  return rows[0] ?? null;
}

/* By the index of outcomes: one walk for each of the two. */
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

/** The unmatched events that the rule examines next, in the order of their arrival; at most so many, and so large. */
export async function findUnmatched(
  client: PoolClient,
  { environmentId, examinedAt, examinedId, eventName, conditions, deltaPath }: UnfinishedRule,
  count: number,
): Promise<UnmatchedEvent[]> {
  const looksInside = conditions.length > 0 || deltaPath !== null;
  const { rows } = await client.query<UnmatchedEvent>({
    name: 'find unmatched',
    text: unmatchedSql,
    values: [environmentId, examinedAt, examinedId, eventName, looksInside, count, maxExaminedBytes],
  });
  return rows;
}

const claimSql = `
  update segment_event e set outcome = null, feature_id = $3, rule_id = $4, delta = claimed.delta
  from unnest($2::text[], $5::integer[]) as claimed(message_id, delta)
  where e.environment_id = $1 and e.message_id = claimed.message_id
    and e.outcome in ('UNMATCHED', 'DELTA_UNUSABLE')`;

/** Maps unmatched events to the rule's feature, and leaves them to be processed. */
export async function claim(
  client: PoolClient,
  { environmentId, id, featureId }: UnfinishedRule,
  claims: readonly { event: EventKey; mapping: Mapping }[],
): Promise<void> {
  const messageIds = claims.map(({ event }) => event.messageId);
  const deltas = claims.map(({ mapping }) => mapping.delta);
  await client.query(claimSql, [environmentId, messageIds, featureId, id, deltas]);
}

const unusableSql = `
  update segment_event e set outcome = 'DELTA_UNUSABLE', rule_id = $3
  from unnest($2::text[]) as matched(message_id)
  where e.environment_id = $1 and e.message_id = matched.message_id and e.outcome = 'UNMATCHED'`;

/** Notes that the rule matches these events, and cannot use their deltas. They stay to be claimed by another rule. */
export async function saveUnusable(
  client: PoolClient,
  { environmentId, id }: UnfinishedRule,
  events: readonly EventKey[],
): Promise<void> {
  const messageIds = events.map(({ messageId }) => messageId);
  await client.query(unusableSql, [environmentId, messageIds, id]);
}

/** Notes that the rule has examined events up to `last`, and has claimed some of them. */
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

/** Events that the rule has claimed and whose usage is not recorded yet, at most `count`. */
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

/** The environments with rules that are to be applied to stored events. */
export async function findUnfinished(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ environment_id: string }>(
    `select distinct environment_id from mapping_rule where backfill <> 'DONE' order by 1`,
  );
  return rows.map((row) => row.environment_id);
}

/**
 * Takes the lead in an environment for as long as the connection lasts: when the process is killed, another
 * can take over at once. False if someone else has it.
 */
export async function takeLead(session: PoolClient, name: string): Promise<boolean> {
  const { rows } = await session.query<{ taken: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
    [name],
  );
  return rows[0]?.taken ?? false;
}

export async function giveUpLead(session: PoolClient, name: string): Promise<void> {
  await session.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
}
