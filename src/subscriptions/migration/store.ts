import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import { Prisma, type SubscriberMigration } from '../../database/generated/client.ts';
import { carriedSql, type OwnSubscription } from '../change/store.ts';
import { heldStatuses } from '../status-rules.ts';

/** Which subscriptions a migration is about. */
export interface Selection {
  environmentId: string;
  fromPackageId: string;
  fromVersion: number | null;
  toPackageId: string;
  toVersion: number;
}

const held = Prisma.raw(heldStatuses.map((status) => `'${status}'`).join(', '));

/** What a migration is about; isConcerned is the same rule for one subscription. */
const concerned = ({
  environmentId,
  fromPackageId,
  fromVersion,
  toPackageId,
  toVersion,
}: Selection) => Prisma.sql`
  s.environment_id = ${environmentId} AND s.package_id = ${fromPackageId}
    AND (s.status IN (${held}) OR s.status = 'SCHEDULED' AND s.started_at <= now())
    AND (s.ended_at IS NULL OR s.ended_at > now())
    AND CASE WHEN ${fromVersion}::integer IS NOT NULL THEN s.package_version = ${fromVersion}
      ELSE (s.package_id, s.package_version) <> (${toPackageId}, ${toVersion}) END`;

/** The next subscriptions after the id `after`, in the order of their ids, at most `count`. */
export function findConcerned(
  db: Db,
  selection: Selection,
  { after, until, count }: { after: bigint; until: bigint; count: number },
  onlyIds: readonly bigint[] | null,
): Promise<OwnSubscription[]> {
  const named = onlyIds === null ? Prisma.sql`true` : Prisma.sql`s.id = ANY (${[...onlyIds]}::bigint[])`;
  return db.$queryRaw`
    SELECT s.id, s.user_key AS "userKey" FROM subscription s
    WHERE ${concerned(selection)} AND s.id > ${after} AND s.id <= ${until} AND ${named}
    ORDER BY s.id LIMIT ${count}`;
}

/** How many there are, and the newest subscription of all. */
export async function countConcerned(
  db: Db,
  selection: Selection,
): Promise<{ total: number; newest: bigint }> {
  const [row] = await db.$queryRaw<[{ total: number; newest: bigint }]>`
    SELECT count(*)::integer AS total, coalesce(max(s.id), 0) AS newest FROM subscription s
    WHERE ${concerned(selection)}`;
  return row;
}

/** The subscriptions of these users that a migration is about. */
export function findConcernedOf(
  db: Db,
  selection: Selection,
  userKeys: readonly bigint[],
): Promise<OwnSubscription[]> {
  return db.$queryRaw`
    SELECT s.id, s.user_key AS "userKey" FROM subscription s
    WHERE ${concerned(selection)} AND s.user_key = ANY (${[...userKeys]}::bigint[]) ORDER BY s.id`;
}

/** The keys of these users, or of their survivors, by their ids. */
export async function findUserKeys(
  db: Db,
  environmentId: string,
  ids: readonly string[],
): Promise<Map<string, bigint>> {
  const rows = await db.user.findMany({
    where: { environmentId, id: { in: [...ids] } },
    select: { id: true, key: true, mergedInto: true },
  });
  return new Map(rows.map(({ id, key, mergedInto }) => [id, mergedInto ?? key]));
}

/** The ids of these users, by their keys. */
export async function findUserIds(db: Db, keys: readonly bigint[]): Promise<Map<bigint, string>> {
  const rows = await db.user.findMany({
    where: { key: { in: [...keys] } },
    select: { id: true, key: true },
  });
  return new Map(rows.map(({ id, key }) => [key, id]));
}

type Progress = 'moved' | 'skipped' | 'failed';

/**
 * Counts a subscription as examined, in the transaction that moves it: each is counted once, in ascending order, and
 * only while the migration runs. Returns false if it was examined before, or the migration has ended.
 */
export async function claim(
  tx: Db,
  { environmentId, id }: Pick<SubscriberMigration, 'environmentId' | 'id'>,
  subscriptionId: bigint,
  as: Progress,
): Promise<boolean> {
  const counted = Prisma.raw(as);
  const count = await tx.$executeRaw`
    UPDATE subscriber_migration SET after_id = ${subscriptionId}, examined = examined + 1, ${counted} = ${counted} + 1
    WHERE environment_id = ${environmentId} AND id = ${id} AND state = 'RUNNING' AND after_id < ${subscriptionId}`;
  return count > 0;
}

