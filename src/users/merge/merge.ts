import { audited, withEvents } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import { forgetUsers } from '../../audit/store.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient, User } from '../../database/generated/client.ts';
import { jsonValue } from '../../database/json.ts';
import { longTransaction } from '../../database/transaction.ts';
import { createTurns } from '../../database/turns.ts';
import { endWithBases, planMerge } from '../../subscriptions/merge-rules.ts';
import { settle } from '../../subscriptions/settle.ts';
import {
  beginChange,
  cancelSubscriptions,
  endSubscriptions,
  findHeldByAll,
} from '../../subscriptions/store.ts';
import { countUsage, recount } from '../../usage/ledger/store.ts';
import { findUserKey } from '../store.ts';
import { inOrder, mergedFacts } from './rules.ts';
import {
  deleteStandings,
  deleteUsers,
  findPeople,
  lockUsers,
  moveCustomers,
  moveGrants,
  moveReservations,
  moveSubscriptions,
  moveTopUps,
  moveUsage,
  redirectToSurvivor,
} from './store.ts';

/**
 * Merges several users into one. The survivor gets the subscriptions and the usage of the others, and their ids lead to
 * the survivor. For the rules, see inOrder, mergedFacts and planMerge.
 *
 * The result is the same as if all ids had always been one user. The ledgers become one, in the order of recording; a
 * SET replaces earlier usage under any of the ids; all windows are recounted. So it makes no difference whether usage is
 * recorded before or after the merge.
 *
 * Ids of one user count once. If all ids lead to one user, nothing changes.
 *
 * @param survivorId the id of the survivor; default: the oldest user
 * @returns the key of the survivor
 * @throws UserNotFoundError
 */
export async function mergeUsers(
  prisma: PrismaClient,
  author: Author,
  ids: readonly string[],
  survivorId?: string,
): Promise<bigint> {
  const { environmentId } = author;
  const action = 'mergeUsers';
  const merge = () =>
    longTransaction(prisma, async (tx) => {
      const people = await lockUsers(tx, environmentId, ids);
      const keys = people.map(({ key }) => key);
      const held = await findSubscriptions(tx, keys);
      return audited(tx, author, { action, type: 'USER', handles: keys }, () =>
        audited(tx, author, { action, type: 'SUBSCRIPTION', handles: held }, () =>
          mergeLocked(tx, environmentId, people, survivorId),
        ),
      );
    });
  const people = await findPeople(prisma, environmentId, ids);
  return byHistory(prisma, environmentId, people, merge);
}

/** Merges within a larger transaction, without audit entries. */
export async function mergeWithin(
  tx: Db,
  environmentId: string,
  ids: readonly string[],
  survivorId?: string,
): Promise<bigint> {
  const people = await lockUsers(tx, environmentId, ids);
  const handles = await findSubscriptions(
    tx,
    people.map(({ key }) => key),
  );
  return withEvents(tx, environmentId, { type: 'SUBSCRIPTION', handles }, () =>
    mergeLocked(tx, environmentId, people, survivorId),
  );
}

/** The subscriptions that a merge of these users moves or cancels. */
const findSubscriptions = async (tx: Db, keys: readonly bigint[]) =>
  (await findHeldByAll(tx, keys)).map(({ id }) => id);

