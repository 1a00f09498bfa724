import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';

/* By the index of what is unprocessed: as quick with a long history as with none. */
const sql = `
  select count(*)::float as count,
    coalesce(extract(epoch from now() - min(received_at)), 0)::float as lag
  from (select received_at from segment_event where outcome is null order by received_at, message_id limit $1) event`;

/** As many are counted, so that a reading takes no time. */
const maxCounted = 10_000;

/** Tells which events are stored and still to be processed; in good health none is older than a sweep, a minute. */
export async function registerSegmentMetrics(registry: Registry, pool: Pool): Promise<void> {
  const { rows } = await pool.query({ name: 'segment metrics', text: sql, values: [maxCounted] });
  const tell = (name: string, help: string, value: number) =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  tell(
    'kana_segment_unprocessed',
    `Stored Segment events to process; at most ${maxCounted} are counted.`,
    rows[0].count,
  );
  tell('kana_segment_lag_seconds', 'For how long the oldest of them has waited.', rows[0].lag);
}
