import type { Db } from './client.ts';

/** Tables whose lists callers may poll while rows are added. */
export type PolledTable = 'user' | 'feature' | 'package' | 'mapping_rule' | 'segment_event';

/** Times are stored in whole milliseconds, rounded up or down. */
const roundingMs = 2;
/** The assumed age of a transaction whose start is not told: of another role, or prepared for two-phase commit. */
const hiddenAgeMs = 600_000;

/**
 * Returns an instant before which no more rows are inserted. A later statement sees all rows before it.
 *
 * A row gets its time from the database's clock when it is inserted (clock_timestamp()). Its transaction locks the table
 * before that, until the row is visible. So a row that is not visible yet is not older than a transaction that holds the
 * lock now, or it is not inserted yet. Nothing waits.
 */
export async function settledUntil(db: Db, table: PolledTable): Promise<Date> {
  // The clock is read first: a transaction that locks the table after that inserts later.
  const [{ now }] = await db.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`;
  const [{ oldest }] = await db.$queryRaw<[{ oldest: Date | null }]>`
    SELECT min(coalesce(writer.xact_start, ${now}::timestamptz - ${hiddenAgeMs} * interval '1 millisecond')) AS oldest
    FROM pg_locks held LEFT JOIN pg_stat_activity writer USING (pid)
    WHERE held.locktype = 'relation' AND held.mode = 'RowExclusiveLock' AND held.granted
      AND held.relation = ${`"${table}"`}::regclass
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  const until = Math.min(now.getTime(), oldest?.getTime() ?? Number.POSITIVE_INFINITY);
  return new Date(until - roundingMs);
}

/**
 * Returns the creation time for rows that a transaction is about to insert into these tables with times of its own: this
 * one, or later ones. It locks the tables first, so that settledUntil does not go past this time before the commit.
 */
export async function insertionTime(tx: Db, tables: readonly PolledTable[]): Promise<Date> {
  for (const table of tables) await tx.$executeRawUnsafe(`LOCK TABLE "${table}" IN ROW EXCLUSIVE MODE`);
  const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`;
  return now;
}
