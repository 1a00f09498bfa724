import type { Db } from '../../database/client.ts';
import { Prisma } from '../../database/generated/client.ts';
import { maxExaminedBytes, type Terms, type TrackedEvent } from './rules.ts';

/** An unmatched event that a rule is tried on. */
export interface Candidate extends TrackedEvent {
  messageId: string;
  /** Whether it is still within what is examined at once; if not, its properties are left out. */
  isWithin: boolean;
}

/* By the index of outcomes: one walk for each of the two. */
const waiting = (
  outcome: 'UNMATCHED' | 'DELTA_UNUSABLE',
  environmentId: string,
  terms: Terms,
  count: number,
) =>
  Prisma.sql`
    (SELECT message_id, event_name, received_at,
       CASE WHEN ${terms.conditions.length > 0 || terms.deltaPath !== null} THEN payload -> 'properties' END
         AS properties
     FROM segment_event
     WHERE environment_id = ${environmentId} AND outcome = ${outcome}::"SegmentOutcome"
       AND (${terms.eventName}::text IS NULL OR event_name = ${terms.eventName})
     ORDER BY received_at DESC, message_id DESC LIMIT ${count})`;

/** The latest unmatched events that may match, the latest first, at most `count`. Of their payloads only what the rule needs. */
export function findCandidates(
  db: Db,
  environmentId: string,
  terms: Terms,
  count: number,
): Promise<Candidate[]> {
  return db.$queryRaw`
    WITH latest AS (
      SELECT * FROM (
        ${waiting('UNMATCHED', environmentId, terms, count)}
        UNION ALL ${waiting('DELTA_UNUSABLE', environmentId, terms, count)}
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
