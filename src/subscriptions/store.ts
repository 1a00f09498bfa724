import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { Prisma } from '../database/generated/client.ts';
import { subscriptionError } from '../errors.ts';
import { type Ending, heldAlready, multipleTiers } from './rules.ts';
import {
  heldStatuses,
  liveStatuses,
  type OwnedTerms,
  type PackageTerms,
  type SubscriptionStatus,
  type SubscriptionTerms,
  statusAt,
} from './status-rules.ts';

/** One change of a user's subscriptions, while the user's row is locked. */
export interface Change {
  /** The user whose row is locked: the survivor when the one asked for was merged. */
  userKey: bigint;
  /** The instant at which subscriptions end and start in this change. */
  instant: Date;
}

/** As the index subscription_may_be_live_idx has it. */
const mayBeLive = [...liveStatuses, 'SCHEDULED'].map((status) => `'${status}'`).join(', ');

/**
 * Whether a row of `subscription` is live now, as SQL. Instants decide, so that it is right before a job writes the
 * status; see statusAt. A subscription that has begun has another status than SCHEDULED, whatever now() was when the
 * transaction began.
 */
export const isLiveSql = (row: string) =>
  `(${row}.status in (${mayBeLive}) and (${row}.status <> 'SCHEDULED' or ${row}.started_at <= now())
    and (${row}.ended_at is null or ${row}.ended_at > now()))`;

/** The status of a row of `subscription` now, as SQL; see statusAt. */
export const statusNowSql = (row: string) => `(case
  when ${row}.provider_subscription_id is not null or ${row}.status in ('CANCELLED', 'INCOMPLETE_EXPIRED') then ${row}.status::text
  when ${row}.ended_at <= now() then 'CANCELLED'
  when ${row}.status = 'SCHEDULED' and ${row}.started_at > now() then 'SCHEDULED'
  when ${row}.status not in ('SCHEDULED', 'TRIALING') then ${row}.status::text
  when ${row}.trial_end > now() or (${row}.trial_end is null and ${row}.status = 'TRIALING') then 'TRIALING'
  else 'ACTIVE' end)`;

/** The filter for subscriptions that go on and have one of these statuses, or are SCHEDULED and have begun. */
const inNow = (statuses: readonly SubscriptionStatus[], now: Date) => ({
  AND: [
    { OR: [{ endedAt: null }, { endedAt: { gt: now } }] },
    { OR: [{ status: { in: [...statuses] } }, { status: 'SCHEDULED' as const, startedAt: { lte: now } }] },
  ],
});

/** The filter for subscriptions that are held now. */
export const heldNow = (now = new Date()) => inNow(heldStatuses, now);

/** The filter for subscriptions that are held now, or will be. */
export const heldOrAhead = (now = new Date()) => ({
  OR: [{ endedAt: null }, { endedAt: { gt: now } }],
  status: { in: [...heldStatuses, 'SCHEDULED' as const] },
});

/** The filter for subscriptions that give access now. */
export const liveNow = (now = new Date()) => inNow(liveStatuses, now);

/**
 * Starts a change of these users' subscriptions and returns its instant. Usage counts in
 * the subscriptions that were live when it was used, so every usage must clearly be before or after
 * the change:
 *  - The users' rows are locked before this is called, and everything is read after that. Whoever records
 *    usage holds FOR KEY SHARE on those rows until it is committed: once the locks are ours, all earlier usage
 *    is visible, and all later usage finds the change and the new revision.
 *  - The instant of the change is the database's next whole millisecond, taken under the lock and waited
 *    out. A time of use is cut to whole milliseconds: earlier usage lies before it, later at or after it.
 * Where standings are stored, those of these users are read again; see insights/standings/refresh.ts.
 */
export async function beginChange(tx: Db, userKeys: bigint[]): Promise<Date> {
  await tx.$executeRaw`
    WITH changed AS (UPDATE "user" SET revision = revision + 1 WHERE key = ANY(${userKeys}) RETURNING key, environment_id)
    INSERT INTO limit_change (environment_id, user_key) SELECT environment_id, key FROM changed
    WHERE EXISTS (SELECT FROM limit_pass p WHERE p.environment_id = changed.environment_id)`;
  const [row] = await tx.$queryRaw<[{ instant: Date }]>`
    SELECT date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond' AS instant,
      pg_sleep(0.001)::text AS waited`;
  return row.instant;
}