/** Writes why a user was not moved, unless the user is no more. */
export async function addProblem(
  tx: Db,
  { environmentId, id }: Pick<SubscriberMigration, 'environmentId' | 'id'>,
  userKeys: readonly bigint[],
  { outcome, reason }: { outcome: 'SKIPPED' | 'FAILED'; reason: string },
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO subscriber_migration_problem (user_key, environment_id, migration_id, outcome, reason)
    SELECT key, environment_id, ${id}, ${outcome}::"MigrationOutcome", ${reason} FROM "user"
    WHERE environment_id = ${environmentId} AND key = ANY (${[...userKeys]}::bigint[]) ORDER BY key`;
}

/** The environments in which migrations run. */
export async function findRunning(db: Db): Promise<string[]> {
  const rows = await db.subscriberMigration.findMany({
    where: { state: 'RUNNING' },
    distinct: ['environmentId'],
    select: { environmentId: true },
  });
  return rows.map(({ environmentId }) => environmentId);
}

/** The running migration of an environment that has waited longest; null if none runs. */
export function findNext(db: Db, environmentId: string): Promise<SubscriberMigration | null> {
  return db.subscriberMigration.findFirst({
    where: { environmentId, state: 'RUNNING' },
    orderBy: [{ advancedAt: 'asc' }, { id: 'asc' }],
  });
}

/**
 * Notes that the subscriptions up to `examinedId` are done, also those that were no longer to be moved. Puts the migration
 * behind the others of its environment.
 */
export async function advance(
  db: Db,
  { environmentId, id }: SubscriberMigration,
  examinedId: bigint,
): Promise<void> {
  await db.$executeRaw`
    UPDATE subscriber_migration SET after_id = greatest(after_id, ${examinedId}), advanced_at = clock_timestamp()
    WHERE environment_id = ${environmentId} AND id = ${id} AND state = 'RUNNING'`;
}

/** Ends a migration that runs. Returns whether it ran. */
export async function finish(
  db: Db,
  { environmentId, id }: Pick<SubscriberMigration, 'environmentId' | 'id'>,
  state: 'DONE' | 'STOPPED' | 'FAILED',
  problem: string | null = null,
): Promise<boolean> {
  const count = await db.$executeRaw`
    UPDATE subscriber_migration SET state = ${state}::"MigrationState", problem = ${problem},
      finished_at = clock_timestamp(), total = CASE WHEN ${state} = 'DONE' THEN examined ELSE total END
    WHERE environment_id = ${environmentId} AND id = ${id} AND state = 'RUNNING'`;
  return count > 0;
}

/** Who started a migration. */
export const authorOf = (row: SubscriberMigration): Author => ({
  environmentId: row.environmentId,
  kind: row.authorKind,
  keyId: row.keyId,
  lastFour: row.lastFour,
  memberId: row.memberId,
  requestId: row.requestId,
  clientRequestId: row.clientRequestId,
});

/** A user who has used more of a feature than the package to move to allows. */
export interface OverLimit {
  userKey: bigint;
  featureId: string;
  used: Prisma.Decimal;
  limit: Prisma.Decimal;
  overageEnabled: boolean;
}

const overLimitSql = `
  select a.user_key as "userKey", carried.feature_id as "featureId", c.used, carried."limit",
    carried.overage_enabled as "overageEnabled"
  from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as a(user_key, id, at)
  cross join lateral (${carriedSql({ userKey: 'a.user_key', id: 'a.id', at: 'a.at', packageId: '$4', version: '$5' })}) carried
  join usage_counter c on c.user_key = a.user_key and c.subscription_id = a.id
    and c.feature_id = carried.feature_id and c.window_start = carried.window_start
  where c.used > carried."limit"
  order by a.id, carried.feature_id`;

/** Whose usage, as it would be carried over, is more than the limit of the target. */
export function findOverLimit(
  db: Db,
  moves: readonly (OwnSubscription & { at: Date })[],
  target: { id: string; version: number },
): Promise<OverLimit[]> {
  return db.$queryRawUnsafe(
    overLimitSql,
    moves.map(({ userKey }) => userKey),
    moves.map(({ id }) => id),
    moves.map(({ at }) => at),
    target.id,
    target.version,
  );
}
