import type { Db } from '../../database/client.ts';
import { BusyError } from '../../database/errors.ts';
import type { User } from '../../database/generated/client.ts';
import { userNotFound } from '../../errors.ts';
import { deleteHours } from '../../usage/rollup/store.ts';
import { maxMergesFollowed } from '../store.ts';

/**
 * Locks the users or survivors with these ids, and all users merged into them, until the transaction ends. One statement
 * locks all rows in ascending order of their keys, so that transactions never deadlock. The ids are read again under the
 * lock: if a merge has changed them, all locks are released and taken again.
 *
 * @returns the users or survivors, without duplicates, as they are under the lock
 * @throws UserNotFoundError
 */
export async function lockUsers(tx: Db, environmentId: string, ids: readonly string[]): Promise<User[]> {
  for (let attempt = 0; attempt < maxMergesFollowed; attempt += 1) {
    await tx.$executeRaw`SAVEPOINT before_lock`;
    const named = await findKeys(tx, environmentId, ids);
    const rows = await tx.$queryRaw<{ key: bigint }[]>`
      SELECT key FROM "user" WHERE key = ANY(${named}) OR merged_into = ANY(${named}) ORDER BY key FOR UPDATE`;
    const locked = new Set(rows.map(({ key }) => key));

    const keys = await findKeys(tx, environmentId, ids);
    const family = await tx.user.findMany({
      where: { OR: [{ key: { in: keys } }, { mergedInto: { in: keys } }] },
    });
    if (family.every(({ key }) => locked.has(key))) return family.filter(({ key }) => keys.includes(key));
    await tx.$executeRaw`ROLLBACK TO SAVEPOINT before_lock`;
  }
  throw new BusyError(`users were merged ${maxMergesFollowed} times while their rows were being locked`);
}

/** Reads the users or survivors with these ids, without duplicates and without a lock. @throws UserNotFoundError */
export async function findPeople(db: Db, environmentId: string, ids: readonly string[]): Promise<User[]> {
  return db.user.findMany({ where: { key: { in: await findKeys(db, environmentId, ids) } } });
}

/** The keys of the users or survivors with these ids, without duplicates. */
async function findKeys(tx: Db, environmentId: string, ids: readonly string[]): Promise<bigint[]> {
  const rows = await tx.user.findMany({
    where: { environmentId, id: { in: [...ids] } },
    select: { id: true, key: true, mergedInto: true },
  });
  const unknown = ids.find((id) => !rows.some((row) => row.id === id));
  if (unknown !== undefined) throw userNotFound(unknown);
  return [...new Set(rows.map(({ key, mergedInto }) => mergedInto ?? key))];
}

/**
 * Redirects users, and all users merged into them, to the survivor, so that one step always leads there. Their rows stay,
 * with their fields.
 */
export async function redirectToSurvivor(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await tx.user.updateMany({
    where: { OR: [{ key: { in: mergedKeys } }, { mergedInto: { in: mergedKeys } }] },
    data: { mergedInto: survivorKey },
  });
}

/**
 * Moves the customers at a billing provider to the survivor. The provider is asked anew: what a merge cancels here may
 * still be paid there.
 */
export async function moveCustomers(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await tx.$executeRaw`
    UPDATE stripe_customer SET user_key = ${survivorKey}, wanted_at = clock_timestamp(), wanted_tries = 0
    WHERE user_key = ANY(${[survivorKey, ...mergedKeys]})`;
}

/*
 * Rows are moved by deleting and inserting them: the user's key is the first column of their primary keys.
 */

/** Moves all subscriptions of these users, those that are over included, to the survivor. */
export async function moveSubscriptions(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM subscription WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO subscription
      (user_key, id, environment_id, package_id, package_version, is_addon, status, started_at, ended_at, trial_end,
        follows_id, carried, created_at, provider, provider_subscription_id, provider_item_id, provider_status,
        provider_cancels_at)
    SELECT ${survivorKey}, id, environment_id, package_id, package_version, is_addon, status, started_at, ended_at,
      trial_end, follows_id, carried, created_at, provider, provider_subscription_id, provider_item_id,
      provider_status, provider_cancels_at
    FROM moved`;
  await tx.subscriberMigrationProblem.updateMany({
    where: { userKey: { in: mergedKeys } },
    data: { userKey: survivorKey },
  });
}

/** Moves all grants of these users, those that are over included, to the survivor. */
export async function moveGrants(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM feature_grant WHERE user_key = ANY(${mergedKeys}) RETURNING *), used AS (
      SELECT idempotency_key FROM feature_grant
      WHERE user_key = ${survivorKey} AND idempotency_key IS NOT NULL
    )
    INSERT INTO feature_grant
      (user_key, id, environment_id, feature_id, "limit", reset_period, reset_every, overage_enabled, starts_at,
        ends_at, reason, revoked_at, revoke_reason, idempotency_key, request_hash, created_at, expiry_told)
    SELECT ${survivorKey}, id, environment_id, feature_id, "limit", reset_period, reset_every, overage_enabled,
      starts_at, ends_at, reason, revoked_at, revoke_reason,
      CASE WHEN idempotency_key NOT IN (SELECT idempotency_key FROM used)
        AND row_number() OVER (PARTITION BY idempotency_key ORDER BY id) = 1 THEN idempotency_key END,
      request_hash, created_at, expiry_told
    FROM moved`;
  await tx.$executeRaw`
    UPDATE "user" SET has_grants = true WHERE key = ${survivorKey} AND NOT has_grants
      AND EXISTS (SELECT FROM feature_grant WHERE user_key = ${survivorKey})`;
}

