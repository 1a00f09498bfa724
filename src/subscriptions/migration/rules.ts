import { z } from 'zod';
import { subscriptionError } from '../../errors.ts';
import { Id, listOf } from '../../input.ts';
import { Version } from '../../packages/rules.ts';
import { instantOf } from '../change/rules.ts';
import {
  type BaseChange,
  followersOf,
  heldAlready,
  isAt,
  isBase,
  isOpenTo,
  missingTier,
  mustBeOurs,
  mustBePublished,
  planChange,
} from '../rules.ts';
import type { PackageTerms } from '../status-rules.ts';
import { covers, goesOnAfter, isHeldStatus, type SubscriptionTerms, statusAt } from '../status-rules.ts';

const maxUsers = 1_000;

/** Whom to move, and to what. */
export const NewMigration = z.object({
  fromPackageId: Id,
  /** Null: every version, but the one to move to. */
  fromVersion: Version.nullish().transform((version) => version ?? null),
  toPackageId: Id,
  /** Null: the current version. */
  toVersion: Version.nullish().transform((version) => version ?? null),
  at: z.enum(['NOW', 'PERIOD_END']),
  usage: z.enum(['RESET', 'CARRY']),
  /** Null: all subscribers. */
  userIds: listOf(Id, (id) => id, { max: maxUsers, repeated: 'names a user that was named before' })
    .nullish()
    .transform((ids) => ids ?? null),
});
export type NewMigration = z.output<typeof NewMigration>;

/** How one subscription is moved. */
export interface Move extends BaseChange {
  /** When. */
  at: Date;
  /** The scheduled end, which stays. */
  endedAt: Date | null;
  /** The end of the trial, which stays. */
  trialEnd: Date | null;
  /** What was to follow the former subscription follows the new one. */
  followerIds: bigint[];
}

/**
 * How a subscription is moved to another package, or version, at an instant. It differs from a change of one user's
 * package (planChange) in what it leaves as it is: nobody asked this user. A scheduled end, a trial, and a change to a
 * package that the migration is not about stay scheduled. An add-on becomes another add-on.
 *
 * @param target the package to move to, at a version
 * @param moved the subscription to move, one of `held`
 * @param held the subscriptions that the user holds, or will hold
 * @throws SubscriptionError if a rule does not allow it
 */
export function planMove(
  target: PackageTerms,
  moved: SubscriptionTerms,
  held: readonly SubscriptionTerms[],
  at: Date,
): Move {
  const withdrawn = followersOf(moved, held).filter(({ package: { id } }) =>
    [moved.package.id, target.id].includes(id),
  );
  const endedAt = endOf(moved, withdrawn);
  if (!goesOnAfter({ endedAt }, at))
    throw subscriptionError(`It ends at ${endedAt?.toISOString()}, before it would be moved.`);
  if (withdrawn.some((each) => each.startedAt.getTime() === at.getTime() && isAt(each, target)))
    throw subscriptionError('The same change is scheduled already.');
  const others = held.filter((each) => each.id !== moved.id && !withdrawn.includes(each));
  const isLater = (each: SubscriptionTerms) =>
    isBase(each.package) && endedAt !== null && each.startedAt >= endedAt;
  const then = [{ ...moved, endedAt }, ...others.filter((each) => !isLater(each))];
  const plan = isBase(moved.package)
    ? planChange(target, then, at)
    : planAddon(target, { ...moved, endedAt }, then, at);
  withdrawn.forEach(mustBeOurs);
  return {
    ...plan,
    at,
    endings: [...plan.endings, ...withdrawn.map(({ id, startedAt }) => ({ id, at: startedAt }))],
    endedAt,
    trialEnd: goesOnAfter({ endedAt: moved.trialEnd }, at) ? moved.trialEnd : null,
    followerIds: [moved, ...withdrawn].flatMap((each) => followersOf(each, others)).map(({ id }) => id),
  };
}

/** The end of a subscription once the changes that are withdrawn are no more. */
function endOf(moved: SubscriptionTerms, withdrawn: readonly SubscriptionTerms[]): Date | null {
  const [next] = withdrawn;
  return next === undefined ? moved.endedAt : next.endedAt;
}

const noOtherAddons = { cancelledAddonIds: [], resumedAddonIds: [] };

function planAddon(
  target: PackageTerms,
  moved: SubscriptionTerms,
  held: readonly SubscriptionTerms[],
  at: Date,
): BaseChange {
  mustBePublished(target);
  mustBeOurs(moved);
  const others = held.filter((each) => each.id !== moved.id && goesOnAfter(each, at));
  if (others.some((each) => each.package.id === target.id)) throw subscriptionError(heldAlready);
  const base = others.find((each) => isBase(each.package) && covers(each, at));
  if (base === undefined || !isOpenTo(target, base.package)) throw subscriptionError(missingTier);
  return { base: target, replacedId: moved.id, endings: [{ id: moved.id, at }], ...noOtherAddons };
}

/** The instant of a move. @param periodEnd the end of the running period; null if there is none */
export const instantOfMove = (at: NewMigration['at'], now: Date, periodEnd: Date | null): Date =>
  instantOf({ at: null, atPeriodEnd: at === 'PERIOD_END' }, now, periodEnd);

/** Whether a migration is about a subscription: it is held, and to the package and version to move from. */
export function isConcerned(
  { package: { id, version }, status }: SubscriptionTerms,
  from: { fromPackageId: string; fromVersion: number | null; toPackageId: string; toVersion: number },
): boolean {
  if (!isHeldStatus(status) || id !== from.fromPackageId) return false;
  if (from.fromVersion !== null) return version === from.fromVersion;
  return id !== from.toPackageId || version !== from.toVersion;
}

/** Subscriptions with the statuses that they have at an instant, without those that are over then. */
export const settledAt = <Terms extends SubscriptionTerms>(held: readonly Terms[], at: Date): Terms[] =>
  held.flatMap((each) => {
    const status = statusAt(each, at);
    return isHeldStatus(status) || status === 'SCHEDULED' ? [{ ...each, status }] : [];
  });
