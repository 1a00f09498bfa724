import type { PoolClient } from 'pg';
import { transaction } from '../../database/transaction.ts';
import { lockSeals } from '../../seals/store.ts';
import { type Range, restartChanged, sumRest } from './sums-store.ts';

const toRange = (row: { from_id: string | null; to_id: string }): Range => ({
  fromId: row.from_id === null ? null : BigInt(row.from_id),
  toId: BigInt(row.to_id),
});

const partitionsSql = `
  select substring(pg_get_expr(c.relpartbound, c.oid) from 'FROM \\(''?(\\d+)')::bigint as from_id,
    substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''?(\\d+)')::bigint as to_id
  from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'usage_event'::regclass`;

/* Of each partition that recording has left and that is not summed, the last row. */
const oldestSql = `
  select p.from_id, p.to_id, last.id as last_id, last.recorded_at < now() - make_interval(months => $1) as is_due,
    last.recorded_at + make_interval(months => $1) as due_at
  from (${partitionsSql}) p
  cross join lateral (
    select id, recorded_at from usage_event
    where id >= coalesce(p.from_id, -9223372036854775808) and id < p.to_id order by id desc limit 1
  ) last
  where p.to_id > (select usage_summed_to()) and p.to_id <= (select last_value from usage_event_id_seq)
  order by p.to_id limit 1`;

export interface DuePartition extends Range {
  /** Of its last row. */
  lastId: bigint;
}

interface OldestPartition extends DuePartition {
  /** Whether all of it was recorded more than so many months ago, and from when on. */
  isDue: boolean;
  dueAt: Date;
}

/** The oldest partition with usage that recording has left. */
export async function findOldest(session: PoolClient, months: number): Promise<OldestPartition | null> {
  const { rows } = await session.query<{
    from_id: string | null;
    to_id: string;
    last_id: string;
    is_due: boolean;
    due_at: Date;
  }>(oldestSql, [months]);
  const [row] = rows;
  if (row === undefined) return null;
  return { ...toRange(row), lastId: BigInt(row.last_id), isDue: row.is_due, dueAt: row.due_at };
}

/*
 * What still needs the single rows up to the id $1. The rows that say what a meter at Stripe got of them are kept for some
 * weeks; what failed is kept until it is sent again, or its meter is deleted.
 */
const obstacleSql = `
  select case
    when exists (
      select from environment left join usage_rollup on environment_id = id where coalesce(last_id, 0) < $1::bigint
    ) then 'usage over time is not summed so far yet'
    when not exists (select from seal where log = 'LEDGER' and last_id >= $1::bigint) then 'it is not sealed yet'
    when exists (
      select from stripe_connection c where c.disconnected_at is not null and (
        c.metered_to < $1::bigint and exists (select from billing_meter m where m.environment_id = c.environment_id)
        or exists (
          select from billing_meter_event e
          where e.environment_id = c.environment_id and e.id <= $1::bigint and e.state <> 'SENT'))
    ) then 'Stripe is disconnected, and its meters were not sent all of it: connect it again, or delete the meters'
    when exists (
      select from stripe_connection c where c.metered_to < $1::bigint
        and exists (select from billing_meter m where m.environment_id = c.environment_id)
    ) then 'it was not looked at for billing meters yet'
    when exists (select from billing_meter_event where id <= $1::bigint)
      then 'usage in it waits to be sent to a billing meter, failed, or is still compared with one'
  end as obstacle`;

/** Why a partition must stay for now; null if it may go. */
export async function findObstacle(
  session: PoolClient,
  { lastId }: Pick<DuePartition, 'lastId'>,
): Promise<string | null> {
  const { rows } = await session.query<{ obstacle: string | null }>(obstacleSql, [lastId]);
  return rows[0]?.obstacle ?? null;
}

/** How far a partition is summed. */
export interface Summing {
  /** The last user that was found; what is left of those up to this one is in `ledger_summed_user`. */
  summedKey: bigint;
  /** Whether all users were found. */
  isSummed: boolean;
}

async function deleteSums(session: PoolClient): Promise<void> {
  await session.query('delete from ledger_summing');
  await session.query('delete from usage_sum');
  await session.query('delete from ledger_summed_user');
}

