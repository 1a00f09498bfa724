import type { Mirror, MirroredSubscription } from './mirror-rules.ts';

type MirroredItem = MirroredSubscription['items'][number];

/** The statuses that Stripe can give a subscription here. */
export type ProjectedStatus =
  | 'ACTIVE'
  | 'TRIALING'
  | 'PAST_DUE'
  | 'UNPAID'
  | 'INCOMPLETE'
  | 'INCOMPLETE_EXPIRED'
  | 'CANCELLED';

/** The statuses here, by those of Stripe. */
export const statuses: Record<string, ProjectedStatus> = {
  active: 'ACTIVE',
  trialing: 'TRIALING',
  past_due: 'PAST_DUE',
  unpaid: 'UNPAID',
  incomplete: 'INCOMPLETE',
  incomplete_expired: 'INCOMPLETE_EXPIRED',
  canceled: 'CANCELLED',
  paused: 'UNPAID',
};

/** Statuses in which a subscription is held, the one that serves its user best first. */
const heldBestFirst: ProjectedStatus[] = ['ACTIVE', 'TRIALING', 'PAST_DUE', 'INCOMPLETE', 'UNPAID'];

const isHeld = (status: ProjectedStatus) => heldBestFirst.includes(status);

/** Something about a customer that a person has to look at. */
export interface Flag {
  kind: FlagKind;
  /** The customer at Stripe. */
  customerId: string;
  /** The subscription or payment at Stripe; null when it is about the customer. */
  providerId: string | null;
}

export const flagKinds = [
  'SEVERAL_USERS',
  'SEVERAL_BASES',
  'SUBSCRIBED_BY_HAND',
  'SAME_PACKAGE_TWICE',
  'ADDON_WITHOUT_BASE',
  'COLLECTION_PAUSED',
  'UNKNOWN_STATUS',
  'REFUNDED',
  'DRAFT_PACKAGE',
] as const;
export type FlagKind = (typeof flagKinds)[number];

/** A package that a price is mapped to. */
export interface MappedPackage {
  id: string;
  isAddon: boolean;
  isDraft: boolean;
}

/** One package that an item or a payment at Stripe is for. */
export interface Projected {
  customerId: string;
  packageId: string;
  isAddon: boolean;
  /** The item, or the checkout session. With the package it is unique. */
  itemId: string;
  providerSubscriptionId: string | null;
  providerStatus: string;
  status: ProjectedStatus;
  startedAt: Date;
  endedAt: Date | null;
  cancelsAt: Date | null;
  trialEnd: Date | null;
}

interface Rules {
  /** The packages by the prices that are mapped to them. */
  packages: ReadonlyMap<string, MappedPackage>;
  /** Packages that the user was given by hand and holds. */
  byHand: readonly { packageId: string; isAddon: boolean }[];
  /** Whether a subscription whose payments are paused gives no access. */
  withholdsPaused: boolean;
  /** The ends that were said here of what was paid once; see keyOf. */
  ends: ReadonlyMap<string, Date>;
  now: Date;
}

/**
 * What a user holds by what Stripe says of all customers of the user. One subscription for each item or payment whose
 * price is mapped to a package:
 *  1. The status is Stripe's. Paused and unknown ones give no access: UNPAID. Paused payments change nothing, unless the
 *     environment withholds access then; a cancelled subscription stays cancelled.
 *  2. It starts with the subscription, or with the item if that came later.
 *  3. Of several base packages the best status counts, then the newest. The others are not held, and flagged. The same
 *     for one package that is paid twice.
 *  4. What was subscribed by hand stays. What Stripe says beside it is not held, and flagged.
 *  5. An add-on without a base package is held, because it was paid, and flagged.
 *  6. A payment counts from then on, until an end that was said here. A refund is flagged only.
 *  7. Items of one subscription, or lines of one payment, that pay for one package together are one: the oldest item's.
 */