/** An idempotency key that several of these users had used stays with the row that was made first. */
async function keepFirstKeys(tx: Db, table: 'reservation' | 'top_up', userKeys: bigint[]): Promise<void> {
  await tx.$executeRawUnsafe(
    `UPDATE ${table} SET idempotency_key = NULL
     FROM (
       SELECT user_key, id, row_number() OVER (PARTITION BY idempotency_key ORDER BY id) AS turn FROM ${table}
       WHERE user_key = ANY($1) AND idempotency_key IS NOT NULL
     ) keyed
     WHERE ${table}.user_key = keyed.user_key AND ${table}.id = keyed.id AND keyed.turn > 1`,
    userKeys,
  );
}

/** Moves the reservations of these users to the survivor. */
export async function moveReservations(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await keepFirstKeys(tx, 'reservation', [survivorKey, ...mergedKeys]);
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM reservation WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO reservation (user_key, id, environment_id, feature_id, amount, expires_at, committed_at, committed,
      commit_key, released_at, idempotency_key, request_hash, created_at)
    SELECT ${survivorKey}, id, environment_id, feature_id, amount, expires_at, committed_at, committed, commit_key,
      released_at, idempotency_key, request_hash, created_at
    FROM moved`;
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM usage_hold WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO usage_hold AS known (user_key, feature_id, expires_at, environment_id, held)
    SELECT ${survivorKey}, feature_id, expires_at, environment_id, sum(held) FROM moved
    GROUP BY feature_id, expires_at, environment_id
    ON CONFLICT (user_key, feature_id, expires_at) DO UPDATE SET held = known.held + excluded.held`;
  await tx.$executeRaw`
    UPDATE "user" SET has_holds = true WHERE key = ${survivorKey} AND NOT has_holds
      AND EXISTS (SELECT FROM usage_hold WHERE user_key = ${survivorKey})`;
}

/** Moves the top-ups of these users, and what was drawn from them, to the survivor. */
export async function moveTopUps(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await keepFirstKeys(tx, 'top_up', [survivorKey, ...mergedKeys]);
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM top_up WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO top_up (user_key, id, environment_id, feature_id, amount, remaining, priority, expires_at, reason,
      voided_at, void_reason, idempotency_key, request_hash, created_at, alert_at, alert_at_amount, told_used,
      expiry_told)
    SELECT ${survivorKey}, id, environment_id, feature_id, amount, remaining, priority, expires_at, reason, voided_at,
      void_reason, idempotency_key, request_hash, created_at, alert_at, alert_at_amount, told_used, expiry_told
    FROM moved`;
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM top_up_draw WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO top_up_draw
      (user_key, id, environment_id, top_up_id, subscription_id, feature_id, window_start, amount, created_at,
      usage_event_id)
    SELECT ${survivorKey}, id, environment_id, top_up_id, subscription_id, feature_id, window_start, amount, created_at,
      usage_event_id
    FROM moved`;
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM usage_excess WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO usage_excess
      (user_key, subscription_id, feature_id, window_start, position, environment_id, top_up_id, amount)
    SELECT ${survivorKey}, subscription_id, feature_id, window_start, position, environment_id, top_up_id, amount
    FROM moved`;
  await tx.$executeRaw`
    UPDATE "user" SET has_top_ups = true WHERE key = ${survivorKey} AND NOT has_top_ups
      AND EXISTS (SELECT FROM top_up WHERE user_key = ${survivorKey})`;
}

/**
 * Moves the ledger of these users to the survivor, and drops their counters: they are to be counted again. An
 * idempotency key that several of them had used stays with the usage that was recorded first.
 */
export async function moveUsage(tx: Db, survivorKey: bigint, mergedKeys: bigint[]): Promise<void> {
  await tx.$executeRaw`SELECT move_usage(${survivorKey}::bigint, ${mergedKeys}::bigint[], 'mergeUsers')`;
  await tx.usageCounter.deleteMany({ where: { userKey: { in: mergedKeys } } });
  await tx.$executeRaw`
    WITH moved AS (DELETE FROM usage_alert WHERE user_key = ANY(${mergedKeys}) RETURNING *)
    INSERT INTO usage_alert
      (user_key, subscription_id, feature_id, window_start, threshold, amount, environment_id, data, created_at, due_at)
    SELECT ${survivorKey}, subscription_id, feature_id, window_start, threshold, amount, environment_id, data,
      created_at, due_at
    FROM moved ON CONFLICT DO NOTHING`;
}

/** Call it after deleteHours or a recount: it takes a lock, with which no pass writes them again. */
export async function deleteStandings(tx: Db, keys: readonly bigint[]): Promise<void> {
  await tx.limitStanding.deleteMany({ where: { userKey: { in: [...keys] } } });
}

/**
 * Deletes these users and all that they own, and all who were merged into them.
 *
 * @returns who is no more, those who were merged included
 */
export async function deleteUsers(tx: Db, keys: bigint[]): Promise<{ id: string; key: bigint }[]> {
  const owned = { where: { userKey: { in: keys } } };
  await tx.usageCounter.deleteMany(owned);
  await tx.usageAlert.deleteMany(owned);
  await tx.$executeRaw`SELECT forget_usage(${keys}::bigint[], 'deleteUser')`;
  await deleteHours(tx, keys);
  await deleteStandings(tx, keys);
  await tx.subscription.deleteMany(owned);
  await tx.subscriberMigrationProblem.deleteMany(owned);
  await tx.featureGrant.deleteMany(owned);
  await tx.usageExcess.deleteMany(owned);
  await tx.topUpDraw.deleteMany(owned);
  await tx.topUp.deleteMany(owned);
  await tx.usageHold.deleteMany(owned);
  await tx.reservation.deleteMany(owned);
  return tx.$queryRaw<{ id: string; key: bigint }[]>`
    DELETE FROM "user" WHERE key = ANY(${keys}) OR merged_into = ANY(${keys}) RETURNING id, key`;
}
