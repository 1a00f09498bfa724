import type { PoolClient } from 'pg';
import { transaction } from '../../database/transaction.ts';
import { saveChanged, saveRange, saveUsers } from './save-store.ts';

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
    `delete from limit_change where environment_id = $1 and id in (
       select id from limit_change where environment_id = $1 order by id limit $2)`,
    [environmentId, count],
  );
  await client.query(
    `delete from limit_standing where (user_key, feature_id) in (
       select user_key, feature_id from limit_standing where environment_id = $1 limit $2)`,
    [environmentId, count],
  );
}

/** When a pass is due: when the last one is so old, and so many times as old as it has worked. The same of sweeps. */
export interface Pace {
  minAgeMs: number;
  restFactor: number;
  sweepMinAgeMs: number;
  sweepRestFactor: number;
}

/** An instant, and an id up to which the ledger is complete, with all usage until that instant. */
export interface Bound {
  at: Date;
  id: bigint;
}

const isDueSql =
  "pass.as_of < now() - greatest($2::bigint, $3::bigint * pass.worked_ms) * interval '1 millisecond'";

const dueSql = `
  select pass.started_at is not null or pass.is_sweeping as "isUnderWay",
    pass.done_id is null or pass.started_at is null and (pass.swept_at is null or ${isDueSql}) as "isDue"
  from limit_pass pass where environment_id = $1`;

const beginSweepSql = `
  update limit_pass set is_sweeping = true, sweep_ms = 0
  where environment_id = $1 and not is_sweeping
    and swept_at < now() - greatest($2::bigint, $3::bigint * sweep_ms) * interval '1 millisecond'`;

/** Begins a sweep if one is due. Returns whether something is under way, and whether a pass is due. */
export async function findWork(
  client: PoolClient,
  environmentId: string,
  { minAgeMs, restFactor, sweepMinAgeMs, sweepRestFactor }: Pace,
): Promise<{ isUnderWay: boolean; isDue: boolean }> {
  await client.query(beginSweepSql, [environmentId, sweepMinAgeMs, sweepRestFactor]);
  const { rows } = await client.query<{ isUnderWay: boolean; isDue: boolean }>(dueSql, [
    environmentId,
    minAgeMs,
    restFactor,
  ]);
  return rows[0] ?? { isUnderWay: false, isDue: true };
}

/*
 * Before the first sweep has ended, there is nothing that a pass could go on from: it ends with that sweep. Earlier
 * versions kept no done_id: what they began is begun again.
 */
const beginSql = `
  insert into limit_pass as pass (environment_id, started_at, done_id, up_to_id) values ($1, $2, $3, $3)
  on conflict (environment_id) do update set started_at = excluded.started_at, up_to_id = excluded.up_to_id,
    done_id = case when pass.swept_at is null then excluded.done_id else pass.done_id end,
    done_key = case when pass.done_id is null then 0 else pass.done_key end, worked_ms = 0
  where pass.started_at is null or pass.done_id is null`;

/** Begins a pass over what has changed, if none is under way. In a new environment, it is a sweep over all users. */
export async function beginPass(client: PoolClient, environmentId: string, { at, id }: Bound): Promise<void> {
  await client.query(beginSql, [environmentId, at, id]);
}

/*
 * While the row of usage_rollup is locked, no users are merged or deleted (see lockHours), and no other process advances
 * the pass. Nobody waits for the lock here.
 */
const lockSql = 'select from usage_rollup where environment_id = $1 for update skip locked';

interface Pass {
  isPassing: boolean;
  doneId: string | null;
  upToId: string | null;
  isSweeping: boolean;
  doneKey: string;
}

const passSql = `
  select started_at is not null and swept_at is not null as "isPassing", done_id as "doneId", up_to_id as "upToId",
    is_sweeping as "isSweeping", done_key as "doneKey"
  from limit_pass where environment_id = $1`;

/** How much one slice reads. */
export interface SliceSize {
  users: number;
  events: number;
}