export function project(mirrors: readonly Mirror[], rules: Rules): { held: Projected[]; flags: Flag[] } {
  const flags: Flag[] = [];
  const flag = (kind: FlagKind, { customerId, providerSubscriptionId, itemId }: Projected) =>
    flags.push({ kind, customerId, providerId: providerSubscriptionId ?? itemId });
  const all = mirrors.flatMap((mirror) => projectAll(mirror, rules, flags)).sort(bestFirst);
  const over = all.filter(({ status }) => !isHeld(status));
  const held: Projected[] = [];
  for (const candidate of all.filter(({ status }) => isHeld(status))) {
    const conflict = conflictOf(candidate, held, rules);
    if (conflict === null) held.push(candidate);
    else flag(conflict, candidate);
  }
  const hasBase = [...held, ...rules.byHand].some(({ isAddon }) => !isAddon);
  if (!hasBase) for (const addon of held) flag('ADDON_WITHOUT_BASE', addon);
  return { held: [...held, ...over], flags };
}

function conflictOf(
  { packageId, isAddon }: Projected,
  held: readonly Projected[],
  { byHand }: Rules,
): FlagKind | null {
  const isSame = (other: { packageId: string }) => other.packageId === packageId;
  const isOtherBase = (other: { isAddon: boolean }) => !isAddon && !other.isAddon;
  if (byHand.some((other) => isSame(other) || isOtherBase(other))) return 'SUBSCRIBED_BY_HAND';
  if (held.some(isSame)) return 'SAME_PACKAGE_TWICE';
  return held.some(isOtherBase) ? 'SEVERAL_BASES' : null;
}

function projectAll(mirror: Mirror, rules: Rules, flags: Flag[]): Projected[] {
  const { customerId, subscriptions } = mirror;
  return [
    ...subscriptions.flatMap((each) => projectItems(customerId, each, rules, flags)),
    ...projectPayments(mirror, rules, flags),
  ];
}

function projectItems(
  customerId: string,
  given: MirroredSubscription,
  { packages, withholdsPaused }: Rules,
  flags: Flag[],
): Projected[] {
  const known = statuses[given.status];
  const status = known ?? 'UNPAID';
  const isPaused = given.isCollectionPaused && isHeld(status);
  const items = given.items.flatMap((item) => {
    const mapped = packages.get(item.priceId);
    return mapped === undefined ? [] : [{ item, mapped }];
  });
  if (items.length === 0) return [];
  if (known === undefined) flags.push({ kind: 'UNKNOWN_STATUS', customerId, providerId: given.id });
  if (isPaused) flags.push({ kind: 'COLLECTION_PAUSED', customerId, providerId: given.id });
  if (items.some(({ mapped }) => mapped.isDraft))
    flags.push({ kind: 'DRAFT_PACKAGE', customerId, providerId: given.id });
  return firstOfPackage(items.sort(byAge))
    .filter(({ mapped }) => !mapped.isDraft)
    .map(({ item, mapped }): Projected => {
      const startedAt = later(given.startedAt, item.createdAt);
      return {
        customerId,
        packageId: mapped.id,
        isAddon: mapped.isAddon,
        itemId: item.id,
        providerSubscriptionId: given.id,
        providerStatus: given.status,
        status: isPaused && withholdsPaused ? 'UNPAID' : status,
        startedAt,
        endedAt: given.endedAt && later(given.endedAt, startedAt),
        cancelsAt: given.cancelsAt,
        trialEnd: given.trialEnd,
      };
    });
}

function projectPayments(
  { customerId, payments }: Mirror,
  { packages, ends, now }: Rules,
  flags: Flag[],
): Projected[] {
  return payments.flatMap(({ id, priceIds, paidAt, isRefunded }) => {
    const mapped = priceIds.flatMap((priceId) => packages.get(priceId) ?? []);
    const endOf = (item: MappedPackage) => ends.get(keyOf({ itemId: id, packageId: item.id })) ?? null;
    const goesOn = mapped.some((item) => !isOver(endOf(item), now));
    if (goesOn && isRefunded) flags.push({ kind: 'REFUNDED', customerId, providerId: id });
    if (mapped.some(({ isDraft }) => isDraft))
      flags.push({ kind: 'DRAFT_PACKAGE', customerId, providerId: id });
    return firstOfPackage(mapped.map((each) => ({ mapped: each })))
      .filter(({ mapped: { isDraft } }) => !isDraft)
      .map(
        ({ mapped: item }): Projected => ({
          customerId,
          packageId: item.id,
          isAddon: item.isAddon,
          itemId: id,
          providerSubscriptionId: null,
          providerStatus: 'paid',
          status: isOver(endOf(item), now) ? 'CANCELLED' : 'ACTIVE',
          startedAt: paidAt,
          ...{ endedAt: endOf(item), cancelsAt: endOf(item), trialEnd: null },
        }),
      );
  });
}

