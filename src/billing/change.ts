import { createHash } from 'node:crypto';
import { audited, note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { subscriptionError, subscriptionNotFound } from '../errors.ts';
import type { PackageChange } from '../subscriptions/change/change.ts';
import { type CarriedUsage, instantOf, type When } from '../subscriptions/change/rules.ts';
import { planCancel } from '../subscriptions/end-rules.ts';
import { type Ending, planChange } from '../subscriptions/rules.ts';
import { changeSubscriptions } from '../subscriptions/settle.ts';
import { isHeldStatus, type SubscriptionTerms } from '../subscriptions/status-rules.ts';
import {
  endSubscriptions,
  findHeld,
  findOwn,
  findOwner,
  findPackages,
  resumeSubscriptions,
} from '../subscriptions/store.ts';
import {
  type ChangeAtStripe,
  choosePrices,
  divide,
  endItems,
  type ItemsAtStripe,
  replaceItem,
  type SubscriptionNow,
  takeEndBack,
  withSiblings,
} from './change-rules.ts';
import type { Connected, OpenConnection } from './connection.ts';
import { readPackageIds, readPriceOptions } from './price-store.ts';
import { enqueueCustomers } from './queue.ts';
import { readItems } from './read.ts';
import { findHeldAtStripe, readMirrors } from './store.ts';
import { atStripe, isStripeFailure, notConnected, reasonOf } from './stripe.ts';
import { projectUser, type SyncContext, syncCustomer } from './sync.ts';
import { cancelUnfollowed } from './unfollowed.ts';

/*
 * Changes of what Stripe holds. Stripe is asked first; then what it says is projected, as always. If it refuses or cannot
 * be reached, nothing has changed, here or there.
 */

/** Who changes what a user holds at Stripe, and how. */
export interface Changing extends SyncContext {
  open: OpenConnection;
  author: Author;
  action: 'cancelSubscription' | 'resumeSubscription' | 'changePackage';
}

interface Begun extends Changing {
  connected: Connected;
  userKey: bigint;
  /** Counts the changes of the user's subscriptions: a call that is sent again after a failure finds the same one. */
  revision: number;
  held: SubscriptionTerms[];
}

/**
 * Cancels a subscription that Stripe holds, now or later. A base package also cancels its add-ons, wherever they are held.
 *
 * @throws SubscriptionNotFoundError, or a SubscriptionError; then nothing has changed here
 */
export async function cancelAtStripe(changing: Changing, id: bigint, when: When): Promise<void> {
  const { prisma, author } = changing;
  if ((await changing.open(author.environmentId)) === null) return cancelUnfollowed(prisma, author, id, when);
  const { begun, target } = await beginWith(changing, id);
  const now = new Date();
  instantOf(when, now, now);
  const endings = divide(
    planCancel(target, begun.held, now, () => undefined),
    begun.held,
  );
  const isNow = when.at !== null && when.at <= now;
  await order(begun, await endAll(begun, endings.atStripe, isNow ? { at: null, atPeriodEnd: false } : when));
  await endHere(begun, id, endings.here);
}

/**
 * Takes the scheduled end of a subscription back that Stripe holds. Add-ons that were to end with a base package go on.
 *
 * @throws SubscriptionNotFoundError, or a SubscriptionError
 */
export async function resumeAtStripe(changing: Changing, id: bigint): Promise<void> {
  const { begun, target, subscriptionId } = await beginWith(changing, id);
  const { prisma, author } = changing;
  const end = await findScheduledEnd(prisma, begun.userKey, id);
  await order(begun, [
    { change: takeEndBack(await readSubscription(begun, subscriptionId)), subscriptionId },
  ]);
  if (target.package.isAddon || end === null) return;
  await changeSubscriptions(prisma, begun.userKey, async (tx, change) => {
    const handles = (await findHeld(tx, change.userKey))
      .filter((each) => each.package.isAddon && each.endedAt?.getTime() === end.getTime())
      .map((each) => each.id);
    await audited(tx, author, { action: changing.action, type: 'SUBSCRIPTION', handles }, () =>
      resumeSubscriptions(tx, change, handles),
    );
  });
}

/**
 * Replaces a base package that Stripe holds by another one, at its price in the same currency and interval. Add-ons that
 * are not available with it end, wherever they are held.
 *
 * @param id the subscription to the present base package
 * @throws SubscriptionError; then nothing has changed here
 */
export async function changePackageAtStripe(
  changing: Changing,
  id: bigint,
  { packageId, when, usage }: { packageId: string; when: When; usage: CarriedUsage },
): Promise<PackageChange> {
  const { prisma, author } = changing;
  const { environmentId } = author;
  if (when.atPeriodEnd || when.at !== null)
    throw subscriptionError(
      'What is held at Stripe can be changed now only. Schedule a later change at Stripe.',
    );
  const { begun, target, subscriptionId } = await beginWith(changing, id);
  const [base] = await prisma.$transaction((tx) => findPackages(tx, environmentId, [packageId]));
  const plan = planChange(base, begun.held, new Date(), () => undefined);
  const ending = plan.endings.filter((each) => each.id !== id);
  const endings = divide(ending, begun.held);
  const subscription = await readSubscription(begun, subscriptionId);
  const itemId = target.providerItemId ?? '';
  const present = subscription.items.data.find((item) => item.id === itemId)?.price;
  const { prices, templates } = await readPriceOptions(prisma, environmentId, packageId);
  const priceIds =
    present === undefined ? [] : choosePrices(packageId, subscription.currency, present, prices, templates);
  const beside = endings.atStripe.find((each) => each.subscriptionId === subscriptionId)?.itemIds ?? [];
  const others = endings.atStripe.filter((each) => each.subscriptionId !== subscriptionId);
  const leaving = await siblingsOf(begun, subscription, [itemId, ...beside]);
  const change = replaceItem(subscription, { itemId, priceIds, usage }, leaving);
  const later = await endAll(begun, others, when);
  await order(begun, [{ change, subscriptionId }, ...later]);
  await endHere(begun, id, endings.here);
  const startedId = await findHeldAtStripe(prisma, begun.userKey, { subscriptionId, packageId });
  if (startedId === null)
    throw subscriptionError(
      'Stripe has made the change, but the package is not held: billingFlags tells what a person has to look at.',
    );
  return { startedId, replacedId: id, cancelledAddonIds: plan.cancelledAddonIds };
}

interface Target {
  begun: Begun;
  target: SubscriptionTerms;
  /** The subscription at Stripe. */
  subscriptionId: string;
}

/** Reads what the user of a subscription holds. Nothing is locked while Stripe is asked. */
async function beginWith(changing: Changing, id: bigint): Promise<Target> {
  const { prisma, author, open } = changing;
  const connected = await open(author.environmentId);
  if (connected === null) throw subscriptionError(notConnected().message);
  const userKey = await findOwner(prisma, author.environmentId, id);
  const target = userKey === null ? null : await findOwn(prisma, userKey, id);
  if (userKey === null || !target?.providerSubscriptionId) throw subscriptionNotFound(`${id}`);
  const { revision } = await prisma.user.findUniqueOrThrow({
    where: { key: userKey },
    select: { revision: true },
  });
  const held = await findHeld(prisma, userKey);
  const begun = { ...changing, connected, userKey, revision, held };
  return { begun, target, subscriptionId: target.providerSubscriptionId };
}

/** A subscription at Stripe with all of its items. */
const readSubscription = ({ connected: { stripe } }: Begun, id: string) =>
  atStripe(async () => {
    const subscription = await stripe.subscriptions.retrieve(id);
    return { ...subscription, items: { data: await readItems(stripe, subscription) } };
  });

/** These items of a subscription, and the others that pay for the same packages. */
const siblingsOf = async (
  { prisma, author }: Begun,
  subscription: SubscriptionNow,
  itemIds: readonly string[],
) => {
  const priceIds = subscription.items.data.map(({ price }) => price.id);
  return withSiblings(subscription, itemIds, await readPackageIds(prisma, author.environmentId, priceIds));
};

interface Order {
  subscriptionId: string;
  /** Null: Stripe has it so already. */
  change: ChangeAtStripe | null;
}

/** How these items end, all of them decided before the first one is asked for. */
async function endAll(begun: Begun, parts: readonly ItemsAtStripe[], when: When): Promise<Order[]> {
  const orders: Order[] = [];
  for (const { subscriptionId, itemIds } of parts) {
    const subscription = await readSubscription(begun, subscriptionId);
    const ending = await siblingsOf(begun, subscription, itemIds);
    orders.push({ subscriptionId, change: endItems(subscription, ending, when) });
  }
  return orders;
}

/**
 * Asks Stripe for these changes, one after another, and projects what it says then: after a refusal too, as some may be
 * done. Another answer of Stripe's then also makes another idempotency key.
 */
async function order(begun: Begun, orders: readonly Order[]): Promise<void> {
  const { prisma, author, action } = begun;
  const done: string[] = [];
  try {
    for (const { subscriptionId, change } of orders) {
      if (change === null) continue;
      await atStripe(() => send(begun, change));
      done.push(subscriptionId);
      await note(prisma, author, { action, type: 'BILLING', id: subscriptionId }, { change: change.kind });
    }
  } catch (error) {
    await follow(begun).catch(() => undefined);
    if (done.length === 0 || !(error instanceof Error)) throw error;
    throw subscriptionError(`Stripe changed ${done.join(', ')}, but not the rest. ${error.message}`);
  }
  await follow(begun);
}

function send({ connected, userKey, revision }: Begun, change: ChangeAtStripe): Promise<unknown> {
  const { subscriptions } = connected.stripe;
  // Cancelling twice is refused by itself.
  if (change.kind === 'cancel') return subscriptions.cancel(change.subscriptionId);
  const { subscriptionId, params } = change;
  const identity = [connected.environmentId, `${userKey}`, revision, subscriptionId, params];
  const idempotencyKey = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return subscriptions.update(subscriptionId, params, { idempotencyKey });
}

/** Reads from Stripe what the user holds there, and projects it. */
async function follow({ connected, userKey, ...context }: Begun): Promise<void> {
  const { prisma } = context;
  const { environmentId } = connected;
  const customers = await readMirrors(prisma, userKey);
  try {
    for (const { customerId } of customers) await syncCustomer(context, connected, customerId);
  } catch (error) {
    if (!isStripeFailure(error)) throw error;
    const ids = customers.map(({ customerId }) => customerId);
    await enqueueCustomers(prisma, environmentId, ids);
    throw subscriptionError(
      `Stripe could not be asked what is held there now (${reasonOf(error)}). It appears here as soon as Stripe answers.`,
    );
  }
  // A concurrent sync may have stored a later answer, and not have projected it yet. The user's revision moves.
  await projectUser(prisma, connected, userKey, { isForced: true });
}

/** Ends what is decided here, together with a subscription that Stripe has ended, or will end. */
async function endHere(begun: Begun, id: bigint, endings: readonly Ending[]): Promise<void> {
  if (endings.length === 0) return;
  const { prisma, author, action, userKey } = begun;
  await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const end = (await findScheduledEnd(tx, change.userKey, id)) ?? change.instant;
    const held = (await findHeld(tx, change.userKey)).filter((each) =>
      endings.some((ending) => ending.id === each.id),
    );
    const ending = held.map((each) => ({ id: each.id, at: later(each.startedAt, end) }));
    const handles = held.map((each) => each.id);
    await audited(tx, author, { action, type: 'SUBSCRIPTION', handles }, () =>
      endSubscriptions(tx, change, ending),
    );
  });
}

const later = (a: Date, b: Date) => (a > b ? a : b);

/** When Stripe will end a subscription; null without such an end, and once it has ended. */
async function findScheduledEnd(db: Db, userKey: bigint, id: bigint): Promise<Date | null> {
  const { status, providerCancelsAt } = await db.subscription.findUniqueOrThrow({
    where: { userKey_id: { userKey, id } },
  });
  return isHeldStatus(status) ? providerCancelsAt : null;
}
