import { subscriptionError } from '../errors.ts';
import { Id, listOf } from '../input.ts';
import {
  covers,
  goesOnAfter,
  isHeldStatus,
  liveStatuses,
  type PackageTerms,
  type SubscriptionTerms,
} from './status-rules.ts';

const maxPackages = 100;

/** The packages of one call: at least one, each at most once. */
export const PackageIds = listOf(Id, (id) => id, {
  max: maxPackages,
  tooMany: `must name at most ${maxPackages} packages`,
  repeated: 'names a package that was named before',
}).min(1, 'must name at least one package');

/** Kana's texts, which clients compare. A "tier" is a base package. */
export const multipleTiers = 'Cannot subscribe to multiple tiers';
export const missingTier = 'Cannot subscribe to addon. Missing live tier subscription.';
const unknownPackage = 'Package Id not found for app';

export const heldAlready = 'Cannot subscribe to a package that the user is already subscribed to.';

/** A subscription to start, with its end if that is known. */
export interface Start {
  package: PackageTerms;
  endedAt: Date | null;
}

/**
 * Checks whether a user may subscribe to all of `packageIds` at once, from an instant on. Each rule is
 * checked for every package before the next rule:
 *  1. every package exists;
 *  2. every package is PUBLISHED;
 *  3. there is at most one base package at any time from then on, including a held one in any payment status;
 *  4. every add-on has a base package that is live then or part of this call, and is available with it;
 *  5. no package is already held then.
 * An add-on ends with the base package that carries it.
 *
 * @param known the existing packages among `packageIds`
 * @param held the subscriptions that the user holds, or will hold
 * @param at the start
 * @param now an earlier start changes nothing about what was before now
 * @returns the subscriptions in the order of `packageIds`
 */
export function planSubscribe(
  packageIds: readonly string[],
  known: readonly PackageTerms[],
  held: readonly SubscriptionTerms[],
  at: Date = new Date(0),
  now: Date = at,
): Start[] {
  const requested = packageIds.map((id) => knownPackage(id, known));
  requested.forEach(mustBePublished);
  const from = at < now ? now : at;
  const later = held.filter((subscription) => goesOnAfter(subscription, from));
  const bases = [...requested, ...later.map((subscription) => subscription.package)].filter(isBase);
  if (requested.some(isBase) && bases.length > 1) throw subscriptionError(multipleTiers);
  const isNew = requested.some(isBase);
  const carrier = later.find((each) => isLiveBase(each) && covers(each, from));
  const base = requested.find(isBase) ?? carrier?.package;
  const isCarried = (addon: PackageTerms) => base !== undefined && isOpenTo(addon, base);
  if (!requested.every((item) => isBase(item) || isCarried(item))) throw subscriptionError(missingTier);
  const heldIds = new Set(later.map((subscription) => subscription.package.id));
  if (requested.some((item) => heldIds.has(item.id))) throw subscriptionError(heldAlready);
  return requested.map((item) => ({
    package: item,
    endedAt: isBase(item) || isNew || carrier === undefined ? null : carriedUntil(item, carrier, later),
  }));
}

/** The packages of which a user has no subscription. */
export const withoutHeld = (packageIds: readonly string[], held: readonly SubscriptionTerms[]): string[] =>
  packageIds.filter((id) => !held.some((each) => each.package.id === id));

/** Until when a base package carries an add-on, and those that follow it; null is without end. */
function carriedUntil(
  addon: PackageTerms,
  carrier: SubscriptionTerms,
  held: readonly SubscriptionTerms[],
): Date | null {
  const until = carrier.endedAt;
  if (until === null) return null;
  const next = held.find(
    (each) =>
      isBase(each.package) && each.startedAt.getTime() === until.getTime() && isOpenTo(addon, each.package),
  );
  return next === undefined ? until : carriedUntil(addon, next, held);
}

/** Subscriptions to end, each at its instant. */
export interface Ending {
  id: bigint;
  at: Date;
}

/** The scheduled subscriptions that start in the place of another one. */
export const followersOf = (target: SubscriptionTerms, held: readonly SubscriptionTerms[]) =>
  held.filter(({ followsId, status }) => followsId === target.id && status === 'SCHEDULED');

/** The same, and what was to follow those. */
export function allFollowersOf(
  target: SubscriptionTerms,
  held: readonly SubscriptionTerms[],
): SubscriptionTerms[] {
  const rest = held.filter(({ id }) => id !== target.id);
  const direct = followersOf(target, rest);
  return [...direct, ...direct.flatMap((each) => allFollowersOf(each, rest))];
}

/** The add-ons that end where one of these starts, because they are not available with it. */
export const endedFor = (following: readonly SubscriptionTerms[], held: readonly SubscriptionTerms[]) =>
  held.filter((each) =>
    following.some(
      (next) =>
        !isBase(each.package) &&
        each.endedAt?.getTime() === next.startedAt.getTime() &&
        !isOpenTo(each.package, next.package),
    ),
  );

/** The add-ons that end because a base package does: with it, or where what follows it begins. */
export const endedWith = (
  base: SubscriptionTerms,
  following: readonly SubscriptionTerms[],
  held: readonly SubscriptionTerms[],
) =>
  following.length > 0
    ? endedFor(following, held)
    : held.filter(
        (each) =>
          !isBase(each.package) &&
          base.endedAt !== null &&
          each.endedAt?.getTime() === base.endedAt.getTime(),
      );

