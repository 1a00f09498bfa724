import type { Db } from '../../database/client.ts';
import { recountHours } from '../rollup/store.ts';
import { foldedSql } from './store.ts';

/**
 * Makes the counters and hours of a user what the ledger folds to; call it with the user's row locked for update.
 *
 * @param formerKeys users whose ledger has become this user's
 */
export async function recount(tx: Db, userKey: bigint, formerKeys: readonly bigint[] = []): Promise<void> {
  await tx.$executeRaw`delete from usage_counter where user_key = ${userKey}`;
  await tx.$executeRawUnsafe(
    `insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
     select user_key, subscription_id, feature_id, window_start, environment_id, used from (${foldedSql}) folded`,
    userKey,
    userKey,
  );
  await recountHours(tx, userKey, formerKeys);
}
