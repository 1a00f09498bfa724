import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import { forgetUsers } from '../../audit/store.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient, User } from '../../database/generated/client.ts';
import { jsonValue } from '../../database/json.ts';
import { longTransaction } from '../../database/long-transaction.ts';
import { planMerge, type SubscriptionTerms } from '../../subscriptions/rules.ts';
import { beginChange, cancelSubscriptions, findHeld, findHeldByAll } from '../../subscriptions/store.ts';
import { recount } from '../../usage/ledger/store.ts';
import { findUserKey } from '../store.ts';
import { inOrder, mergedFacts } from './rules.ts';
import { deleteUsers, lockUsers, moveSubscriptions, moveUsage, turnSignposts } from './store.ts';

/**
 * Makes several users one. The survivor takes over all that the others own, and their ids lead to the survivor
 * from then on; see inOrder, mergedFacts and planMerge for who survives and what stays.
 *
 * Afterwards everything is as if all these ids had named one user from the beginning: the usage of all of them
 * is one ledger in the order in which it was recorded, in which a SET replaces what was recorded before it under
 * whichever of the ids; and every window of every subscription is counted anew from it. So it makes no
 * difference whether a usage is recorded before or after the merge.
 *
 * Ids that lead to one person already count once; if all do, nothing changes.
 *
 * @param survivorId which of the ids survives, if not the user who was created first
 * @returns the key of the survivor
 * @throws UserNotFoundError
 */
export function mergeUsers(
  prisma: PrismaClient,
  author: Author,
  ids: readonly string[],
  survivorId?: string,
): Promise<bigint> {
  const { environmentId } = author;
  const action = 'mergeUsers';
  return longTransaction(prisma, async (tx) => {
    const people = await lockUsers(tx, environmentId, ids);
    const keys = people.map(({ key }) => key);
    const held = (await findHeldByAll(tx, keys)).map(({ id }) => id);
    return audited(tx, author, { action, type: 'USER', handles: keys }, () =>
      audited(tx, author, { action, type: 'SUBSCRIPTION', handles: held }, () =>
        mergeLocked(tx, environmentId, people, survivorId),
      ),
    );
  });
}

/** The same as one step of a transaction that does more. */
export async function mergeWithin(
  tx: Db,
  environmentId: string,
  ids: readonly string[],
  survivorId?: string,
): Promise<bigint> {
  return mergeLocked(tx, environmentId, await lockUsers(tx, environmentId, ids), survivorId);
}

async function mergeLocked(
  tx: Db,
  environmentId: string,
  locked: readonly User[],
  survivorId: string | undefined,
): Promise<bigint> {
  const chosen = survivorId === undefined ? null : await findUserKey(tx, environmentId, survivorId);
  const people = inOrder(locked, chosen);
  const [survivorKey, ...mergedKeys] = people.map(({ key }) => key);
  if (survivorKey === undefined) throw new Error('there is nobody to merge');
  if (mergedKeys.length === 0) return survivorKey;

  await endSurplus(tx, [survivorKey, ...mergedKeys]);
  await moveSubscriptions(tx, survivorKey, mergedKeys);
  await moveUsage(tx, survivorKey, mergedKeys);
  await recount(tx, survivorKey, mergedKeys);

  await turnSignposts(tx, survivorKey, mergedKeys);
  const { metadata, ...facts } = mergedFacts(people);
  await tx.user.update({ where: { key: survivorKey }, data: { ...facts, metadata: jsonValue(metadata) } });
  return survivorKey;
}

/** Cancels what one user cannot hold beside the rest; see planMerge. */
async function endSurplus(tx: Db, userKeys: bigint[]): Promise<void> {
  const instant = await beginChange(tx, userKeys);
  const held: SubscriptionTerms[] = [];
  for (const userKey of userKeys) held.push(...(await findHeld(tx, userKey)));
  const surplus = planMerge(held);
  for (const userKey of userKeys) await cancelSubscriptions(tx, { userKey, instant }, surplus);
}

/** A person who is deleted: the id of the user, and the ids and keys of all who were merged into the user too. */
export interface DeletedPerson {
  id: string;
  ids: string[];
  keys: bigint[];
}

/**
 * Deletes a person for good, as deleteUser does, and besides what is kept of the person elsewhere.
 *
 * @returns the id of the user
 * @throws UserNotFoundError
 */
export type DeletePerson = (author: Author, id: string, now: Date) => Promise<string>;

/**
 * Deletes a person for good: the user that this id leads to, everything the user owns, and every id that was
 * merged into the user. All these ids are free again. What the audit log tells about the person is taken out of
 * it, but for that it happened.
 *
 * @param alongside what else is to be done in the same transaction, in which the rows are already deleted
 * @throws UserNotFoundError
 */
export function deleteUser(
  prisma: PrismaClient,
  author: Author,
  id: string,
  alongside: (tx: Db, deleted: DeletedPerson) => Promise<void>,
): Promise<DeletedPerson> {
  return longTransaction(prisma, async (tx) => {
    const [user] = await lockUsers(tx, author.environmentId, [id]);
    if (user === undefined) throw new Error('a user was locked and not found');
    const change = { action: 'deleteUser', type: 'USER', handles: [user.key] } as const;
    const rows = await audited(tx, author, change, () => deleteUsers(tx, [user.key]));
    const deleted = { id: user.id, ids: rows.map((row) => row.id), keys: rows.map(({ key }) => key) };
    await forgetUsers(tx, author.environmentId, deleted.keys);
    await alongside(tx, deleted);
    return deleted;
  });
}