async function mergeLocked(
  tx: Db,
  environmentId: string,
  locked: readonly User[],
  survivorId: string | undefined,
): Promise<bigint> {
  const chosen = survivorId === undefined ? null : await findUserKey(tx, environmentId, survivorId);
  const people = inOrder(locked, chosen);
  const [survivorKey, ...mergedKeys] = people.map(({ key }) => key);
  if (survivorKey === undefined) throw new Error('there are no users to merge');
  if (mergedKeys.length === 0) return survivorKey;

  await endSurplus(tx, [survivorKey, ...mergedKeys]);
  await moveSubscriptions(tx, survivorKey, mergedKeys);
  await moveGrants(tx, survivorKey, mergedKeys);
  await moveTopUps(tx, survivorKey, mergedKeys);
  await moveReservations(tx, survivorKey, mergedKeys);
  await moveUsage(tx, survivorKey, mergedKeys);
  await recount(tx, survivorKey, mergedKeys);
  await deleteStandings(tx, mergedKeys);

  await redirectToSurvivor(tx, survivorKey, mergedKeys);
  await moveCustomers(tx, survivorKey, mergedKeys);
  const { metadata, ...facts } = mergedFacts(people);
  await tx.user.update({ where: { key: survivorKey }, data: { ...facts, metadata: jsonValue(metadata) } });
  return survivorKey;
}

/** Ends subscriptions that one user cannot have together, or not as long; see planMerge and endWithBases. */
async function endSurplus(tx: Db, userKeys: bigint[]): Promise<void> {
  const instant = await beginChange(tx, userKeys);
  for (const userKey of userKeys) await settle(tx, { userKey, instant });
  const held = await findHeldByAll(tx, userKeys);
  const surplus = planMerge(held);
  const endings = endWithBases(held.filter(({ id }) => !surplus.includes(id)));
  for (const userKey of userKeys) {
    await cancelSubscriptions(tx, { userKey, instant }, surplus);
    const own = held.filter((each) => each.userKey === userKey).map(({ id }) => id);
    await endSubscriptions(
      tx,
      { userKey, instant },
      endings.filter(({ id }) => own.includes(id)),
    );
  }
}

/** A deleted user, with the ids and keys of all users merged into the user. */
export interface DeletedPerson {
  id: string;
  ids: string[];
  keys: bigint[];
}

/**
 * Deletes a user as deleteUser does, and data about the user in other places.
 *
 * @returns the id of the user
 * @throws UserNotFoundError
 */
export type DeletePerson = (author: Author, id: string, now: Date) => Promise<string>;

/**
 * Deletes a user permanently: the user or survivor with this id, all subscriptions and usage, and all merged ids. The
 * ids can be used again. Personal data is removed from the audit log; the entries stay.
 *
 * @param alongside more work in the same transaction, after the rows are deleted
 * @throws UserNotFoundError
 */
export async function deleteUser(
  prisma: PrismaClient,
  author: Author,
  id: string,
  alongside: (tx: Db, deleted: DeletedPerson) => Promise<void>,
): Promise<DeletedPerson> {
  const { environmentId } = author;
  const erase = () =>
    longTransaction(prisma, async (tx) => {
      const [user] = await lockUsers(tx, environmentId, [id]);
      if (user === undefined) throw new Error('a user was locked and not found');
      const change = { action: 'deleteUser', type: 'USER', handles: [user.key] } as const;
      const rows = await audited(tx, author, change, () => deleteUsers(tx, [user.key]));
      const deleted = { id: user.id, ids: rows.map((row) => row.id), keys: rows.map(({ key }) => key) };
      await forgetUsers(tx, environmentId, deleted.keys);
      await alongside(tx, deleted);
      return deleted;
    });
  return byHistory(prisma, environmentId, await findPeople(prisma, environmentId, [id]), erase);
}

/** Moving or deleting more events than this keeps PostgreSQL busy for a second or more. */
const longHistory = 10_000;
/** How long a change of a long history waits for others of its environment, at most. */
const historyTimeoutMs = 30_000;
const inHistoryTurn = createTurns(1, historyTimeoutMs);

/** Runs changes of users with long histories one after another, so that those of one environment keep one core busy. */
async function byHistory<Result>(
  prisma: PrismaClient,
  environmentId: string,
  people: readonly User[],
  change: () => Promise<Result>,
): Promise<Result> {
  const keys = people.map(({ key }) => key);
  const isLong = (await countUsage(prisma, keys, longHistory + 1)) > longHistory;
  return isLong ? inHistoryTurn(environmentId, change) : change();
}
