import { deltaSql } from '../../database/amount-sql.ts';

/*
 * Idempotency keys are rows of `usage_key`, because a unique index cannot span the partitions of the ledger. A row also holds
 * what a repeated call is compared with. So recording looks into one partition only, however many there are. Keys of
 * earlier versions are found by an index of the first partition.
 */

/** The usage of an earlier version with this key. */
export const earlierUseSql = (userKey: string, key: string) => `
  select e.feature_id, e.action, ${deltaSql('e')} as delta from usage_event_first e
  where e.user_key = ${userKey} and e.idempotency_key = ${key}`;

/** The first use of a key of this user: feature, action and delta. @param condition when to look for it */
export const firstUseSql = (userKey: string, key: string, condition = 'true') => `
  select k.feature_id, k.action, k.delta from usage_key k
  where ${condition} and k.user_key = ${userKey} and k.idempotency_key = ${key}
  union all
  (${earlierUseSql(userKey, key)} and ${condition})
  limit 1`;
