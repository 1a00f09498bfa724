import { type Amount, amountOf } from '../../amount.ts';
import type { Db, Lookups } from '../../database/client.ts';

/** What is held at an instant, where it is not what the open reservations say. */
export interface HoldDifference {
  userKey: bigint;
  featureId: string;
  expiresAt: Date;
  /** The sum of the open reservations. */
  reserved: Amount;
  held: Amount;
}

const openSql = 'committed_at is null and released_at is null and expires_at > now()';

const differencesSql = `
  select user_key, feature_id, expires_at, coalesce(r.reserved, 0) as reserved, coalesce(h.held, 0) as held
  from (
    select user_key, feature_id, expires_at, sum(amount) as reserved from reservation
    where user_key between $1 and $2 and ${openSql} group by 1, 2, 3
  ) r
  full join (
    select user_key, feature_id, expires_at, held from usage_hold
    where user_key between $1 and $2 and expires_at > now()
  ) h using (user_key, feature_id, expires_at)
  where coalesce(r.reserved, 0) <> coalesce(h.held, 0)
  order by user_key, feature_id, expires_at`;

/** Finds where the users with keys from `first` to `last` hold something else than their open reservations say. */
export async function findHoldDifferences(
  hot: Lookups,
  first: bigint,
  last: bigint,
): Promise<HoldDifference[]> {
  const { rows } = await hot.query(differencesSql, [first, last]);
  return rows.map((row) => ({
    userKey: BigInt(row.user_key),
    featureId: row.feature_id,
    expiresAt: row.expires_at,
    reserved: amountOf(row.reserved),
    held: amountOf(row.held),
  }));
}

/** Adds up the open reservations of a user again. The user's row is locked FOR UPDATE. */
export async function recountHolds(tx: Db, userKey: bigint): Promise<void> {
  await tx.$executeRaw`delete from usage_hold where user_key = ${userKey}`;
  await tx.$executeRawUnsafe(
    `insert into usage_hold (user_key, feature_id, expires_at, environment_id, held)
     select user_key, feature_id, expires_at, environment_id, sum(amount) from reservation
     where user_key = $1 and ${openSql} group by 1, 2, 3, 4`,
    userKey,
  );
}
