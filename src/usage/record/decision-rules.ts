import type { Standing } from '../../entitlements/rules.ts';
import { balanceOf, type Excess, excessOf, type TopUp } from '../draws/rules.ts';
import {
  type Counter,
  type CountingGrant,
  type GrantWindow,
  refusal,
  usedAfter,
  windowsOf,
  winnerAt,
} from '../ledger/rules.ts';
import {
  type Decision,
  decideKnown,
  type FirstUse,
  type Recorded,
  recordedNow,
  type Usage,
} from './rules.ts';

type FeatureType = Standing['featureType'];

/** A usage whose result depends on current usage, with all inputs of the decision. */
export interface Case {
  usage: Usage;
  /** Null if the user is unknown. */
  userKey: bigint | null;
  /** Whether the user has, or had, top-ups. */
  hasTopUps: boolean;
  /** Whether the user has, or had, reservations. */
  hasHolds: boolean;
  /** Null if the feature is unknown. */
  featureType: FeatureType | null;
  precision: number;
  /** The earlier usage with the same idempotency key. */
  first: FirstUse | null;
  now: Date;
  /** The time of the usage, never later than now. */
  at: Date;
  /** The grants that usage may count towards, and the live ones; see readGrants. */
  grants: readonly CountingGrant[];
  /** The user's top-ups for the feature. All cases of both share them: drawing changes them. */
  topUps: readonly TopUp[];
  /** What the user's open reservations of the feature hold. */
  held: bigint;
}

/** A usage to append to the ledger. */
export interface Entry {
  userKey: bigint;
  usage: Usage;
  occurredAt: Date;
}

/** The state in memory, which changes as cases are decided in order. */
export interface Tally {
  counters: Map<string, Counter>;
  keys: Map<string, FirstUse>;
  entries: Entry[];
  changed: Set<Counter>;
  /** The usage beyond the budget of the windows of users with top-ups. */
  excess: Map<Counter, Excess>;
}

export const emptyTally = (): Tally => ({
  counters: new Map(),
  keys: new Map(),
  entries: [],
  changed: new Set(),
  excess: new Map(),
});

/** Adds the counters that this case reads or writes, with usage 0. */
export function addCounters(item: Case, tally: Tally): void {
  const winner = winnerOnce(item.grants, item.now);
  for (const grantWindow of [...windowsOnce(item.grants, item.at), ...(winner ? [winner] : [])]) {
    tally.counters.set(counterName(item, grantWindow), counterAt(item, grantWindow));
  }
}

/**
 * Computes each result once for the same grants and instant: the cases of a list mostly share both, and windows are
 * expensive.
 */
function computedOnce<Result>(compute: (grants: readonly CountingGrant[], at: Date) => Result) {
  const known = new WeakMap<readonly CountingGrant[], Map<number, Result>>();
  return (grants: readonly CountingGrant[], at: Date): Result => {
    const byInstant = known.get(grants) ?? new Map<number, Result>();
    known.set(grants, byInstant);
    const instant = at.getTime();
    const result = byInstant.has(instant) ? (byInstant.get(instant) as Result) : compute(grants, at);
    byInstant.set(instant, result);
    return result;
  };
}

const windowsOnce = computedOnce(windowsOf);
const winnerOnce = computedOnce(winnerAt);

const counterName = ({ usage }: Case, { grant, windowStart }: GrantWindow) =>
  `${grant.subscriptionId} ${windowStart.getTime()} ${usage.featureId}`;

const counterAt = ({ usage, userKey }: Case, { grant, windowStart }: GrantWindow): Counter => ({
  environmentId: usage.environmentId,
  userKey: userKey ?? 0n,
  subscriptionId: grant.subscriptionId,
  featureId: usage.featureId,
  windowStart,
  used: 0n,
});

/**
 * Decides one usage: first the cases of decideKnown; then refuses an enforced usage without entitlement; everything
 * else is recorded, even over the budget, because the usage has already happened.
 */
