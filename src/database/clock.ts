import type { ClientBase } from 'pg';
import type { Lookups } from './client.ts';

/** The time by the database's clock, whole milliseconds. It is not before the call. */
export type ReadClock = () => Promise<Date>;

/**
 * Reads the database's clock. Instants that are compared with those of rows come from there: the clocks of
 * servers differ from it, and from each other. Concurrent callers share a reading that begins after their call.
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

/** The database's clock, in whole milliseconds. Whoever decides under a lock reads it with the lock held. */
export async function readClock(db: Lookups | ClientBase): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>({
    name: 'clock',
    text: `select date_trunc('milliseconds', clock_timestamp()) as now`,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the database did not tell the time');
  return row.now;
}
