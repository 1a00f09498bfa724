import type { Db, Lookups } from './client.ts';

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
 *
 * A standby does not know the locks of its primary: see Replica.read.
 */
export async function settledUntil(db: Db, table: PolledTable): Promise<Date> {
  return readSettled((sql, values) => db.$queryRawUnsafe(sql, ...values), table);
}

/** The same on other connections. */
export async function settledUntilBy(lookups: Lookups, table: PolledTable): Promise<Date> {
  return readSettled(async (text, values) => (await lookups.query({ text, values })).rows, table);
}

const clockSql = 'SELECT clock_timestamp() AS now';
const oldestSql = `
  SELECT min(coalesce(writer.xact_start, $1::timestamptz - ${hiddenAgeMs} * interval '1 millisecond')) AS oldest
  FROM pg_locks held LEFT JOIN pg_stat_activity writer USING (pid)
  WHERE held.locktype = 'relation' AND held.mode = 'RowExclusiveLock' AND held.granted
    AND held.relation = $2::text::regclass
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

async function readSettled(
  query: (sql: string, values: unknown[]) => Promise<{ now?: Date; oldest?: Date | null }[]>,
  table: PolledTable,
): Promise<Date> {
  // The clock is read first: a transaction that locks the table after that inserts later.
  const [clock] = await query(clockSql, []);
  if (clock?.now === undefined) throw new Error('the database returned no time');
  const [writer] = await query(oldestSql, [clock.now, `"${table}"`]);
  const until = Math.min(clock.now.getTime(), writer?.oldest?.getTime() ?? Number.POSITIVE_INFINITY);
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
