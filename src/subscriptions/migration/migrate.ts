import type { Logger } from 'pino';
import { note } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import { isUniqueViolation, type Unavailability, unavailabilityOf } from '../../database/errors.ts';
import type { PrismaClient, SubscriberMigration } from '../../database/generated/client.ts';
import {
  DomainError,
  invalidInput,
  migrationNotFound,
  migrationRunning,
  packageNotFound,
  packageVersionNotFound,
  userNotFound,
} from '../../errors.ts';
import { enqueue } from '../../jobs/queue.ts';
import { replaceSubscription } from '../change/change.ts';
import { findPeriodEnds } from '../change/periods.ts';
import type { OwnSubscription } from '../change/store.ts';
import { changeSubscriptions } from '../settle.ts';
import type { PackageTerms } from '../status-rules.ts';
import { type Change, findHeld, findVersion } from '../store.ts';
import { instantOfMove, isConcerned, type NewMigration, planMove } from './rules.ts';
import {
  addProblem,
  authorOf,
  claim,
  countConcerned,
  findConcernedOf,
  findUserKeys,
  finish,
  type Selection,
} from './store.ts';

export const migrationJob = 'subscriptions-migration';

/** Enqueues the migrations of an environment. */
export const enqueueMigrations = (db: Db, environmentId: string) =>
  enqueue(db, migrationJob, { environmentId }, `${migrationJob} ${environmentId}`);

/** A migration whose packages and users are known. */
export interface CheckedMigration {
  selection: Selection;
  target: PackageTerms;
  /** The subscriptions of the named users; null is all. */
  only: OwnSubscription[] | null;
  /** The named users who have no such subscription. */
  withoutKeys: bigint[];
}

export const notSubscribed = 'The user has no subscription to move.';

/** @throws PackageNotFoundError, UserNotFoundError, ValidationError */
export async function checkMigration(
  db: Db,
  environmentId: string,
  { fromPackageId, fromVersion, toPackageId, toVersion, userIds }: NewMigration,
): Promise<CheckedMigration> {
  const from = await requireVersion(db, environmentId, fromPackageId, fromVersion);
  const target = await requireVersion(db, environmentId, toPackageId, toVersion);
  if (target.status !== 'PUBLISHED')
    throw invalidInput('input.toPackageId', `must be PUBLISHED; it is ${target.status}`);
  if (from.isAddon !== target.isAddon)
    throw invalidInput(
      'input.toPackageId',
      from.isAddon ? 'must be an add-on, as the package before' : 'must be a base package',
    );
  if (fromPackageId === toPackageId && fromVersion === target.version)
    throw invalidInput('input.toVersion', 'must be another version than fromVersion');
  const selection = { environmentId, fromPackageId, fromVersion, toPackageId, toVersion: target.version };
  if (userIds === null) return { selection, target, only: null, withoutKeys: [] };
  const known = await findUserKeys(db, environmentId, userIds);
  for (const id of userIds) if (!known.has(id)) throw userNotFound(id);
  const userKeys = [...new Set(known.values())];
  const only = await findConcernedOf(db, selection, userKeys);
  const withKeys = new Set(only.map(({ userKey }) => userKey));
  return { selection, target, only, withoutKeys: userKeys.filter((key) => !withKeys.has(key)) };
}

async function requireVersion(
  db: Db,
  environmentId: string,
  id: string,
  version: number | null,
): Promise<PackageTerms> {
  const found = await findVersion(db, environmentId, id, version);
  if (found !== null) return found;
  if (version === null || (await findVersion(db, environmentId, id, null)) === null)
    throw packageNotFound(id);
  throw packageVersionNotFound(id, version);
}

/**
 * Starts a migration of subscribers; the job moves them. Those who subscribe later are not part of it.
 *
 * @returns its id
 * @throws MigrationRunningError if one from the same package runs, and what checkMigration throws
 */
export async function startMigration(
  prisma: PrismaClient,
  author: Author,
  input: NewMigration,
): Promise<bigint> {
  const { environmentId } = author;
  try {
    return await prisma.$transaction(async (tx) => {
      const { selection, target, only, withoutKeys } = await checkMigration(tx, environmentId, input);
      const all = only === null ? await countConcerned(tx, selection) : null;
      const total = (all?.total ?? only?.length ?? 0) + withoutKeys.length;
      const { kind, ...who } = author;
      const isRunning = only === null || only.length > 0;
      const { fromPackageId, fromVersion, toPackageId, at, usage } = input;
      const { id } = await tx.subscriberMigration.create({
        data: {
          ...who,
          ...{
            authorKind: kind,
            fromPackageId,
            fromVersion,
            toPackageId,
            toVersion: target.version,
            at,
            usage,
          },
          ...(only === null ? {} : { onlyIds: only.map((each) => each.id) }),
          ...(isRunning ? {} : { state: 'DONE', finishedAt: new Date() }),
          untilId: all?.newest ?? only?.at(-1)?.id ?? 0n,
          ...{ total, examined: withoutKeys.length, skipped: withoutKeys.length },
        },
        select: { id: true },
      });
      await addProblem(tx, { environmentId, id }, withoutKeys, { outcome: 'SKIPPED', reason: notSubscribed });
      const noted = { fromPackageId, fromVersion, toPackageId, toVersion: target.version, at, usage, total };
      await note(tx, author, { action: 'migrateSubscribers', type: 'MIGRATION', id: `${id}` }, noted);
      await enqueueMigrations(tx, environmentId);
      return id;
    });
  } catch (error) {
    throw isUniqueViolation(error, 'subscriber_migration_one_running')
      ? migrationRunning(input.fromPackageId)
      : error;
  }
}

