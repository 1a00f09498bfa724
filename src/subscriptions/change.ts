import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { subscriptionNotFound, userNotFound } from '../errors.ts';
import { requireUserKey } from '../users/store.ts';
import { planCancel, planChange, planSubscribe } from './rules.ts';
import {
  cancelSubscriptions,
  changeSubscriptions,
  findHeld,
  findOwn,
  findOwner,
  findPackages,
  startSubscription,
} from './store.ts';

/** The ids of the subscriptions that a change of the base package started and ended. */
export interface PackageChange {
  startedId: bigint;
  replacedId: bigint;
  cancelledAddonIds: bigint[];
}

/**
 * Subscribes a user to all of these packages, or to none; see planSubscribe.
 *
 * @returns the ids of the new subscriptions, ascending in the order of `packageIds`
 * @throws UserNotFoundError, or a SubscriptionError if a rule is broken
 */
export async function subscribe(
  prisma: PrismaClient,
  author: Author,
  userId: string,
  packageIds: string[],
): Promise<bigint[]> {
  const { environmentId } = author;
  const userKey = await requireUserKey(prisma, environmentId, userId);
  const begun = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const known = await findPackages(tx, environmentId, packageIds);
    const packages = planSubscribe(packageIds, known, await findHeld(tx, change.userKey));
    const begin = async () => {
      const ids: bigint[] = [];
      for (const item of packages) ids.push(await startSubscription(tx, environmentId, change, item));
      return ids;
    };
    return audited(
      tx,
      author,
      { action: 'subscribe', type: 'SUBSCRIPTION', handles: [] },
      begin,
      (ids) => ids,
    );
  });
  if (begun === null) throw userNotFound(userId);
  return begun;
}

/**
 * Cancels a subscription now; a base package also cancels its add-ons; see planCancel.
 *
 * @throws SubscriptionNotFoundError, or a SubscriptionError if it has ended
 */
export async function cancelSubscription(prisma: PrismaClient, author: Author, id: bigint): Promise<void> {
  const userKey = await findOwner(prisma, author.environmentId, id);
  if (userKey === null) throw subscriptionNotFound(`${id}`);
  const cancelled = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const target = await findOwn(tx, change.userKey, id);
    if (target === null) return null;
    const ids = planCancel(target, await findHeld(tx, change.userKey));
    await audited(tx, author, { action: 'cancelSubscription', type: 'SUBSCRIPTION', handles: ids }, () =>
      cancelSubscriptions(tx, change, ids),
    );
    return ids;
  });
  if (cancelled === null) throw subscriptionNotFound(`${id}`);
}

/**
 * Replaces the base package of a user in one step; see planChange.
 *
 * @throws UserNotFoundError, or a SubscriptionError if a rule is broken
 */
export async function changePackage(
  prisma: PrismaClient,
  author: Author,
  userId: string,
  packageId: string,
): Promise<PackageChange> {
  const { environmentId } = author;
  const userKey = await requireUserKey(prisma, environmentId, userId);
  const changed = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const known = await findPackages(tx, environmentId, [packageId]);
    const { base, replacedId, cancelledAddonIds } = planChange(
      packageId,
      known,
      await findHeld(tx, change.userKey),
    );
    const ended = [replacedId, ...cancelledAddonIds];
    const swap = async () => {
      await cancelSubscriptions(tx, change, ended);
      const startedId = await startSubscription(tx, environmentId, change, base);
      return { startedId, replacedId, cancelledAddonIds };
    };
    const what = { action: 'changePackage', type: 'SUBSCRIPTION', handles: ended } as const;
    return audited(tx, author, what, swap, ({ startedId }) => [startedId]);
  });
  if (changed === null) throw userNotFound(userId);
  return changed;
}
