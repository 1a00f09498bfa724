import type { Pool, PoolClient } from 'pg';
import { amountOf, amountText } from '../../amount.ts';

/** A reservation as it is stored. */
export interface Reservation {
  id: bigint;
  userKey: bigint;
  userId: string;
  featureId: string;
  amount: bigint;
  expiresAt: Date;
  committed: bigint | null;
  commitKey: string | null;
  isReleased: boolean;
  requestHash: string | null;
}

type Client = Pick<PoolClient, 'query'>;

const columns = `r.id, r.user_key, u.id as user_id, r.feature_id, r.amount, r.expires_at, r.committed, r.commit_key,
  r.released_at, r.request_hash
  from reservation r join "user" u on u.key = r.user_key`;

async function find(client: Client, condition: string, values: unknown[]): Promise<Reservation | null> {
  const { rows } = await client.query(`select ${columns} where ${condition}`, values);
  const [row] = rows;
  return row === undefined
    ? null
    : {
        id: BigInt(row.id),
        userKey: BigInt(row.user_key),
        userId: row.user_id,
        featureId: row.feature_id,
        amount: amountOf(row.amount),
        expiresAt: row.expires_at,
        committed: row.committed === null ? null : amountOf(row.committed),
        commitKey: row.commit_key,
        isReleased: row.released_at !== null,
        requestHash: row.request_hash,
      };
}

/**
 * The reservation with this id in this environment; null if there is none.
 *
 * @param lock keeps it from being forgotten until the transaction ends
 */
export const findReservation = (
  client: Client,
  environmentId: string,
  id: bigint,
  lock: '' | 'for update of r' = '',
) => find(client, `r.environment_id = $1 and r.id = $2 ${lock}`, [environmentId, id]);

/** The id of the user who has this reservation; null if there is none. */
export const findOwnerId = async (pool: Pool, environmentId: string, id: bigint): Promise<string | null> =>
  (await findReservation(pool, environmentId, id))?.userId ?? null;

/** The reservation that an earlier call of the user with this key made; null if there is none. */
export const findByKey = (client: PoolClient, userKey: bigint, key: string) =>
  find(client, 'r.user_key = $1 and r.idempotency_key = $2', [userKey, key]);

interface NewRow {
  userKey: bigint;
  environmentId: string;
  featureId: string;
  amount: bigint;
  expiresAt: Date;
  now: Date;
  idempotencyKey: string | null;
  requestHash: string | null;
}

/** Adds a reservation and holds its amount; forgets what has lapsed. The user's row is locked. Returns the id. */
export async function addReservation(client: PoolClient, row: NewRow): Promise<bigint> {
  const { userKey, environmentId, featureId, amount, expiresAt, now, idempotencyKey, requestHash } = row;
  await client.query('update "user" set has_holds = true where key = $1 and not has_holds', [userKey]);
  await client.query('delete from usage_hold where user_key = $1 and feature_id = $2 and expires_at <= $3', [
    userKey,
    featureId,
    now,
  ]);
  await client.query(
    `insert into usage_hold as known (user_key, feature_id, expires_at, environment_id, held)
     values ($1, $2, $3, $4, $5)
     on conflict (user_key, feature_id, expires_at) do update set held = known.held + excluded.held`,
    [userKey, featureId, expiresAt, environmentId, amountText(amount)],
  );
  const { rows } = await client.query<{ id: string }>(
    `insert into reservation (user_key, environment_id, feature_id, amount, expires_at, idempotency_key, request_hash)
     values ($1, $2, $3, $4, $5, $6, $7) returning id`,
    [userKey, environmentId, featureId, amountText(amount), expiresAt, idempotencyKey, requestHash],
  );
  return BigInt(rows[0]?.id ?? 0);
}

/** Ends an open reservation, and holds its amount no longer. The user's row is locked. */
export async function endReservation(
  client: PoolClient,
  { id, userKey, featureId, amount, expiresAt }: Reservation,
  used: { amount: bigint; key: string | null } | null,
): Promise<void> {
  await client.query(
    `update usage_hold set held = held - $4 where user_key = $1 and feature_id = $2 and expires_at = $3`,
    [userKey, featureId, expiresAt, amountText(amount)],
  );
  await client.query(
    used === null
      ? 'update reservation set released_at = now() where user_key = $1 and id = $2'
      : 'update reservation set committed_at = now(), committed = $3, commit_key = $4 where user_key = $1 and id = $2',
    used === null ? [userKey, id] : [userKey, id, amountText(used.amount), used.key],
  );
}

/** How long a reservation is remembered after it has lapsed, or was committed or released, whatever is last. */
const keptFor = `interval '30 days'`;

/*
 * In the order of ids, which is about that of time: so no index is needed. One that is locked is looked at again by the
 * next run. What it held has lapsed.
 */
const forgetSql = `
  with batch as (
    select user_key, id, created_at from reservation where id > $1 order by id limit $2
  ), old as (
    select r.user_key, r.id from batch join reservation r using (user_key, id)
    where greatest(r.expires_at, r.committed_at, r.released_at) < now() - ${keptFor} for update of r skip locked
  ), forgotten as (
    delete from reservation r using old where r.user_key = old.user_key and r.id = old.id
    returning r.user_key, r.feature_id, r.expires_at
  ), lapsed as (
    select h.user_key, h.feature_id, h.expires_at from usage_hold h
    where (h.user_key, h.feature_id, h.expires_at) in (select * from forgotten) for update skip locked
  ), freed as (
    delete from usage_hold h using lapsed l
    where h.user_key = l.user_key and h.feature_id = l.feature_id and h.expires_at = l.expires_at
  )
  select case when count(*) = $2 and max(created_at) < now() - ${keptFor} then max(id) end as last from batch`;

/**
 * Deletes those of the next reservations that were over long ago.
 *
 * @param after the last id that was looked at
 * @returns the last id of these, from which to go on; null if all others are newer
 */
export async function forgetNext(pool: Pool, after: bigint, count: number): Promise<bigint | null> {
  const { rows } = await pool.query<{ last: string | null }>(forgetSql, [after, count]);
  const last = rows[0]?.last ?? null;
  return last === null ? null : BigInt(last);
}

/** What the open reservations of these users hold at an instant, for each feature, by `nameOf`. */
export async function readHeld(
  client: Client,
  userKeys: readonly bigint[],
  now: Date,
  nameOf: (userKey: bigint, featureId: string) => string,
): Promise<Map<string, bigint>> {
  const { rows } = await client.query<{ user_key: string; feature_id: string; held: string }>({
    name: 'read held',
    text: `select user_key, feature_id, sum(held) as held from usage_hold
      where user_key = any($1::bigint[]) and expires_at > $2 group by user_key, feature_id`,
    values: [userKeys, now],
  });
  return new Map(rows.map((row) => [nameOf(BigInt(row.user_key), row.feature_id), amountOf(row.held)]));
}