/** Forgets sums that no partition was replaced by. */
export async function forgetSums(session: PoolClient): Promise<void> {
  await transaction(session, async () => {
    const { rowCount } = await session.query('select from ledger_summing');
    if (rowCount !== 0) await deleteSums(session);
  });
}

/** Begins to sum a partition, or goes on. @returns whether it could: not while users are merged or deleted */
export function beginSums(session: PoolClient, { fromId, toId }: Range): Promise<boolean> {
  return transaction(session, async () => {
    const begun = await session.query(
      'select from ledger_summing where to_id = $1 and from_id is not distinct from $2',
      [toId, fromId],
    );
    if (begun.rowCount === 1) return true;
    // What is amended from now on is summed again later.
    if (!(await lockSeals(session))) return false;
    await deleteSums(session);
    await session.query(
      `insert into ledger_summing (to_id, from_id, amended_to)
       select $1, $2, coalesce((select max(id) from seal_amendment), 0)`,
      [toId, fromId],
    );
    return true;
  });
}

/** Saves the last user that was found; null if there are no more. Call it in the transaction that sums. */
export async function saveProgress(session: PoolClient, { toId }: Range, last: bigint | null): Promise<void> {
  await session.query(
    `update ledger_summing set summed_key = coalesce($2, summed_key), is_summed = $2::bigint is null where to_id = $1`,
    [toId, last],
  );
}

/** Locks how far a partition is summed until the transaction ends. Null if another process has locked it, or has ended it. */
export async function lockProgress(session: PoolClient, { toId }: Range): Promise<Summing | null> {
  const { rows } = await session.query<{ summed_key: string; is_summed: boolean }>(
    'select summed_key, is_summed from ledger_summing where to_id = $1 for update skip locked',
    [toId],
  );
  return rows[0] === undefined
    ? null
    : { summedKey: BigInt(rows[0].summed_key), isSummed: rows[0].is_summed };
}

/** The transactions that run now, this one not. */
export async function findTransactions(session: PoolClient): Promise<Set<string>> {
  const { rows } = await session.query<{ id: string }>(
    `select virtualxid as id from pg_locks where locktype = 'virtualxid' and granted and pid <> pg_backend_pid()`,
  );
  return new Set(rows.map(({ id }) => id));
}

/**
 * Begins anew with those who have changed since they were summed, at most `count` users at once.
 *
 * @returns whether those were all, for now
 */
export function catchUp(session: PoolClient, range: Range, count: number): Promise<boolean> {
  return transaction(session, async () => {
    if (!(await lockSummed(session, range))) return false;
    return !(await restartChanged(session, range, count));
  });
}

/** Locks the progress and the seals. @returns whether it could, and all users of the partition were found */
async function lockSummed(session: PoolClient, range: Range): Promise<boolean> {
  const progress = await lockProgress(session, range);
  return progress?.isSummed === true && (await lockSeals(session));
}

export interface Dropped {
  bytesBefore: number;
  bytesAfter: number;
}

/** Changes of subscriptions wait for the replacement; recording waits for its last step, if at all for long enough. */
const lockTimeouts = { changes: '2s', recording: '100ms' };

/**
 * Replaces a partition by its sums, if nothing has changed that they depend on. What has changed is summed anew before, if it is
 * less than `count` usages.
 *
 * @returns null if it has to be called again, once the rest is summed
 */
export function replace(session: PoolClient, range: Range, count: number): Promise<Dropped | null> {
  return transaction(session, async () => {
    await session.query(`set local lock_timeout = '${lockTimeouts.changes}'`);
    await session.query('lock table subscription, feature_grant in share mode');
    if (!(await lockSummed(session, range))) return null;
    if (await restartChanged(session, range, count)) return null;
    if ((await sumRest(session, range, count)) >= count) return null;
    await session.query(`set local lock_timeout = '${lockTimeouts.recording}'`);
    const { rows } = await session.query<{ bytes_before: string; bytes_after: string }>(
      'select * from drop_usage($1)',
      [range.toId],
    );
    return { bytesBefore: Number(rows[0]?.bytes_before), bytesAfter: Number(rows[0]?.bytes_after) };
  });
}
