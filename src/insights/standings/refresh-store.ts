import type { PoolClient } from 'pg';
import { transaction } from '../../database/transaction.ts';
import { standingsOfUsersSql } from '../near-limit-store.ts';

/* Counting ends early: only whether users are many matters. */
const isLargeSql = `
  select count(*) = $2 as large from (select from "user" where environment_id = $1 and merged_into is null limit $2) users`;

export async function isLarge(client: PoolClient, environmentId: string, from: number): Promise<boolean> {
  const { rows } = await client.query<{ large: boolean }>(isLargeSql, [environmentId, from]);
  return rows[0]?.large ?? false;
}

export async function findEnvironments(client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>('select id from environment order by id');
  return rows.map(({ id }) => id);
}

/** Forgets what is stored of an environment whose users are few, at most so many rows at once. */
export async function forgetStandings(
  client: PoolClient,
  environmentId: string,
  count: number,
): Promise<void> {
  await client.query('delete from limit_pass where environment_id = $1', [environmentId]);
  await client.query(
    `delete from limit_standing where (user_key, feature_id) in (
       select user_key, feature_id from limit_standing where environment_id = $1 limit $2)`,
    [environmentId, count],
  );
}

/** When a pass is due: when the last one is so old, and so many times as old as it has worked. */
export interface Pace {
  minAgeMs: number;
  restFactor: number;
}

const beginSql = `
  insert into limit_pass as pass (environment_id, started_at) values ($1, clock_timestamp())
  on conflict (environment_id) do update set
    started_at = coalesce(pass.started_at, excluded.started_at),
    worked_ms = case when pass.started_at is null then 0 else pass.worked_ms end
  where pass.started_at is not null or pass.as_of is null
    or pass.as_of < now() - greatest($2::bigint, $3::bigint * pass.worked_ms) * interval '1 millisecond'`;

/** Begins a pass if one is due. Returns whether one is under way. */
export async function beginPass(
  client: PoolClient,
  environmentId: string,
  { minAgeMs, restFactor }: Pace,
): Promise<boolean> {
  const { rowCount } = await client.query(beginSql, [environmentId, minAgeMs, restFactor]);
  return rowCount === 1;
}

const lastOfSliceSql = `
  select max(key) as "lastKey", count(*) = $3 as full from (
    select key from "user" where environment_id = $1 and key > $2 order by key limit $3
  ) slice`;

const saveSql = `
  with fresh as materialized (${standingsOfUsersSql}), gone as (
    delete from limit_standing known
    where environment_id = $1 and user_key > $4 and user_key <= $5 and not exists (
      select from fresh where fresh.user_key = known.user_key and fresh.feature_id = known.feature_id
    )
  )
  insert into limit_standing as known
    (user_key, feature_id, environment_id, package_id, used, "limit", share, refuses, valid_until)
  select user_key, feature_id, $1, package_id, used, "limit", share, refuses, valid_until from fresh
  order by user_key, feature_id
  on conflict (user_key, feature_id) do update set package_id = excluded.package_id, used = excluded.used,
    "limit" = excluded."limit", share = excluded.share, refuses = excluded.refuses, valid_until = excluded.valid_until
  where (known.package_id, known.used, known."limit", known.refuses, known.valid_until)
    is distinct from (excluded.package_id, excluded.used, excluded."limit", excluded.refuses, excluded.valid_until)`;

/** The smallest percentage that can be asked about. */
const smallestPercent = 1;
const maxKey = 2n ** 63n - 1n;

/*
 * While the row of usage_rollup is locked, no users are merged or deleted (see lockHours), and no other process advances
 * the pass. Nobody waits for the lock here.
 */
const lockSql = 'select from usage_rollup where environment_id = $1 for update skip locked';
const doneSql =
  'select done_key as "doneKey" from limit_pass where environment_id = $1 and started_at is not null';

const advanceSql = `
  update limit_pass set done_key = $2, worked_ms = worked_ms + $3,
    as_of = case when $4 then started_at else as_of end, started_at = case when $4 then null else started_at end
  where environment_id = $1`;

/**
 * Stores the standings of the next `count` users.
 *
 * @returns whether the pass goes on: it does not while users are merged or deleted
 */
export async function refreshNext(
  client: PoolClient,
  environmentId: string,
  count: number,
): Promise<boolean> {
  const began = performance.now();
  return transaction(client, async () => {
    const { rowCount: locked } = await client.query(lockSql, [environmentId]);
    if (locked === 0) return false;
    const { rows: passes } = await client.query<{ doneKey: string }>(doneSql, [environmentId]);
    const doneKey = passes[0]?.doneKey;
    if (doneKey === undefined) return false;
    const { rows } = await client.query<{ lastKey: string | null; full: boolean }>(lastOfSliceSql, [
      environmentId,
      doneKey,
      count,
    ]);
    const isLast = !rows[0]?.full;
    const lastKey = isLast ? `${maxKey}` : (rows[0]?.lastKey ?? doneKey);
    await client.query(saveSql, [environmentId, null, smallestPercent, doneKey, lastKey]);
    const workedMs = Math.ceil(performance.now() - began);
    await client.query(advanceSql, [environmentId, isLast ? 0 : lastKey, workedMs, isLast]);
    return !isLast;
  });
}
