import type { Pool } from 'pg';
import { eventCtes } from '../../webhooks/outbox/store.ts';

const instant = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * Marks rows whose end has passed, and writes an event for each of which `isTold` is true.
 *
 * @param end the column of the end
 */
const expireSql = (
  table: string,
  end: string,
  { type, isTold, fields }: { type: string; isTold: string; fields: string },
) => `
  with due as (
    select user_key, id from ${table} where not expiry_told and ${end} <= now()
    order by ${end}, id limit $1 for update skip locked
  ), ended as (
    update ${table} t set expiry_told = true from due where t.user_key = due.user_key and t.id = due.id returning t.*
  ), source as (
    select environment_id, '${type}' as type,
      jsonb_build_object('userId', (select id from "user" where key = ended.user_key), 'featureId', feature_id,
        'expiredAt', ${instant(end)}, ${fields}) as data,
      row_number() over (order by ${end}, id) as ord
    from ended where ${isTold}
  ), ${eventCtes('source')}
  select count(*)::integer as count from due`;

/** Of a top-up that was used up, or voided, nothing expires; a grant that was revoked has not expired. */
const statements = [
  expireSql('top_up', 'expires_at', {
    type: 'top_up.expired',
    isTold: 'voided_at is null and remaining > 0',
    fields: `'topUpId', id::text, 'amount', trim_scale(amount), 'remaining', trim_scale(remaining)`,
  }),
  expireSql('feature_grant', 'ends_at', {
    type: 'grant.expired',
    isTold: 'revoked_at is null',
    fields: `'grantId', id::text`,
  }),
];

/** Notices what has expired, one batch of each kind. @returns the most that a batch had: fewer than `count`, and all is done */
export async function expireOnce(pool: Pool, count: number): Promise<number> {
  let most = 0;
  for (const text of statements) most = Math.max(most, (await pool.query(text, [count])).rows[0].count);
  return most;
}