/** Stops a migration; one that has ended stays as it is. Nobody is moved after this. @throws MigrationNotFoundError */
export async function stopMigration(prisma: PrismaClient, author: Author, id: bigint): Promise<void> {
  const { environmentId } = author;
  await prisma.$transaction(async (tx) => {
    if (await finish(tx, { environmentId, id }, 'STOPPED'))
      return note(
        tx,
        author,
        { action: 'stopMigration', type: 'MIGRATION', id: `${id}` },
        { state: 'STOPPED' },
      );
    const found = await tx.subscriberMigration.count({ where: { environmentId, id } });
    if (found === 0) throw migrationNotFound(`${id}`);
  });
}

/** A migration that has ended, or has examined the subscription: roll back. */
class Ended extends Error {}

/** The target can no longer be subscribed to. */
class NoTarget extends Error {}

/** What became of a subscription. */
export type Outcome = 'EXAMINED' | 'ENDED';

const maxAttempts = 3;

/**
 * Moves one subscription, exactly once: what counts it as examined is written in the transaction that moves it. A rule
 * that does not allow it skips it, any other failure counts as failed; both leave the user as before.
 *
 * @returns ENDED if the migration no longer runs, or another process has examined the subscription
 * @throws an error of the database that says nothing about this user
 */
export async function move(
  prisma: PrismaClient,
  migration: SubscriberMigration,
  subscription: OwnSubscription,
  log: Logger,
): Promise<Outcome> {
  try {
    return await tryToMove(prisma, migration, subscription);
  } catch (error) {
    if (error instanceof Ended) return 'ENDED';
    if (error instanceof NoTarget) {
      await finish(prisma, migration, 'FAILED', error.message);
      return 'ENDED';
    }
    return leave(prisma, migration, subscription, problemOf(error, log));
  }
}

async function tryToMove(
  prisma: PrismaClient,
  migration: SubscriberMigration,
  { id, userKey }: OwnSubscription,
): Promise<Outcome> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const moved = await changeSubscriptions(prisma, userKey, (tx, change) =>
        moveLocked(tx, change, migration, id),
      );
      // The user was deleted, and the subscription with the user.
      return moved ?? 'EXAMINED';
    } catch (error) {
      if (!isAboutUser(unavailabilityOf(error)) || attempt === maxAttempts) throw error;
    }
  }
}

const isAboutUser = (unavailability: Unavailability | null) =>
  unavailability === 'locked' || unavailability === 'conflict';

interface Problem {
  outcome: 'SKIPPED' | 'FAILED';
  reason: string;
}

/** What a failure says about the user. @throws the error itself if it says nothing about the user */
function problemOf(error: unknown, log: Logger): Problem {
  if (error instanceof DomainError) return { outcome: 'SKIPPED', reason: error.message };
  const unavailability = unavailabilityOf(error);
  if (isAboutUser(unavailability))
    return { outcome: 'FAILED', reason: 'The user was locked by other changes for too long.' };
  if (unavailability !== null) throw error;
  log.error({ err: error }, 'a user could not be migrated');
  return { outcome: 'FAILED', reason: 'An unexpected error, which is in the log.' };
}

async function leave(
  prisma: PrismaClient,
  migration: SubscriberMigration,
  { id, userKey }: OwnSubscription,
  problem: Problem,
): Promise<Outcome> {
  try {
    await prisma.$transaction(async (tx) => {
      await addProblem(tx, migration, [userKey], problem);
      const as = problem.outcome === 'SKIPPED' ? 'skipped' : 'failed';
      if (!(await claim(tx, migration, id, as))) throw new Ended();
    });
    return 'EXAMINED';
  } catch (error) {
    if (error instanceof Ended) return 'ENDED';
    throw error;
  }
}

async function moveLocked(
  tx: Db,
  change: Change,
  migration: SubscriberMigration,
  id: bigint,
): Promise<Outcome> {
  const { environmentId, toPackageId, toVersion, at, usage } = migration;
  const held = await findHeld(tx, change.userKey);
  const own = held.find((each) => each.id === id);
  // It has ended or changed since the chunk was read, or went to another user who was merged.
  if (own === undefined || !isConcerned(own, migration)) return 'EXAMINED';
  const target = await findVersion(tx, environmentId, toPackageId, toVersion);
  if (target?.status !== 'PUBLISHED')
    throw new NoTarget(
      `The package "${toPackageId}" can no longer be subscribed to at version ${toVersion}.`,
    );
  const { userKey, instant } = change;
  const end = at === 'NOW' ? null : ((await findPeriodEnds(tx, [{ userKey, id }], instant)).get(id) ?? null);
  const plan = planMove(target, own, held, instantOfMove(at, instant, end));
  await replaceSubscription(tx, authorOf(migration), change, plan, { usage, action: 'migrateSubscribers' });
  if (!(await claim(tx, migration, id, 'moved'))) throw new Ended();
  return 'EXAMINED';
}