/**
 * Stores the next standings: of what has changed, then of the next users of a sweep.
 *
 * @returns whether there is more: there is not while users are merged or deleted
 */
export async function refreshNext(
  client: PoolClient,
  environmentId: string,
  size: SliceSize,
): Promise<boolean> {
  const began = performance.now();
  const worked = () => Math.ceil(performance.now() - began);
  return transaction(client, async () => {
    const { rowCount: locked } = await client.query(lockSql, [environmentId]);
    if (locked === 0) return false;
    const { rows } = await client.query<Pass>(passSql, [environmentId]);
    const [pass] = rows;
    if (pass?.isPassing) {
      const isEnd = await passOn(client, environmentId, pass, size);
      await client.query(advancePassSql, [environmentId, worked(), isEnd]);
      return !isEnd || pass.isSweeping;
    }
    if (!pass?.isSweeping) return false;
    const { isEnd, lastKey } = await sweepOn(client, environmentId, pass.doneKey, size.users);
    await client.query(advanceSweepSql, [environmentId, lastKey, worked(), isEnd]);
    return !isEnd;
  });
}

const advancePassSql = `
  update limit_pass set worked_ms = worked_ms + $2,
    as_of = case when $3 then started_at else as_of end, started_at = case when $3 then null else started_at end
  where environment_id = $1`;

const nextIdSql = `
  select max(id) as last from (select id from usage_event where id > $1 and id <= $2 order by id limit $3) next`;

const changesSql = `
  select id, user_key as "userKey" from limit_change where environment_id = $1 order by id limit $2`;

/** The next events of the ledger, or if there are none, the next changes. Returns whether these were the last ones. */
async function passOn(
  client: PoolClient,
  environmentId: string,
  { doneId, upToId }: Pass,
  size: SliceSize,
): Promise<boolean> {
  const { rows } = await client.query<{ last: string | null }>(nextIdSql, [doneId, upToId, size.events]);
  const last = rows[0]?.last ?? null;
  if (last !== null) await saveChanged(client, environmentId, { after: doneId, last });
  await client.query('update limit_pass set done_id = $2 where environment_id = $1', [
    environmentId,
    last ?? upToId,
  ]);
  if (last !== null) return false;
  const { rows: changes } = await client.query<{ id: string; userKey: string }>(changesSql, [
    environmentId,
    size.users,
  ]);
  if (changes.length > 0) {
    await saveUsers(client, environmentId, [...new Set(changes.map(({ userKey }) => userKey))]);
    await client.query('delete from limit_change where environment_id = $1 and id = any($2::bigint[])', [
      environmentId,
      changes.map(({ id }) => id),
    ]);
  }
  return changes.length < size.users;
}

const lastOfSliceSql = `
  select max(key) as "lastKey", count(*) = $3 as full from (
    select key from "user" where environment_id = $1 and key > $2 order by key limit $3
  ) slice`;

const maxKey = 2n ** 63n - 1n;

/** The next users of a sweep. */
async function sweepOn(client: PoolClient, environmentId: string, doneKey: string, users: number) {
  const { rows } = await client.query<{ lastKey: string | null; full: boolean }>(lastOfSliceSql, [
    environmentId,
    doneKey,
    users,
  ]);
  const isEnd = !rows[0]?.full;
  const last = isEnd ? `${maxKey}` : (rows[0]?.lastKey ?? doneKey);
  await saveRange(client, environmentId, { after: doneKey, last });
  return { isEnd, lastKey: isEnd ? 0 : last };
}

/* The first sweep is a pass, too. */
const advanceSweepSql = `
  update limit_pass set done_key = $2, sweep_ms = sweep_ms + $3, is_sweeping = not $4,
    as_of = case when $4 and swept_at is null then started_at else as_of end,
    started_at = case when $4 and swept_at is null then null else started_at end,
    swept_at = case when $4 then clock_timestamp() else swept_at end
  where environment_id = $1`;
