import type { Db } from './client.ts';

/** Tables whose lists can be followed while rows are added. */
export type FollowedTable = 'user' | 'segment_event';

/** Times are stored in whole milliseconds, rounded either way. */
const roundingMs = 2;
/** A transaction whose start this role may not see is taken for one that is that old. */
const unseenMs = 600_000;

/**
 * An instant before which no more rows are created: what a statement that begins after this answers has all of them.
 *
 * A row gets its time from the database's clock when it is inserted (clock_timestamp()). Its transaction locks the table
 * before that, and until the row is visible. So a row that is not visible yet is of a transaction that holds the lock now,
 * and not older than that transaction; or it is yet to be inserted. Nobody waits.
 */
export async function settledUntil(db: Db, table: FollowedTable): Promise<Date> {
  // The clock is read first: who locks the table after that inserts later.
  const [{ now }] = await db.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`;
  const [{ oldest }] = await db.$queryRaw<[{ oldest: Date | null }]>`
    SELECT min(coalesce(writer.xact_start, ${now}::timestamptz - ${unseenMs} * interval '1 millisecond')) AS oldest
    FROM pg_locks held JOIN pg_stat_activity writer USING (pid)
    WHERE held.locktype = 'relation' AND held.mode = 'RowExclusiveLock' AND held.granted
      AND held.relation = ${`"${table}"`}::regclass
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  const until = Math.min(now.getTime(), oldest?.getTime() ?? Number.POSITIVE_INFINITY);
  return new Date(until - roundingMs);
}
