import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { invalidInput, subscriptionNotFound, userNotFound } from '../../errors.ts';
import { recount } from '../../usage/ledger/store.ts';
import { requireUserKey } from '../../users/store.ts';
import { planCancel, planResume } from '../end-rules.ts';
import { type BaseChange, planChange, planSubscribe, type Start, withoutHeld } from '../rules.ts';
import { changeSubscriptions } from '../settle.ts';
import type { PackageTerms } from '../status-rules.ts';
import {
  type Change,
  endSubscriptions,
  findHeld,
  findOwn,
  findOwner,
  findPackages,
  followInstead,
  resumeSubscriptions,
  startSubscription,
} from '../store.ts';
import { findPeriodEnds } from './periods.ts';
import { type CarriedUsage, checkSchedule, instantOf, type Subscribing, type When } from './rules.ts';
import { carryUsage } from './store.ts';

/** The ids of the subscriptions that a change of the base package started and ended. */
export interface PackageChange {
  startedId: bigint;
  replacedId: bigint;
  cancelledAddonIds: bigint[];
}

/**
 * Subscribes a user to all of these packages, or to none; see planSubscribe. After a start in the past, what the ledger
 * holds since then counts.
 *
 * @returns the ids of the new subscriptions, ascending in the order of `packageIds`
 * @throws UserNotFoundError, or a SubscriptionError if a rule is broken
 */
export async function subscribe(
  prisma: PrismaClient,
  author: Author,
  userId: string,
  subscribing: Subscribing,
): Promise<bigint[]> {
  const userKey = await requireUserKey(prisma, author.environmentId, userId);
  const begun = await changeSubscriptions(prisma, userKey, (tx, change) =>
    audited(
      tx,
      author,
      { action: 'subscribe', type: 'SUBSCRIPTION', handles: [] },
      () => subscribeLocked(tx, author.environmentId, change, subscribing),
      (ids) => ids,
    ),
  );
  if (begun === null) throw userNotFound(userId);
  return begun.slice(0, subscribing.packageIds.length);
}

async function subscribeLocked(
  tx: Db,
  environmentId: string,
  change: Change,
  subscribing: Subscribing,
): Promise<bigint[]> {
  const { afterTrialPackageId, startsAt, trialEndsAt, skipHeld } = subscribing;
  const { userKey, instant } = change;
  const held = await findHeld(tx, userKey);
  const packageIds = skipHeld ? withoutHeld(subscribing.packageIds, held) : subscribing.packageIds;
  if (packageIds.length === 0) return [];
  checkSchedule(subscribing, instant);
  const startedAt = startsAt ?? instant;
  const wanted = afterTrialPackageId == null ? packageIds : [...packageIds, afterTrialPackageId];
  const known = await findPackages(tx, environmentId, wanted);
  const starts = planSubscribe(packageIds, known, held, startedAt, instant);
  const next = afterTrialPackageId == null ? null : afterTrial(starts, known, subscribing);
  const ids: bigint[] = [];
  const start = (item: Start, times: { startedAt: Date; trialEnd: Date | null }, followsId: bigint | null) =>
    startSubscription(tx, environmentId, change, { ...item, ...times, followsId });
  for (const item of starts) {
    const endsWithTrial = next !== null && trialEndsAt != null && !goesOnWith(item.package, next);
    const endedAt = endsWithTrial ? trialEndsAt : item.endedAt;
    ids.push(await start({ ...item, endedAt }, { startedAt, trialEnd: trialEndsAt ?? null }, null));
  }
  const trialId = ids[starts.findIndex((item) => !item.package.isAddon)];
  if (next !== null && trialEndsAt != null && trialId !== undefined)
    ids.push(
      await start({ package: next, endedAt: null }, { startedAt: trialEndsAt, trialEnd: null }, trialId),
    );
  if (startedAt < instant) await recount(tx, userKey);
  return ids;
}

/** The package after the trial; null if it is the same as in the trial. */
function afterTrial(
  starts: readonly Start[],
  known: readonly PackageTerms[],
  { afterTrialPackageId, trialEndsAt }: Subscribing,
): PackageTerms | null {
  const trial = starts.find((item) => !item.package.isAddon)?.package;
  if (trialEndsAt == null || trial === undefined)
    throw invalidInput('afterTrialPackageId', 'needs trialEndsAt, and a base package among packageIds');
  if (trial.id === afterTrialPackageId) return null;
  const [next] = planSubscribe([afterTrialPackageId ?? ''], known, []);
  if (next === undefined || next.package.isAddon)
    throw invalidInput('afterTrialPackageId', 'must be a base package');
  return next.package;
}

/** Whether an add-on of a trial is available with the package after it. */
const goesOnWith = (item: PackageTerms, next: PackageTerms) =>
  item.isAddon && (item.baseIds.length === 0 || item.baseIds.includes(next.id));

/**
 * Cancels a subscription now or later; a base package also cancels its add-ons; see planCancel.
 *
 * @throws SubscriptionNotFoundError, or a SubscriptionError if it has ended
 */
