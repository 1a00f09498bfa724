import type { ClientBase } from 'pg';
import type { Lookups } from '../database/client.ts';
import { eventCtes } from '../webhooks/outbox/store.ts';
import { beforeAllIds, chainHash, type Found, type Log, type Seal } from './rules.ts';

type Session = Pick<ClientBase, 'query'>;

const ledgerRows = (limit: string) => `
  select e.id, usage_event_hash(e) as hash from usage_event e
  where e.id > $1 and e.id <= $2 and e.id >= (select usage_summed_to()) order by e.id ${limit}`;
// Rows of the ledger too: those that took the place of others.
const sumRows = (limit: string) => `
  select e.id, usage_event_hash(e) as hash from usage_event e
  where e.id > $1 and e.id <= $2 and e.id < (select usage_summed_to()) order by e.id ${limit}`;
const amendmentRows = (limit: string) => `
  select m.id, seal_amendment_hash(m) as hash from seal_amendment m where m.id > $1 and m.id <= $2 order by m.id ${limit}`;
// Each environment has an index by id: a look-up in each is merged.
const auditRows = (limit: string) => `
  select entry.id, entry.hash from environment
  cross join lateral (
    select a.id, audit_entry_hash(a) as hash from audit_entry a
    where a.environment_id = environment.id and a.id > $1 and a.id <= $2 order by a.id ${limit}
  ) entry
  order by entry.id ${limit}`;

const lastOf = (sequence: string) =>
  `select last_value - case when is_called then 0 else 1 end as last from ${sequence}`;

/** The rows of a log after the id $1, up to $2, by id and hash; and the sequence that gives the ids. */
const sources: Record<Log, { rows: (limit: string) => string; lastId: string }> = {
  LEDGER: { rows: ledgerRows, lastId: lastOf('usage_event_id_seq') },
  AUDIT: { rows: auditRows, lastId: lastOf('audit_entry_id_seq') },
  AMENDMENTS: { rows: amendmentRows, lastId: lastOf('seal_amendment_id_seq') },
  SUMS: { rows: sumRows, lastId: 'select coalesce(max(to_id) - 1, 0) as last from ledger_drop' },
};

const digestSql = `sha256(coalesce(string_agg(hash, ''::bytea order by id), ''::bytea))`;

/** The last id that any row of the log has been given, by transactions that may not be committed yet. */
export async function readLastId(session: Session, log: Log): Promise<bigint> {
  const { rows } = await session.query<{ last: string }>(sources[log].lastId);
  return BigInt(rows[0]?.last ?? 0);
}

/**
 * The transactions that may hold ids drawn before now: a transaction has its id before it draws an id of a log. Those
 * that are known to be of another database of the server do not count.
 */
export async function findRunning(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ xid: string }>(
    `select running::text as xid from pg_snapshot_xip(pg_current_snapshot()) running
     where not exists (
       select from pg_stat_activity
       where backend_xid = running::xid and datname is distinct from current_database()
     )`,
  );
  return rows.map(({ xid }) => xid);
}

/** Those of these transactions that have not ended. */
export async function findStillRunning(session: Session, xids: readonly string[]): Promise<string[]> {
  if (xids.length === 0) return [];
  const { rows } = await session.query<{ xid: string }>(
    `select xid from unnest($1::text[]) xid where pg_xact_status(xid::xid8) = 'in progress'`,
    [xids],
  );
  return rows.map(({ xid }) => xid);
}

/**
 * Prevents others from sealing and amending until the transaction ends; see amend_begin in the migration.
 * It does not wait: an amendment must not wait for a job that waits for another long merge.
 */
export async function lockSeals(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ locked: boolean }>(
    `select pg_try_advisory_xact_lock(hashtext('open-kana seal'), 0) as locked`,
  );
  return rows[0]?.locked ?? false;
}

/**
 * Seals the next rows of a log, at most `count`, of those up to `upTo`; call it in a transaction.
 *
 * @returns the seal; null if there is nothing to seal, or another transaction seals or amends now
 */
