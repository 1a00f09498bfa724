import { subscriptionError } from '../errors.ts';
import { Id, listOf } from '../input.ts';

const maxPackages = 100;

/** The packages of one call: at least one, each at most once. */
export const PackageIds = listOf(Id, (id) => id, {
  max: maxPackages,
  tooMany: `must name at most ${maxPackages} packages`,
  repeated: 'names a package that was named before',
}).min(1, 'must name at least one package');

const maxId = 2n ** 63n - 1n;

/** The internal id of a subscription, from the public text; null if no subscription can have it. */
export function readSubscriptionId(text: string): bigint | null {
  if (!/^[1-9]\d{0,18}$/.test(text)) return null;
  const id = BigInt(text);
  return id <= maxId ? id : null;
}

/** A subscription is held until it is cancelled or its first payment expires. */
export const heldStatuses = ['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'] as const;

/** A subscription is live, which means that it gives access, in these statuses only. */
export const liveStatuses = ['ACTIVE', 'TRIALING'] as const;

type SubscriptionStatus = (typeof heldStatuses)[number] | 'CANCELLED' | 'INCOMPLETE_EXPIRED';

/** What the rules need to know about a package. */
export interface PackageTerms {
  id: string;
  /** The version that is held, or that people subscribe to. */
  version: number;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  /** The base packages that an add-on is available with; empty means every base package. */
  baseIds: readonly string[];
}

/** What the rules need to know about a subscription. */
export interface SubscriptionTerms {
  id: bigint;
  status: SubscriptionStatus;
  package: PackageTerms;
}

/** Kana's texts, which clients compare. A "tier" is a base package. */
export const multipleTiers = 'Cannot subscribe to multiple tiers';
const missingTier = 'Cannot subscribe to addon. Missing live tier subscription.';
const unknownPackage = 'Package Id not found for app';

export const heldAlready = 'Cannot subscribe to a package that the user is already subscribed to.';

/**
 * Checks whether a user may subscribe to all of `packageIds` at once. Each rule is
 * checked for every package before the next rule:
 *  1. every package exists;
 *  2. every package is PUBLISHED;
 *  3. there is at most one base package, including a held one in any payment status;
 *  4. every add-on has a base package that is live or part of this call, and is available with it;
 *  5. no package is already held.
 *
 * @param known the existing packages among `packageIds`
 * @param held the subscriptions that the user holds
 * @returns the packages in the order of `packageIds`
 */
export function planSubscribe(
  packageIds: readonly string[],
  known: readonly PackageTerms[],
  held: readonly SubscriptionTerms[],
): PackageTerms[] {
  const requested = packageIds.map((id) => knownPackage(id, known));
  requested.forEach(mustBePublished);
  const bases = [...requested, ...held.map((subscription) => subscription.package)].filter(isBase);
  if (bases.length > 1) throw subscriptionError(multipleTiers);
  const carrier = requested.find(isBase) ?? held.find(isLiveBase)?.package;
  const isCarried = (addon: PackageTerms) => carrier !== undefined && isOpenTo(addon, carrier);
  if (!requested.every((item) => isBase(item) || isCarried(item))) throw subscriptionError(missingTier);
  const heldIds = new Set(held.map((subscription) => subscription.package.id));
  if (requested.some((item) => heldIds.has(item.id))) throw subscriptionError(heldAlready);
  return requested;
}

/**
 * The subscriptions that end when `target` is cancelled. Add-ons need a base package, and a user holds only one:
 * cancelling it cancels every held add-on. An ended subscription cannot be cancelled.
 *
 * @param held the subscriptions that the user holds
 * @returns the ids of the subscriptions to cancel
 */
export function planCancel(target: SubscriptionTerms, held: readonly SubscriptionTerms[]): bigint[] {
  if (!heldStatuses.some((status) => status === target.status)) {
    throw subscriptionError(`Cannot cancel the subscription "${target.id}": it is ${target.status}.`);
  }
  const addons = target.package.isAddon ? [] : held.filter((subscription) => subscription.package.isAddon);
  return [target, ...addons].map(({ id }) => id);
}

/**
 * How the base package of a user is replaced: the new one must be a PUBLISHED base package and not the
 * current one. Held add-ons stay if they are available with the new one; otherwise they are cancelled.
 *
 * @param known the package if it exists, else empty
 * @param held the subscriptions that the user holds
 */
export function planChange(
  packageId: string,
  known: readonly PackageTerms[],
  held: readonly SubscriptionTerms[],
): { base: PackageTerms; replacedId: bigint; cancelledAddonIds: bigint[] } {
  const base = knownPackage(packageId, known);
  mustBePublished(base);
  if (!isBase(base)) throw subscriptionError(`Cannot change to the package "${base.id}": it is an add-on.`);
  const replaced = held.find((subscription) => isBase(subscription.package));
  if (replaced === undefined)
    throw subscriptionError('Cannot change the package of a user without a base package.');
  if (replaced.package.id === base.id) throw subscriptionError(heldAlready);
  const cancelled = held.filter(({ package: item }) => !isBase(item) && !isOpenTo(item, base));
  return { base, replacedId: replaced.id, cancelledAddonIds: cancelled.map(({ id }) => id) };
}

/**
 * The subscriptions that end when users are merged: a user holds one base package, no package twice, and no add-on
 * that is not available with the base package. Of two that conflict, the first stays: the survivor's.
 *
 * @param held the subscriptions of all users, the survivor's first
 * @returns the ids of the subscriptions to cancel
 */
export function planMerge(held: readonly SubscriptionTerms[]): bigint[] {
  const base = held.find((subscription) => isBase(subscription.package))?.package;
  const isFirst = ({ package: { id } }: SubscriptionTerms, index: number) =>
    held.findIndex((other) => other.package.id === id) === index;
  const fits = ({ package: item }: SubscriptionTerms) =>
    base === undefined || (isBase(item) ? item.id === base.id : isOpenTo(item, base));
  return held
    .filter((subscription, index) => !isFirst(subscription, index) || !fits(subscription))
    .map(({ id }) => id);
}

const isBase = (item: PackageTerms) => !item.isAddon;

/** Only a live base package carries add-ons. */
const isLiveBase = ({ status, package: item }: SubscriptionTerms) =>
  isBase(item) && liveStatuses.some((live) => live === status);

const isOpenTo = (addon: PackageTerms, base: PackageTerms) =>
  addon.baseIds.length === 0 || addon.baseIds.includes(base.id);

function knownPackage(id: string, known: readonly PackageTerms[]): PackageTerms {
  const found = known.find((item) => item.id === id);
  if (found === undefined) throw subscriptionError(unknownPackage);
  return found;
}

function mustBePublished({ id, status }: PackageTerms) {
  if (status !== 'PUBLISHED') {
    throw subscriptionError(`Cannot subscribe to the package "${id}": it is ${status}, not PUBLISHED.`);
  }
}