/** What is due at an instant: a start, an end, or the end of a trial. A billing provider decides on its own. */
export function findDue(tx: Db, userKey: bigint, instant: Date) {
  return tx.$queryRaw<{ id: bigint; environmentId: string }[]>`
    SELECT id, environment_id AS "environmentId" FROM subscription
    WHERE user_key = ${userKey} AND provider_subscription_id IS NULL AND (status = 'SCHEDULED' AND started_at <= ${instant}::timestamptz
      OR status = 'TRIALING' AND trial_end <= ${instant}::timestamptz
      OR status IN ('ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE', 'SCHEDULED')
        AND ended_at <= ${instant}::timestamptz)`;
}

/** Writes the statuses of what is due; see statusAt. What ends is written first: its place is free then. */
export async function writeStatuses(
  tx: Db,
  { userKey, instant }: Change,
  ids: readonly bigint[],
): Promise<void> {
  await tx.$executeRaw`
    UPDATE subscription SET status = 'CANCELLED'
    WHERE user_key = ${userKey} AND id = ANY (${[...ids]}::bigint[]) AND ended_at <= ${instant}::timestamptz`;
  await tx.$executeRaw`
    UPDATE subscription
    SET status = (CASE WHEN trial_end > ${instant}::timestamptz THEN 'TRIALING' ELSE 'ACTIVE' END)::"SubscriptionStatus"
    WHERE user_key = ${userKey} AND id = ANY (${[...ids]}::bigint[]) AND status IN ('SCHEDULED', 'TRIALING')`;
}

/** The users of whom something is due now, at most `count`, after the user `after`. */
export async function findDueUsers(db: Db, after: bigint, count: number): Promise<bigint[]> {
  const rows = await db.$queryRaw<{ userKey: bigint }[]>`
    SELECT DISTINCT user_key AS "userKey" FROM (
      SELECT user_key FROM subscription WHERE status = 'SCHEDULED' AND started_at <= now()
      UNION ALL SELECT user_key FROM subscription
      WHERE trial_end IS NOT NULL AND status = 'TRIALING' AND trial_end <= now() AND provider_subscription_id IS NULL
      UNION ALL SELECT user_key FROM subscription WHERE ended_at IS NOT NULL
        AND status IN ('ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE', 'SCHEDULED') AND ended_at <= now()
        AND provider_subscription_id IS NULL
    ) due WHERE user_key > ${after} ORDER BY 1 LIMIT ${count}`;
  return rows.map(({ userKey }) => userKey);
}

const terms = { package: { include: { bases: { select: { baseId: true, version: true } } } } } as const;
type PackageRow = Prisma.PackageGetPayload<typeof terms.package>;
type SubscriptionRow = Prisma.SubscriptionGetPayload<{ include: typeof terms }>;

const packageTerms = ({ bases, ...row }: PackageRow, version = row.version): PackageTerms => ({
  ...row,
  version,
  baseIds: bases.filter((base) => base.version === version).map(({ baseId }) => baseId),
});

const subscriptionTerms = (row: SubscriptionRow): OwnedTerms => ({
  ...row,
  package: packageTerms(row.package, row.packageVersion),
});

/** The existing packages among these, to subscribe to. None of them is unpublished until the transaction ends. */
export async function findPackages(tx: Db, environmentId: string, ids: string[]): Promise<PackageTerms[]> {
  await tx.$executeRaw`
    SELECT FROM package WHERE environment_id = ${environmentId} AND id = ANY (${ids}::text[]) ORDER BY id FOR KEY SHARE`;
  const rows = await tx.package.findMany({ where: { environmentId, id: { in: ids } }, ...terms.package });
  return rows.map((row) => packageTerms(row));
}

/** The same for one version of a package, current or earlier; null if there is none, or it is a draft. */
export async function findVersion(
  tx: Db,
  environmentId: string,
  id: string,
  version: number | null,
): Promise<PackageTerms | null> {
  await tx.$executeRaw`
    SELECT FROM package WHERE environment_id = ${environmentId} AND id = ${id} FOR KEY SHARE`;
  const where = { environmentId_id: { environmentId, id } };
  const row = await tx.package.findUnique({ where, ...terms.package });
  return row === null || row.version < (version ?? 1) ? null : packageTerms(row, version ?? row.version);
}

/** The statuses of what is held now, or later. */
const heldOrScheduled = [...heldStatuses, 'SCHEDULED' as const];

/** All subscriptions that the user holds, or will hold, oldest first. */
export async function findHeld(tx: Db, userKey: bigint): Promise<SubscriptionTerms[]> {
  return findHeldByAll(tx, [userKey]);
}

/** All subscriptions that these users hold, or will hold, in the order of the users, oldest first. */
export async function findHeldByAll(db: Db, userKeys: readonly bigint[]): Promise<OwnedTerms[]> {
  const rows = await db.subscription.findMany({
    where: { userKey: { in: [...userKeys] }, status: { in: heldOrScheduled } },
    include: terms,
    orderBy: { id: 'asc' },
  });
  const places = new Map(userKeys.map((key, place) => [key, place]));
  const placeOf = ({ userKey }: { userKey: bigint }) => places.get(userKey) ?? 0;
  return rows.sort((a, b) => placeOf(a) - placeOf(b)).map(subscriptionTerms);
}

