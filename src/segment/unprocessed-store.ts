import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';
import type { SegmentEvent } from './events/rules.ts';
import type { EventKey } from './events/store.ts';

/* By the index of unprocessed events: its cost does not depend on the history. */
const sql = `
  select count(*)::float as count,
    coalesce(extract(epoch from now() - min(received_at)), 0)::float as lag
  from (select received_at from segment_event where outcome is null order by received_at, message_id limit $1) event`;

/** Bounds the cost of reading the metric. */
const maxCounted = 10_000;

/** Reads metrics of unprocessed events. Normally none is older than the sweep's interval, one minute. */
export async function registerSegmentMetrics(registry: Registry, pool: Pool): Promise<void> {
  const { rows } = await pool.query({ name: 'segment metrics', text: sql, values: [maxCounted] });
  const setGauge = (name: string, help: string, value: number) =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  setGauge(
    'kana_segment_unprocessed',
    `Stored Segment events to process; at most ${maxCounted} are counted.`,
    rows[0].count,
  );
  setGauge('kana_segment_lag_seconds', 'Age of the oldest unprocessed Segment event.', rows[0].lag);
}

/** An unprocessed event. */
export interface UnprocessedEvent extends EventKey {
  type: SegmentEvent['type'];
  receivedAt: Date;
}

const unprocessedSql = `
  select environment_id as "environmentId", message_id as "messageId", type, received_at as "receivedAt"
  from segment_event
  where outcome is null and (received_at, message_id) > (coalesce($1::timestamptz, '-infinity'), $2::text)
  order by received_at, message_id limit $3`;

/** Unprocessed events of all environments after `last`, in order of arrival. */
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
