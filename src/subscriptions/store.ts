import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { Prisma, PrismaClient } from '../database/generated/client.ts';
import { inUserTurn } from '../database/turns.ts';
import { subscriptionError } from '../errors.ts';
import { lockUser } from '../users/store.ts';
import {
  heldAlready,
  heldStatuses,
  liveStatuses,
  multipleTiers,
  type PackageTerms,
  type SubscriptionTerms,
} from './rules.ts';

/** One change of a user's subscriptions, while the user's row is locked. */
export interface Change {
  /** The user whose row is locked: the survivor when the one asked for was merged. */
  userKey: bigint;
  /** The instant at which subscriptions end and start in this change. */
  instant: Date;
}

type InTransaction = <Result>(prisma: PrismaClient, work: (tx: Db) => Promise<Result>) => Promise<Result>;

/** Whether a subscription of this status is live, as SQL; see liveStatuses. */
export const isLiveSql = (status: string) =>
  `${status} in (${liveStatuses.map((live) => `'${live}'`).join(', ')})`;

/**
 * Runs `work` with the user's row locked, the only way to change what usage counts towards (see beginChange).
 * Returns null, without running it, if the user no longer exists.
 *
 * @param inTransaction how the transaction is run
 */
export function changeSubscriptions<Result>(
  prisma: PrismaClient,
  userKey: bigint,
  work: (tx: Db, change: Change) => Promise<Result>,
  inTransaction: InTransaction = (client, inside) => client.$transaction(inside),
): Promise<Result | null> {
  return inUserTurn(`${userKey}`, () =>
    inTransaction(prisma, async (tx) => {
      const locked = await lockUser(tx, userKey);
      if (locked === null) return null;
      return work(tx, { userKey: locked, instant: await beginChange(tx, [locked]) });
    }),
  );
}

/**
 * Starts a change of these users' subscriptions and returns its instant. Usage counts in
 * the subscriptions that were live when it was used, so every usage must clearly be before or after
 * the change:
 *  - The users' rows are locked before this is called, and everything is read after that. Whoever records
 *    usage holds FOR KEY SHARE on those rows until it is committed: once the locks are ours, all earlier usage
 *    is visible, and all later usage finds the change and the new revision.
 *  - The instant of the change is the database's next whole millisecond, taken under the lock and waited
 *    out. A time of use is cut to whole milliseconds: earlier usage lies before it, later at or after it.
 */
export async function beginChange(tx: Db, userKeys: bigint[]): Promise<Date> {
  await tx.$executeRaw`UPDATE "user" SET revision = revision + 1 WHERE key = ANY(${userKeys})`;
  const [row] = await tx.$queryRaw<[{ instant: Date }]>`
    SELECT date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond' AS instant,
      pg_sleep(0.001)::text AS waited`;
  return row.instant;
}

const terms = { package: { include: { bases: { select: { baseId: true, version: true } } } } } as const;
type PackageRow = Prisma.PackageGetPayload<typeof terms.package>;
type SubscriptionRow = Prisma.SubscriptionGetPayload<{ include: typeof terms }>;

const packageTerms = ({ bases, ...row }: PackageRow, version = row.version): PackageTerms => ({
  ...row,
  version,
  baseIds: bases.filter((base) => base.version === version).map(({ baseId }) => baseId),
});

const subscriptionTerms = (row: SubscriptionRow): SubscriptionTerms => ({
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

/** All subscriptions that the user holds, oldest first. */
export async function findHeld(tx: Db, userKey: bigint): Promise<SubscriptionTerms[]> {
  const rows = await tx.subscription.findMany({
    where: { userKey, status: { in: [...heldStatuses] } },
    include: terms,
    orderBy: { id: 'asc' },
  });
  return rows.map(subscriptionTerms);
}

/** All subscriptions that these users hold, in the order of the users, oldest first. */
export async function findHeldByAll(db: Db, userKeys: readonly bigint[]): Promise<SubscriptionTerms[]> {
  const rows = await db.subscription.findMany({
    where: { userKey: { in: [...userKeys] }, status: { in: [...heldStatuses] } },
    include: terms,
    orderBy: { id: 'asc' },
  });
  return userKeys.flatMap((key) => rows.filter(({ userKey }) => userKey === key)).map(subscriptionTerms);
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

/** Starts an ACTIVE subscription; returns its id. */
export async function startSubscription(
  tx: Db,
  environmentId: string,
  { userKey, instant }: Change,
  { id: packageId, version: packageVersion, isAddon }: PackageTerms,
): Promise<bigint> {
  const begun = {
    environmentId,
    userKey,
    packageId,
    packageVersion,
    isAddon,
    startedAt: instant,
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
function refusalOf(error: unknown): unknown {
  if (isUniqueViolation(error, 'subscription_one_held_base')) return subscriptionError(multipleTiers);
  if (isUniqueViolation(error, 'subscription_package_held_once')) return subscriptionError(heldAlready);
  return error;
}

/** Cancels these subscriptions of the user. */
export async function cancelSubscriptions(
  tx: Db,
  { userKey, instant }: Change,
  ids: bigint[],
): Promise<void> {
  await tx.subscription.updateMany({
    where: { userKey, id: { in: ids } },
    data: { status: 'CANCELLED', endedAt: instant },
  });
}
