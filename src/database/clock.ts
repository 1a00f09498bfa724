import type { ClientBase } from 'pg';
import type { Lookups } from './client.ts';

/** Reads the database's clock, in whole milliseconds, at or after the call. */
export type ReadClock = () => Promise<Date>;

/**
 * Returns a function that reads the database's clock. Instants that are compared with rows must come from it, because
 * the clocks of servers differ. Concurrent callers share a reading that starts after their calls.
 */
export function createClock(db: Lookups): ReadClock {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Date> | null = null;

  function start(): Promise<Date> {
    next = null;
    const reading = readClock(db);
    running = reading;
    return reading;
  }
  return () => {
    next ??= running.then(start, start);
    return next;
  };
}

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
