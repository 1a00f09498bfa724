import { isHeld, type Subscription } from './held.ts';

// The API tells no order among subscriptions. A base package is followed by the one that begins when it ends: a user
// holds one at a time.

type Times = Pick<Subscription, 'id' | 'status' | 'startedAt' | 'endedAt' | 'cancelsAt'> & {
  package: Pick<Subscription['package'], 'id' | 'name' | 'isAddon' | 'version'>;
};

const isSame = (one: string | null, other: string | null): boolean =>
  one !== null && other !== null && Date.parse(one) === Date.parse(other);

/** Whether it ended before it began. */
export const hasNotBegun = ({ startedAt, endedAt }: Pick<Times, 'startedAt' | 'endedAt'>): boolean =>
  endedAt !== null && Date.parse(endedAt) <= Date.parse(startedAt);

/** The scheduled base packages that are to follow this one, in their order. */
export function followersOf<Each extends Times>(subscription: Times, held: readonly Each[]): Each[] {
  if (subscription.package.isAddon) return [];
  const rest = held.filter(({ id }) => id !== subscription.id);
  const next = rest.find(
    ({ status, startedAt, package: { isAddon } }) =>
      status === 'SCHEDULED' && !isAddon && isSame(startedAt, subscription.cancelsAt),
  );
  return next === undefined ? [] : [next, ...followersOf(next, rest)];
}

/** The base package that ends when this scheduled one is to begin. */
export const forerunnerOf = <Each extends Times>(subscription: Times, held: readonly Each[]) =>
  held.find((each) => followersOf(each, held)[0]?.id === subscription.id);

/** What became of a subscription that is over, in words; null if its status says it. */
export function fateOf(subscription: Times, all: readonly Times[]): string | null {
  if (subscription.status !== 'CANCELLED') return null;
  if (hasNotBegun(subscription)) return 'Not begun';
  const next = all.find(
    (each) =>
      each.id !== subscription.id &&
      !each.package.isAddon &&
      !subscription.package.isAddon &&
      !hasNotBegun(each) &&
      isSame(each.startedAt, subscription.endedAt),
  );
  if (next === undefined) return null;
  const { id, name, version } = next.package;
  return `Replaced by ${id === subscription.package.id ? `version ${version}` : name}`;
}

/** What cancelling a subscription takes with it, and what holds afterwards. */
export function cancelling(target: Subscription, held: readonly Subscription[]) {
  const followers = followersOf(target, held);
  const isScheduled = target.status === 'SCHEDULED';
  return {
    isScheduled,
    followers,
    forerunner: isScheduled ? forerunnerOf(target, held) : undefined,
    addons: target.package.isAddon ? [] : held.filter((each) => each.package.isAddon && isHeld(each)),
  };
}