/** A package that several prices pay for together, such as a fee and a price by usage, counts once. */
const firstOfPackage = <Item extends { mapped: MappedPackage }>(items: readonly Item[]): Item[] =>
  items.filter(({ mapped }, index) => items.findIndex((other) => other.mapped.id === mapped.id) === index);

const byAge = (a: { item: MirroredItem }, b: { item: MirroredItem }) =>
  a.item.createdAt.getTime() - b.item.createdAt.getTime() || compare(a.item.id, b.item.id);

const later = (a: Date, b: Date) => (a > b ? a : b);
const isOver = (end: Date | null, now: Date) => end !== null && end <= now;

/** The best status first, then the newest; ids make the order complete, whatever the order of Stripe's lists. */
function bestFirst(a: Projected, b: Projected): number {
  const ranks = heldBestFirst.indexOf(a.status) - heldBestFirst.indexOf(b.status);
  if (ranks !== 0) return ranks;
  const starts = b.startedAt.getTime() - a.startedAt.getTime();
  return starts === 0 ? compare(`${a.itemId} ${a.packageId}`, `${b.itemId} ${b.packageId}`) : starts;
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));

/** What there is one subscription for: the item, or the payment, and the package. */
export const keyOf = ({ itemId, packageId }: Pick<Projected, 'itemId' | 'packageId'>) =>
  `${itemId} ${packageId}`;

/** The ends that were said here of what was paid once. Stripe says none. */
export const endsOf = (stored: readonly Stored[]): Map<string, Date> =>
  new Map(
    stored.flatMap((row) =>
      row.providerSubscriptionId === null && row.cancelsAt !== null
        ? [[keyOf(row), row.cancelsAt] as const]
        : [],
    ),
  );

/** A subscription as it is stored. */
type Row = Omit<Projected, 'customerId'>;

/** A stored subscription that Stripe decides on. */
export interface Stored extends Row {
  id: bigint;
}

export interface ProjectionChange {
  /** In the order in which they are to be written: first those that end, so that others can begin. */
  update: Stored[];
  insert: Row[];
}

/**
 * How the stored subscriptions become those that are projected. A row is kept for each item and package for ever. One
 * that Stripe no longer says, or that lost to a better one, ends now; one that comes back goes on with its own start.
 */
export function changesOf(
  stored: readonly Stored[],
  projected: readonly Projected[],
  now: Date,
): ProjectionChange {
  const wanted = new Map(projected.map((each) => [keyOf(each), each]));
  const known = new Set(stored.map(keyOf));
  const update = stored.flatMap((row) => {
    const next = wanted.get(keyOf(row)) ?? ended(row, now);
    return isSame(row, next) ? [] : [{ ...next, startedAt: row.startedAt, id: row.id }];
  });
  const endsFirst = update.sort((a, b) => Number(isHeld(a.status)) - Number(isHeld(b.status)));
  return { update: endsFirst, insert: [...wanted.values()].filter((each) => !known.has(keyOf(each))) };
}

function ended(row: Stored, now: Date): Row {
  if (!isHeld(row.status)) return row;
  const cancelsAt = row.providerSubscriptionId === null ? row.cancelsAt : null;
  return { ...row, status: 'CANCELLED', endedAt: later(now, row.startedAt), cancelsAt };
}

const isSame = (a: Row, b: Row) =>
  a.status === b.status &&
  a.providerStatus === b.providerStatus &&
  [a.endedAt, a.cancelsAt, a.trialEnd].map(timeOf).join() ===
    [b.endedAt, b.cancelsAt, b.trialEnd].map(timeOf).join();

const timeOf = (at: Date | null) => at?.getTime();
