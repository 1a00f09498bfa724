import type { PoolClient } from 'pg';
import { type Asked, pairsInList, usersInList, usersInRange } from '../asked-store.ts';
import { standingsOfUsersSql } from '../near-limit-store.ts';

/*
 * Stores the standings of some users as their counters are now, and deletes those that are no more. Rows that have not
 * changed are not written. $1 is the environment, $4 and $5 say which users, as in asked-store.ts.
 */

/** @param isRead the condition on the rows `known` that are read again */
const saveSql = (asked: Asked, isRead: string) => `
  with fresh as materialized (${standingsOfUsersSql(asked)}), gone as (
    delete from limit_standing known
    where environment_id = $1 and ${isRead} and not exists (
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

const saveRangeSql = saveSql(usersInRange, 'user_key > $4 and user_key <= $5');
const saveUsersSql = saveSql(usersInList, 'user_key = any($4::bigint[])');
const savePairsSql = saveSql(
  pairsInList,
  '(user_key, feature_id) in (select * from unnest($4::bigint[], $5::text[]))',
);

/** The smallest percentage that can be asked about. */
const smallestPercent = 1;

/** Those of the users after a key, up to another one. */
export async function saveRange(
  client: PoolClient,
  environmentId: string,
  { after, last }: { after: string; last: string },
): Promise<void> {
  await client.query(saveRangeSql, [environmentId, null, smallestPercent, after, last]);
}

/** Those of these users. */
export async function saveUsers(
  client: PoolClient,
  environmentId: string,
  userKeys: readonly string[],
): Promise<void> {
  await client.query(saveUsersSql, [environmentId, null, smallestPercent, userKeys]);
}

const pairsSql = `
  select distinct user_key, feature_id from usage_event where environment_id = $1 and id > $2 and id <= $3`;

/** Those of which events of the ledger tell: of each user only the features of the events. */
export async function saveChanged(
  client: PoolClient,
  environmentId: string,
  { after, last }: { after: string | null; last: string },
): Promise<void> {
  const { rows } = await client.query<{ user_key: string; feature_id: string }>(pairsSql, [
    environmentId,
    after,
    last,
  ]);
  if (rows.length === 0) return;
  const keys = rows.map(({ user_key }) => user_key);
  const featureIds = rows.map(({ feature_id }) => feature_id);
  await client.query(savePairsSql, [environmentId, null, smallestPercent, keys, featureIds]);
}