export function decide(item: Case, tally: Tally): Recorded | Error {
  const { usage, userKey, featureType, precision } = item;
  const keyName = usage.idempotencyKey === null ? null : `${userKey} ${usage.idempotencyKey}`;
  const first = item.first ?? (keyName === null ? null : (tally.keys.get(keyName) ?? null));
  const known = decideKnown(usage, { userKnown: userKey !== null, featureType, precision, first });
  if (known instanceof Error) return known;
  if (userKey === null || featureType === null) throw new Error('an unknown user or feature was not refused');
  const decision = known ?? judge(item, { userKey, featureType, keyName }, tally);
  return {
    ...decision,
    standing: standingOf(item, featureType, tally, winnerOnce(item.grants, item.now)),
  };
}

/** Refuses or records a usage of a consumable feature. */
function judge(
  item: Case,
  { userKey, featureType, keyName }: { userKey: bigint; featureType: FeatureType; keyName: string | null },
  tally: Tally,
): Decision {
  const { usage } = item;
  const refused = usage.enforce ? judgedRefusal(item, featureType, tally) : null;
  if (refused !== null) return { recorded: false, reason: refused, duplicate: false };
  record(item, userKey, tally);
  if (keyName !== null) tally.keys.set(keyName, usage);
  return recordedNow;
}

/**
 * Why an enforced usage is refused. What decides is the winning live subscription that it counts towards, in the window
 * of the usage. With the current window, usage in an earlier window would never be limited.
 */
function judgedRefusal(item: Case, featureType: FeatureType, tally: Tally): string | null {
  const winner = winnerOnce(item.grants, item.at);
  const counter = winner && tally.counters.get(counterName(item, winner));
  const drawn = (counter && tally.excess.get(counter)?.drawn) ?? 0n;
  return refusal(item.usage, standingOf(item, featureType, tally, winner, item.at), drawn);
}

function record(item: Case, userKey: bigint, tally: Tally): void {
  tally.entries.push({ userKey, usage: item.usage, occurredAt: item.at });
  const winner = winnerOnce(item.grants, item.at)?.grant;
  for (const grantWindow of windowsOnce(item.grants, item.at)) {
    const counter = tally.counters.get(counterName(item, grantWindow));
    if (!counter) throw new Error('the tally lacks a window of this usage');
    const before = counter.used;
    counter.used = usedAfter(before, item.usage);
    tally.changed.add(counter);
    const { grant } = grantWindow;
    draw(
      item,
      {
        before,
        after: counter.used,
        limit: grant.limit,
        isWinner: grant === winner,
        usage: tally.entries.length - 1,
      },
      tally.excess.get(counter),
    );
  }
}

/**
 * What a usage adds beyond the budget is drawn from top-ups, in the window of the winning grant; what it takes away is
 * given back, in whichever window it had been drawn.
 */
function draw(
  { topUps, at }: Case,
  window: { before: bigint; after: bigint; limit: bigint | null; isWinner: boolean; usage: number },
  excess: Excess | undefined,
): void {
  if (excess === undefined) return;
  const isFollowed = excess.parts.length > 0 || (window.isWinner && topUps.length > 0);
  if (!isFollowed) return;
  const [before, after] = [window.before, window.after].map((used) => excessOf(used, window.limit));
  excess.follow({
    before: before ?? 0n,
    after: after ?? 0n,
    topUps,
    at,
    draws: window.isWinner,
    usage: window.usage,
  });
}

export function standingOf(
  item: Case,
  featureType: FeatureType,
  tally: Tally,
  winner: GrantWindow | null,
  at = item.now,
): Standing {
  const used = winner && tally.counters.get(counterName(item, winner))?.used;
  const topUp = balanceOf(item.topUps, at);
  return {
    featureType,
    precision: item.precision,
    grant: winner?.grant ?? null,
    used: used ?? 0n,
    ...(topUp && { topUp }),
    ...(item.held > 0n && { held: item.held }),
  };
}
