import { subscriptionError } from '../errors.ts';
import { Id, listOf } from '../input.ts';

const maxPackages = 100;

/** The packages of one call: at least one, and none of them twice. */
export const PackageIds = listOf(Id, (id) => id, {
  max: maxPackages,
  tooMany: `must name at most ${maxPackages} packages`,
  again: 'names a package that was named before',
}).min(1, 'must name at least one package');

const maxId = 2n ** 63n - 1n;

/** The id that a subscription has inside, from the opaque text outside; null for one that none can have. */
export function readSubscriptionId(text: string): bigint | null {
  if (!/^[1-9]\d{0,18}$/.test(text)) return null;
  const id = BigInt(text);
  return id <= maxId ? id : null;
}

/** A subscription is held until it is cancelled or its first payment has lapsed. */
export const heldStatuses = ['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'] as const;

/** Subscriptions are live, which is to give access, in these states only. */
export const liveStatuses = ['ACTIVE', 'TRIALING'] as const;

type SubscriptionStatus = (typeof heldStatuses)[number] | 'CANCELLED' | 'INCOMPLETE_EXPIRED';

/** What the rules ask about a package. */
export interface PackageTerms {
  id: string;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  /** The bases whose subscribers an add-on is open to; none at all means those of every base. */
  baseIds: readonly string[];
}

/** What the rules ask about a subscription. */
export interface SubscriptionTerms {
  id: bigint;
  status: SubscriptionStatus;
  package: PackageTerms;
}

/** The original's words, which its clients compare. A "tier" is a base package. */
export const multipleTiers = 'Cannot subscribe to multiple tiers';
const missingTier = 'Cannot subscribe to addon. Missing live tier subscription.';
const unknownPackage = 'Package Id not found for app';

export const heldAlready = 'Cannot subscribe to a package that the user is already subscribed to.';

/**
 * Whether a user may subscribe to all of `packageIds` at once; a SubscriptionError when not. Each rule is
 * checked for every package before the next one:
 *  1. every package is known;
 *  2. every package is PUBLISHED;
 *  3. there is at most one base, a held one included, whatever the state of its payments;
 *  4. every add-on has a base that is live or part of this call, and is open to that base;
 *  5. no package is held already.
 *
 * @param known the packages that exist among `packageIds`
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
 * What ends when `target` is cancelled. Without its base no add-on can stay, and a user holds one base only:
 * cancelling it cancels every add-on that is held. What is over already cannot be cancelled.
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
 * How the base that a user holds is swapped for another: the new one must be a PUBLISHED base and not the
 * one that is held. Held add-ons stay when they are open to the new base, and are cancelled when not.
 *
 * @param known the packages that exist among `packageId`: one or none
 * @param held the subscriptions that the user holds
 */
export function planChange(
  packageId: string,
  known: readonly PackageTerms[],
  held: readonly SubscriptionTerms[],
): { base: PackageTerms; replacedId: bigint; strandedIds: bigint[] } {
  const base = knownPackage(packageId, known);
  mustBePublished(base);
  if (!isBase(base)) throw subscriptionError(`Cannot change to the package "${base.id}": it is an add-on.`);
  const replaced = held.find((subscription) => isBase(subscription.package));
  if (replaced === undefined)
    throw subscriptionError('Cannot change the package of a user without a base package.');
  if (replaced.package.id === base.id) throw subscriptionError(heldAlready);
  const stranded = held.filter(({ package: item }) => !isBase(item) && !isOpenTo(item, base));
  return { base, replacedId: replaced.id, strandedIds: stranded.map(({ id }) => id) };
}

/**
 * What ends when several users become one, for one user holds one base, no package twice, and no add-on that is
 * not open to the base. Of two bases, and of two subscriptions to one package, the first stays: the survivor's.
 *
 * @param held what each of the users holds, the survivor first
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

/** Only a base that is paid for or on trial carries add-ons. */
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
