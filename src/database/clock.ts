import type { ClientBase } from 'pg';
import type { Lookups } from './client.ts';
import { shareReadings } from './joint-reading.ts';

/** Reads the database's clock, in whole milliseconds, at or after the call. */
export type ReadClock = () => Promise<Date>;

/**
 * Returns a function that reads the database's clock. Instants that are compared with rows must come from it, because
 * the clocks of servers differ.
 */
export const createClock = (db: Lookups): ReadClock => shareReadings(() => readClock(db));

/** Reads the database's clock, in whole milliseconds. For a decision under a lock, call it while holding the lock. */
export async function readClock(db: Lookups | ClientBase): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>({
    name: 'clock',
    text: `select date_trunc('milliseconds', clock_timestamp()) as now`,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the database returned no time');
  return row.now;
}
