import type { Db } from '../database/client.ts';
import type { SegmentOutcome } from '../database/generated/enums.ts';
import { groupByText, type PropertyCount } from './mapping/rules.ts';

/** How many groups of unmatched events are returned, largest first. */
export const maxGroups = 1_000;
/** How many unmatched events are searched for properties, latest first. */
export const maxSampled = 20_000;

/** The longest path or value of a condition, and the deepest path. */
const maxText = 255;
const maxLevels = 8;

/** The names of unmatched events, most frequent first. */
export function findUnmatchedNames(
  db: Db,
  environmentId: string,
): Promise<{ eventName: string; count: number }[]> {
  return db.$queryRaw`
    SELECT event_name AS "eventName", count(*)::int AS count FROM segment_event
    WHERE environment_id = ${environmentId} AND outcome = 'UNMATCHED' AND event_name IS NOT NULL
    GROUP BY event_name ORDER BY count DESC, event_name LIMIT ${maxGroups}`;
}

/** Paths and values in the properties of the latest unmatched events, as conditions could name them. */
export async function findUnmatchedProperties(db: Db, environmentId: string): Promise<PropertyCount[]> {
  // At most two values have the same text: the text itself, and a number or boolean.
  const found = await db.$queryRaw<{ path: string; value: unknown; count: number }[]>`
    WITH RECURSIVE latest AS (
      SELECT payload -> 'properties' AS properties FROM segment_event
      WHERE environment_id = ${environmentId} AND outcome = 'UNMATCHED'
      ORDER BY received_at DESC, message_id DESC LIMIT ${maxSampled}
    ), item (path, value, level) AS (
      SELECT key, value, 1 FROM latest, jsonb_each(CASE jsonb_typeof(properties) WHEN 'object' THEN properties END)
      WHERE key <> '' AND position('.' in key) = 0
      UNION ALL
      SELECT item.path || '.' || inner_item.key, inner_item.value, level + 1
      FROM item, jsonb_each(CASE jsonb_typeof(item.value) WHEN 'object' THEN item.value END) inner_item
      WHERE level < ${maxLevels} AND inner_item.key <> '' AND position('.' in inner_item.key) = 0
    )
    SELECT path, value, count(*)::int AS count FROM item
    WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean') AND length(path) <= ${maxText}
      AND (jsonb_typeof(value) <> 'string' OR length(value #>> '{}') <= ${maxText})
    GROUP BY 1, 2 ORDER BY count DESC, path, value LIMIT ${2 * maxGroups}`;
  return groupByText(found).slice(0, maxGroups);
}

/** How many unknown users events wait for. */
export async function countPendingUsers(db: Db, environmentId: string): Promise<number> {
  const [row] = await db.$queryRaw<[{ count: number }]>`
    SELECT count(DISTINCT user_id)::int AS count FROM segment_event
    WHERE environment_id = ${environmentId} AND outcome = 'PENDING_USER'`;
  return row.count;
}

/** How many events are counted by outcome, latest first. */
export const maxCounted = 10_000;

/** The outcomes of the latest events, most frequent first, without unprocessed events. */
export function countOutcomes(
  db: Db,
  environmentId: string,
): Promise<{ outcome: SegmentOutcome; count: number }[]> {
  return db.$queryRaw`
    SELECT outcome::text AS outcome, count(*)::int AS count
    FROM (
      SELECT outcome FROM segment_event WHERE environment_id = ${environmentId}
      ORDER BY received_at DESC, message_id DESC LIMIT ${maxCounted}
    ) latest
    WHERE outcome IS NOT NULL GROUP BY 1 ORDER BY count DESC, 1`;
}
