import { carrierOf, type Ending, isBase, isOpenTo, lastsUntil } from './rules.ts';
import { goesOnAfter, type OwnedTerms, type SubscriptionTerms } from './status-rules.ts';

/**
 * The subscriptions that end when users are merged: a user holds one base package at a time, no package twice, and no
 * add-on without a base package that it is available with. Of two users who conflict, the first one's stay: the
 * survivor's. What one user has scheduled one after the other is no conflict.
 *
 * @param held the subscriptions of all users, the survivor's first
 * @returns the ids of the subscriptions to cancel
 */
export function planMerge(held: readonly OwnedTerms[]): bigint[] {
  const owner = held.find((each) => isBase(each.package))?.userKey;
  const bases = held.filter((each) => isBase(each.package) && each.userKey === owner);
  const isFirst = (subscription: OwnedTerms) =>
    held.find(({ package: { id } }) => id === subscription.package.id)?.userKey === subscription.userKey;
  const fits = (subscription: OwnedTerms) => {
    if (isBase(subscription.package)) return subscription.userKey === owner;
    const carrier = carrierOf(subscription, bases);
    return carrier !== undefined && isOpenTo(subscription.package, carrier.package);
  };
  const stays = (each: OwnedTerms) =>
    (isBase(each.package) || isFirst(each)) && (bases.length === 0 || fits(each));
  return held.filter((each) => !stays(each)).map(({ id }) => id);
}

/** The add-ons that would go on after the base packages that carry them, and where they end instead. */
export const endWithBases = (held: readonly SubscriptionTerms[]): Ending[] =>
  held.flatMap((each) => {
    const until = each.package.isAddon ? lastsUntil(each, held) : null;
    const isOurs = each.providerSubscriptionId == null;
    return until !== null && isOurs && goesOnAfter(each, until) ? [{ id: each.id, at: until }] : [];
  });