export function cancelSubscription(
  prisma: PrismaClient,
  author: Author,
  id: bigint,
  when: When,
): Promise<void> {
  return changeOwn(prisma, author, id, async (tx, change) => {
    const target = await findOwn(tx, change.userKey, id);
    if (target === null) throw subscriptionNotFound(`${id}`);
    const from = target.startedAt > change.instant ? target.startedAt : change.instant;
    const end = when.atPeriodEnd ? await findPeriodEnd(tx, change.userKey, id, from) : null;
    const endings = planCancel(
      target,
      await findHeld(tx, change.userKey),
      instantOf(when, change.instant, end),
    );
    const handles = endings.map((ending) => ending.id);
    await audited(tx, author, { action: 'cancelSubscription', type: 'SUBSCRIPTION', handles }, () =>
      endSubscriptions(tx, change, endings),
    );
  });
}

/**
 * Takes the scheduled end of a subscription back; see planResume.
 *
 * @throws SubscriptionNotFoundError, or a SubscriptionError if a rule is broken
 */
export function resumeSubscription(prisma: PrismaClient, author: Author, id: bigint): Promise<void> {
  return changeOwn(prisma, author, id, async (tx, change) => {
    const target = await findOwn(tx, change.userKey, id);
    if (target === null) throw subscriptionNotFound(`${id}`);
    const { resumedIds, endings } = planResume(target, await findHeld(tx, change.userKey));
    const handles = [...resumedIds, ...endings.map((ending) => ending.id)];
    await audited(tx, author, { action: 'resumeSubscription', type: 'SUBSCRIPTION', handles }, async () => {
      await endSubscriptions(tx, change, endings);
      await resumeSubscriptions(tx, change, resumedIds);
    });
  });
}

async function changeOwn(
  prisma: PrismaClient,
  { environmentId }: Author,
  id: bigint,
  work: (tx: Db, change: Change) => Promise<void>,
): Promise<void> {
  const userKey = await findOwner(prisma, environmentId, id);
  if (userKey === null) throw subscriptionNotFound(`${id}`);
  const done = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    await work(tx, change);
    return true;
  });
  if (done === null) throw subscriptionNotFound(`${id}`);
}

/**
 * Replaces the base package of a user in one step, now or later; see planChange.
 *
 * @throws UserNotFoundError, or a SubscriptionError if a rule is broken
 */
export async function changePackage(
  prisma: PrismaClient,
  author: Author,
  userId: string,
  { packageId, when, usage }: { packageId: string; when: When; usage: CarriedUsage },
): Promise<PackageChange> {
  const { environmentId } = author;
  const userKey = await requireUserKey(prisma, environmentId, userId);
  const changed = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const [base] = await findPackages(tx, environmentId, [packageId]);
    return changeBase(tx, author, change, { base, when, usage, action: 'changePackage' });
  });
  if (changed === null) throw userNotFound(userId);
  return changed;
}

/** What a change of the base package of a locked user does. */
export interface BaseChangeRequest {
  /** The version to change to; undefined if the package is unknown. */
  base: PackageTerms | undefined;
  when: When;
  usage: CarriedUsage;
  /** The action in the audit log. */
  action: string;
}

export async function changeBase(
  tx: Db,
  author: Author,
  change: Change,
  { base: wanted, when, usage, action }: BaseChangeRequest,
): Promise<PackageChange> {
  const { userKey, instant } = change;
  const held = await findHeld(tx, userKey);
  const current = held.find(({ package: item, startedAt }) => !item.isAddon && startedAt <= instant);
  const end = when.atPeriodEnd && current ? await findPeriodEnd(tx, userKey, current.id, instant) : null;
  const at = when.atPeriodEnd && current === undefined ? instant : instantOf(when, instant, end);
  const plan = { ...planChange(wanted, held, at), at, endedAt: null, trialEnd: null, followerIds: [] };
  return replaceSubscription(tx, author, change, plan, { usage, action });
}

/** A planned change of a subscription, and the times of the one that takes its place. */
export interface Replacement extends BaseChange {
  at: Date;
  endedAt: Date | null;
  trialEnd: Date | null;
  /** What follows the new subscription. */
  followerIds: bigint[];
}

/** Ends and starts what the plan says, with its entries of the audit log, while the user is locked. */
export function replaceSubscription(
  tx: Db,
  author: Author,
  change: Change,
  plan: Replacement,
  { usage, action }: Pick<BaseChangeRequest, 'usage' | 'action'>,
): Promise<PackageChange> {
  const { base, replacedId, endings, cancelledAddonIds, resumedAddonIds, at } = plan;
  const { endedAt, trialEnd, followerIds } = plan;
  const swap = async () => {
    await endSubscriptions(tx, change, endings);
    await resumeSubscriptions(tx, change, resumedAddonIds);
    const startedId = await startSubscription(tx, author.environmentId, change, {
      package: base,
      startedAt: at,
      endedAt,
      trialEnd,
      followsId: replacedId,
    });
    await followInstead(tx, change, followerIds, startedId);
    if (usage === 'CARRY')
      await carryUsage(tx, change.userKey, { fromId: replacedId, toId: startedId, at, to: base });
    return { startedId, replacedId, cancelledAddonIds };
  };
  const handles = [...endings.map(({ id }) => id), ...resumedAddonIds];
  return audited(tx, author, { action, type: 'SUBSCRIPTION', handles }, swap, ({ startedId }) => [startedId]);
}

async function findPeriodEnd(tx: Db, userKey: bigint, id: bigint, at: Date): Promise<Date | null> {
  return (await findPeriodEnds(tx, [{ userKey, id }], at)).get(id) ?? null;
}