/** One subscription of the user, held or ended; null if there is none. */
export async function findOwn(tx: Db, userKey: bigint, id: bigint): Promise<SubscriptionTerms | null> {
  const row = await tx.subscription.findUnique({ where: { userKey_id: { userKey, id } }, include: terms });
  return row && subscriptionTerms(row);
}

/** The key of the owner of a subscription; null if it does not exist in this environment. */
export async function findOwner(db: Db, environmentId: string, id: bigint): Promise<bigint | null> {
  const row = await db.subscription.findFirst({ where: { environmentId, id }, select: { userKey: true } });
  return row?.userKey ?? null;
}

/** Whether a billing provider decides on a subscription. */
export async function isHeldAtProvider(db: Db, environmentId: string, id: bigint): Promise<boolean> {
  const held = { environmentId, id, providerSubscriptionId: { not: null } };
  return (await db.subscription.count({ where: held })) > 0;
}

/** The held base package of a user that a billing provider decides on; null if there is none. */
export async function findBaseAtProvider(db: Db, userKey: bigint): Promise<bigint | null> {
  const row = await db.subscription.findFirst({
    where: {
      ...{ userKey, isAddon: false, providerSubscriptionId: { not: null } },
      status: { in: [...heldStatuses] },
    },
    select: { id: true },
  });
  return row?.id ?? null;
}

/** A subscription to start. */
export interface NewSubscription {
  package: PackageTerms;
  startedAt: Date;
  endedAt: Date | null;
  trialEnd: Date | null;
  followsId: bigint | null;
}

/** Starts a subscription, now, earlier or later; returns its id. */
export async function startSubscription(
  tx: Db,
  environmentId: string,
  { userKey, instant }: Change,
  { package: { id: packageId, version: packageVersion, isAddon }, ...times }: NewSubscription,
): Promise<bigint> {
  const status = statusAt({ ...times, status: 'SCHEDULED' }, instant);
  const begun = {
    environmentId,
    userKey,
    packageId,
    packageVersion,
    isAddon,
    ...times,
    status,
    createdAt: instant,
  };
  try {
    const { id } = await tx.subscription.create({ data: begun, select: { id: true } });
    return id;
  } catch (error) {
    throw refusalOf(error);
  }
}

/** The rules refuse these under the lock; the unique indexes are the last guard. */
export function refusalOf(error: unknown): unknown {
  if (isUniqueViolation(error, 'subscription_one_held_base')) return subscriptionError(multipleTiers);
  if (isUniqueViolation(error, 'subscription_package_held_once')) return subscriptionError(heldAlready);
  return error;
}

/** Cancels these subscriptions of the user now. One that has not begun never begins. */
export async function cancelSubscriptions(
  tx: Db,
  { userKey, instant }: Change,
  ids: readonly bigint[],
): Promise<void> {
  await tx.$executeRaw`
    UPDATE subscription SET status = 'CANCELLED', ended_at = greatest(started_at, ${instant}::timestamptz)
    WHERE user_key = ${userKey} AND id = ANY (${[...ids]}::bigint[])`;
}

/** Ends subscriptions of the user, each at its instant: now, or later. A payment that is synced again does not undo it. */
export async function endSubscriptions(tx: Db, change: Change, endings: readonly Ending[]): Promise<void> {
  const { userKey, instant } = change;
  for (const { id, at } of endings) {
    await tx.$executeRaw`
      UPDATE subscription SET ended_at = ${at}::timestamptz,
        provider_cancels_at = CASE WHEN provider IS NOT NULL THEN ${at}::timestamptz END,
        status = CASE WHEN ${at}::timestamptz <= greatest(${instant}::timestamptz, started_at)
          THEN 'CANCELLED' ELSE status END
      WHERE user_key = ${userKey} AND id = ${id}`;
  }
}

/** Takes the scheduled end of subscriptions back. */
export async function resumeSubscriptions(
  tx: Db,
  { userKey }: Change,
  ids: readonly bigint[],
): Promise<void> {
  await tx.subscription.updateMany({
    where: { userKey, id: { in: [...ids] } },
    data: { endedAt: null, providerCancelsAt: null },
  });
}

/** Makes scheduled subscriptions of the user follow another one. */
export async function followInstead(
  tx: Db,
  { userKey }: Change,
  ids: readonly bigint[],
  followsId: bigint,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.subscription.updateMany({ where: { userKey, id: { in: [...ids] } }, data: { followsId } });
}
