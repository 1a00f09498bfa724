import { subscriptionError } from '../errors.ts';
import {
  allFollowersOf,
  type Ending,
  endedFor,
  endedWith,
  heldAlready,
  isBase,
  isLastOfPackage,
  isOpenTo,
  lastsUntil,
  missingTier,
  multipleTiers,
  mustBeOurs,
} from './rules.ts';
import { covers, goesOnAfter, isHeldStatus, type SubscriptionTerms } from './status-rules.ts';

/**
 * What ends when `target` is cancelled at an instant. Add-ons need a base package, and a user holds only one:
 * cancelling it cancels every held add-on. An add-on ends with its base package at the latest. What was to follow never
 * starts. An ended subscription cannot be cancelled.
 *
 * @param held the subscriptions that the user holds, or will hold
 * @param at the instant; not before now
 * @param check refuses what cannot end here
 */
export function planCancel(
  target: SubscriptionTerms,
  held: readonly SubscriptionTerms[],
  at: Date = new Date(0),
  check: (ending: SubscriptionTerms) => void = mustBeOurs,
): Ending[] {
  if (!isHeldStatus(target.status) && target.status !== 'SCHEDULED')
    throw subscriptionError(`Cannot cancel the subscription "${target.id}": it is ${target.status}.`);
  const others = held.filter(({ id }) => id !== target.id);
  const following = allFollowersOf(target, others);
  const until = target.package.isAddon ? lastsUntil(target, others) : null;
  const end = until !== null && until < at ? until : at;
  const freed = endedFor(following, others);
  // Before a base package that never begins, add-ons go on with the one before it.
  const gone = target.startedAt > end ? target.startedAt : end;
  const addons = target.package.isAddon
    ? []
    : others.filter((each) => each.package.isAddon && (goesOnAfter(each, gone) || freed.includes(each)));
  const rest = others.filter((each) => !following.includes(each));
  const isBetween = ({ startedAt }: SubscriptionTerms) => startedAt > target.startedAt && startedAt < end;
  if (isBase(target.package) && rest.some((each) => isBase(each.package) && isBetween(each)))
    throw subscriptionError(multipleTiers);
  const ending = [target, ...addons, ...following];
  ending.forEach(check);
  return ending.map((each) => ({
    id: each.id,
    at: each.startedAt > gone || following.includes(each) ? each.startedAt : gone,
  }));
}

/** How a scheduled end is taken back. */
export interface Resumption {
  /** The subscriptions that go on without end. */
  resumedIds: bigint[];
  /** What was to follow, which does not start; an add-on whose base package ends later ends with that. */
  endings: Ending[];
}

/**
 * Takes the scheduled end of a subscription back. What was to follow it is withdrawn; add-ons that were to end with a
 * base package go on.
 */
export function planResume(target: SubscriptionTerms, held: readonly SubscriptionTerms[]): Resumption {
  mustBeOurs(target);
  const end = target.endedAt;
  if (end === null || (!isHeldStatus(target.status) && target.status !== 'SCHEDULED'))
    throw subscriptionError(`Cannot resume the subscription "${target.id}": it has no scheduled end.`);
  const withdrawn = allFollowersOf(target, held);
  const others = held.filter((each) => each.id !== target.id && !withdrawn.includes(each));
  const isLater = (each: SubscriptionTerms) => goesOnAfter(each, end);
  if (isBase(target.package) && others.some((each) => isBase(each.package) && isLater(each)))
    throw subscriptionError(multipleTiers);
  if (!isBase(target.package)) {
    const base = others.find((each) => isBase(each.package) && covers(each, end));
    if (base === undefined || !isOpenTo(target.package, base.package)) throw subscriptionError(missingTier);
  }
  if (others.some((each) => each.package.id === target.package.id && isLater(each)))
    throw subscriptionError(heldAlready);
  const withdrawal = withdrawn.map(({ id, startedAt }) => ({ id, at: startedAt }));
  if (!isBase(target.package)) {
    const until = lastsUntil(target, others);
    return until === null
      ? { resumedIds: [target.id], endings: withdrawal }
      : { resumedIds: [], endings: [...withdrawal, { id: target.id, at: until }] };
  }
  const goingOn = endedWith(target, withdrawn, others).filter((each) => isLastOfPackage(each, others));
  return {
    resumedIds: [target, ...goingOn].map(({ id }) => id),
    endings: withdrawal,
  };
}
