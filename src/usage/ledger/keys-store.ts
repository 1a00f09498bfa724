import { deltaSql } from '../../database/amount-sql.ts';
import type { Db, Lookups } from '../../database/client.ts';

/** A usage whose idempotency key is not kept as the ledger says. */
export interface KeyDifference {
  userKey: bigint;
  eventId: bigint;
  what: 'MISSING' | 'SURPLUS' | 'OTHER';
}

/*
 * The usages of the users $1 to $2 whose idempotency keys are rows of usage_key: those of earlier versions are not. Keys of
 * usage that was dropped are kept; nothing is left to compare them with.
 */
const keyedSql = `
  select user_key, idempotency_key, id as event_id, environment_id, feature_id, action, ${deltaSql('e')} as delta
  from usage_event e
  where user_key between $1 and $2 and idempotency_key is not null and tableoid <> 'usage_event_first'::regclass`;

/* A key in the first partition has a row too if it was recorded before the ids moved on, or if that partition is summed. */
const isFirstSql = (key: string) => `exists (
  select from usage_event_first e
  where e.user_key = ${key}.user_key and e.id = ${key}.event_id and e.idempotency_key = ${key}.idempotency_key)`;

const differencesSql = `
  select user_key, event_id,
    case when used.environment_id is null then 'SURPLUS' when known.environment_id is null then 'MISSING' else 'OTHER' end
      as what
  from (${keyedSql}) used
  full join (
    select * from usage_key where user_key between $1 and $2 and event_id >= (select usage_summed_to())
  ) known using (user_key, idempotency_key, event_id)
  where (used.environment_id, used.feature_id, used.action, used.delta)
      is distinct from (known.environment_id, known.feature_id, known.action, known.delta)
    and not (used.environment_id is null and ${isFirstSql('known')})
  order by user_key, event_id`;

/** Compares the idempotency keys of the users with keys from `first` to `last` with the ledger. */
export async function findKeyDifferences(
  hot: Lookups,
  first: bigint,
  last: bigint,
): Promise<KeyDifference[]> {
  const { rows } = await hot.query<{ user_key: string; event_id: string; what: KeyDifference['what'] }>(
    differencesSql,
    [first, last],
  );
  return rows.map((row) => ({
    userKey: BigInt(row.user_key),
    eventId: BigInt(row.event_id),
    what: row.what,
  }));
}

/** Makes the idempotency keys of a user again from the ledger. The caller has locked the user's row FOR UPDATE. */
export async function remakeKeys(tx: Db, userKey: bigint): Promise<void> {
  await tx.$executeRawUnsafe(
    `delete from usage_key k where user_key = $1 and event_id >= (select usage_summed_to()) and not ${isFirstSql('k')}`,
    userKey,
  );
  await tx.$executeRawUnsafe(
    `insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
     select user_key, idempotency_key, event_id, environment_id, feature_id, action, delta from (${keyedSql}) used
     order by event_id on conflict do nothing`,
    userKey,
    userKey,
  );
}