/** The base package that carries an add-on now, or when it starts; undefined if there is none. */
export const carrierOf = (addon: SubscriptionTerms, held: readonly SubscriptionTerms[]) =>
  held.find(
    (each) =>
      isBase(each.package) &&
      (isHeldStatus(addon.status) ? isHeldStatus(each.status) : covers(each, addon.startedAt)),
  );

/** Until when the base packages that are held, or will be, carry a held add-on; null is without end. */
export function lastsUntil(addon: SubscriptionTerms, held: readonly SubscriptionTerms[]): Date | null {
  const carrier = carrierOf(addon, held);
  return carrier === undefined ? null : carriedUntil(addon.package, carrier, held);
}

/** A change of the base package. */
export interface BaseChange {
  base: PackageTerms;
  replacedId: bigint;
  /** What ends: the base package before, add-ons that are not available with the new one, and what was scheduled. */
  endings: Ending[];
  cancelledAddonIds: bigint[];
  /** The add-ons that go on: they were to end for a change or an end that is withdrawn. */
  resumedAddonIds: bigint[];
}

/**
 * How the base package of a user is replaced at an instant: the new one must be a PUBLISHED base package and not what
 * is held then; another version of the same package may be. Held add-ons stay if they are available with the new one;
 * otherwise they end. A change or an end that was scheduled before is withdrawn, for add-ons too.
 *
 * @param base the new base package, at the version to change to
 * @param held the subscriptions that the user holds, or will hold
 * @param check refuses what cannot end here
 */
export function planChange(
  base: PackageTerms | undefined,
  held: readonly SubscriptionTerms[],
  at: Date = new Date(0),
  check: (ending: SubscriptionTerms) => void = mustBeOurs,
): BaseChange {
  if (base === undefined) throw subscriptionError(unknownPackage);
  mustBePublished(base);
  if (!isBase(base)) throw subscriptionError(`Cannot change to the package "${base.id}": it is an add-on.`);
  const then = held.find((each) => isBase(each.package) && covers(each, at));
  if (then === undefined)
    throw subscriptionError('Cannot change the package of a user without a base package.');
  if (isAt(then, base)) throw subscriptionError(heldAlready);
  // What would begin at this very instant never does: the one before it is replaced.
  const before = then.startedAt.getTime() === at.getTime() && held.find(({ id }) => id === then.followsId);
  const replaced = before && !isAt(before, base) ? before : then;
  const withdrawn = allFollowersOf(replaced, held);
  const others = held.filter((each) => each.id !== replaced.id && !withdrawn.includes(each));
  if (others.some((each) => isBase(each.package) && goesOnAfter(each, at)))
    throw subscriptionError(multipleTiers);
  const addons = others.filter(
    (each) => !isBase(each.package) && goesOnAfter(each, at) && !isOpenTo(each.package, base),
  );
  const ending = [replaced, ...addons, ...withdrawn];
  ending.forEach(check);
  const endings = ending.map((each) => ({
    id: each.id,
    at: each.startedAt > at || withdrawn.includes(each) ? each.startedAt : at,
  }));
  const resumed = endedWith(replaced, withdrawn, others).filter(
    (each) =>
      isOpenTo(each.package, base) && each.providerSubscriptionId == null && isLastOfPackage(each, others),
  );
  return {
    base,
    replacedId: replaced.id,
    endings,
    cancelledAddonIds: addons.map(({ id }) => id),
    resumedAddonIds: resumed
      .filter((each) => each.endedAt !== null && each.endedAt >= at)
      .map(({ id }) => id),
  };
}

/** Whether a subscription is to this version of a package. */
export const isAt = ({ package: { id, version } }: SubscriptionTerms, item: PackageTerms) =>
  id === item.id && version === item.version;

/** Whether nothing else of the package is held after a subscription. */
export const isLastOfPackage = (last: SubscriptionTerms, held: readonly SubscriptionTerms[]) =>
  !held.some(
    (each) =>
      each.id !== last.id &&
      each.package.id === last.package.id &&
      last.endedAt !== null &&
      goesOnAfter(each, last.endedAt),
  );

/** What a billing provider decides on is changed there first: a change here alone would not be paid for, nor last. */
export function mustBeOurs({ id, providerSubscriptionId = null }: SubscriptionTerms) {
  if (providerSubscriptionId === null) return;
  throw subscriptionError(
    `Cannot change the subscription "${id}" like this: it is held at the billing provider, which decides on it.`,
  );
}

export const isBase = (item: PackageTerms) => !item.isAddon;

/** Only a live base package carries add-ons. */
const isLiveBase = ({ status, package: item }: SubscriptionTerms) =>
  isBase(item) && (status === 'SCHEDULED' || liveStatuses.some((live) => live === status));

export const isOpenTo = (addon: PackageTerms, base: PackageTerms) =>
  addon.baseIds.length === 0 || addon.baseIds.includes(base.id);

function knownPackage(id: string, known: readonly PackageTerms[]): PackageTerms {
  const found = known.find((item) => item.id === id);
  if (found === undefined) throw subscriptionError(unknownPackage);
  return found;
}

export function mustBePublished({ id, status }: PackageTerms) {
  if (status !== 'PUBLISHED') {
    throw subscriptionError(`Cannot subscribe to the package "${id}": it is ${status}, not PUBLISHED.`);
  }
}