export async function sealNext(
  session: Session,
  { log, upTo, count }: { log: Log; upTo: bigint; count: number },
): Promise<Seal | null> {
  if (!(await lockSeals(session))) return null;
  const head = await findHead(session, log);
  const afterId = head?.lastId ?? beforeAllIds;
  const { rows } = await session.query<RangeRow>(
    `with next as materialized (${sources[log].rows('limit $3')})
     select max(id) as last_id, count(*)::int as row_count, ${digestSql} as digest,
       date_trunc('milliseconds', clock_timestamp()) as sealed_at,
       case when $4 then (select coalesce(max(id), 0) from seal_amendment) end as amended_to
     from next`,
    [afterId, upTo, count, log === 'SUMS'],
  );
  const [range] = rows;
  if (range === undefined || range.last_id === null) return null;
  const { digest, row_count: rowCount, sealed_at: sealedAt } = range;
  const amendedTo = range.amended_to === null ? null : BigInt(range.amended_to);
  const next = { log, number: (head?.number ?? 0) + 1, afterId, lastId: BigInt(range.last_id), rowCount };
  const hash = chainHash(head?.hash ?? null, { ...next, digest, sealedAt, amendedTo });
  await session.query(
    `insert into seal (log, number, after_id, last_id, row_count, digest, hash, sealed_at, amended_to)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [log, next.number, next.afterId, next.lastId, next.rowCount, digest, hash, sealedAt, amendedTo],
  );
  const seal = { ...next, digest, hash, sealedAt, amendedTo };
  await addSealEvent(session, seal);
  return seal;
}

const sealEventSql = `
  with source as (
    select id as environment_id, 'seal.created' as type, $1::jsonb as data, 1 as ord from environment
  ), ${eventCtes('source')}
  select count(*) from delivered`;

/** Adds the event that sends a seal to webhooks: outside, even the owner of the database cannot change it. */
async function addSealEvent(
  session: Session,
  { log, number, lastId, rowCount, hash, sealedAt }: Seal,
): Promise<void> {
  const data = {
    log,
    number,
    lastId: `${lastId}`,
    rowCount,
    hash: Buffer.from(hash).toString('hex'),
    sealedAt,
  };
  await session.query(sealEventSql, [JSON.stringify(data)]);
}

interface RangeRow {
  last_id: string | null;
  row_count: number;
  digest: Uint8Array;
  sealed_at: Date;
  amended_to: string | null;
}

interface SealRow {
  number: number;
  after_id: string;
  last_id: string;
  row_count: number;
  digest: Uint8Array;
  hash: Uint8Array;
  sealed_at: Date;
  amended_to: string | null;
}

const sealOf = (log: Log, row: SealRow): Seal => ({
  log,
  number: row.number,
  afterId: BigInt(row.after_id),
  lastId: BigInt(row.last_id),
  rowCount: row.row_count,
  digest: row.digest,
  hash: row.hash,
  sealedAt: row.sealed_at,
  amendedTo: row.amended_to === null ? null : BigInt(row.amended_to),
});

async function findHead(session: Session, log: Log): Promise<Seal | null> {
  const { rows } = await session.query<SealRow>(
    'select * from seal where log = $1 order by number desc limit 1',
    [log],
  );
  return rows[0] === undefined ? null : sealOf(log, rows[0]);
}

/** The next seals of a log after this number, in order. */
export async function findSeals(pool: Lookups, log: Log, after: number, count: number): Promise<Seal[]> {
  const { rows } = await pool.query<SealRow>(
    'select * from seal where log = $1 and number > $2 order by number limit $3',
    [log, after, count],
  );
  return rows.map((row) => sealOf(log, row));
}

/*
 * Which amendments of rows $1 to $2 count. Sums are rows of the ledger: those of them after the seal. A sum may have the id of
 * a row that it took the place of, so of such a row those until then.
 */
const amendmentSql = (log: Log) =>
  log === 'SUMS'
    ? `log = 'LEDGER' and $3 = 'SUMS' and id > $4`
    : `log = $3::"SealedLog" and $4::bigint is null and (log <> 'LEDGER' or row_id >= (select usage_summed_to()) or id <= (
        select d.amended_to from ledger_drop d where d.to_id > row_id order by d.to_id limit 1))`;

/*
 * The hash of a row as it was sealed: what the first amendment of it says, or else what it is. An amended row must be
 * what the last amendment left, and each amendment must begin with what the one before it left.
 */
const foundSql = (log: Log) => `
  with present as materialized (${sources[log].rows('')}),
  amended as (
    select row_id, (array_agg(hash_before order by id))[1] as original,
      (array_agg(hash_after order by id desc))[1] as latest,
      bool_and(turn = 1 or hash_before is not distinct from previous) as is_unbroken
    from (
      select *, lag(hash_after) over steps as previous, row_number() over steps as turn
      from seal_amendment
      where ${amendmentSql(log)} and row_id > $1 and row_id <= $2 and is_sealed
      window steps as (partition by row_id order by id)
    ) step
    group by row_id
  ), sealed as (
    select coalesce(id, row_id) as id, coalesce(original, hash) as hash,
      row_id is null or (is_unbroken and latest is not distinct from hash) as holds
    from present full join amended on row_id = id
  )
  select count(*)::int as row_count, ${digestSql} as digest, coalesce(bool_and(holds), true) as amendments_hold,
    ${log === 'LEDGER' ? '$2 < (select usage_summed_to())' : 'false'} as is_dropped
  from sealed`;

interface FoundRow {
  row_count: number;
  digest: Uint8Array;
  amendments_hold: boolean;
  is_dropped: boolean;
}

/** What the rows of a sealed range are now. One statement sees one state of a live database. */
export async function findSealedRows(
  pool: Lookups,
  { log, afterId, lastId, amendedTo }: Seal,
): Promise<Found> {
  const { rows } = await pool.query<FoundRow>(foundSql(log), [afterId, lastId, log, amendedTo]);
  const [row] = rows;
  if (row === undefined) throw new Error('a range was not answered');
  return {
    rowCount: row.row_count,
    digest: row.digest,
    amendmentsHold: row.amendments_hold,
    isDropped: row.is_dropped,
  };
}
