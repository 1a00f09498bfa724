import type { Grant, Standing, Window } from '../../entitlements/rules.ts';
import {
  type Counter,
  type CountingGrant,
  countsTowards,
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

/** A usage whose result depends on what is there already, with all that the decision looks at. */
export interface Case {
  usage: Usage;
  /** Null when there is no such user. */
  userKey: bigint | null;
  /** Null when there is no such feature. */
  featureType: FeatureType | null;
  /** What was recorded before under the same idempotency key. */
  first: FirstUse | null;
  now: Date;
  /** When it was used, never later than now. */
  at: Date;
  /** What usage at these instants may count towards, and what is live now; see readGrants. */
  grants: readonly CountingGrant[];
}

/** One usage that was decided to be recorded. */
export interface Entry {
  userKey: bigint;
  usage: Usage;
  occurredAt: Date;
}

/** What is there, changed in memory while one case after the other is decided. */
export interface Tally {
  counters: Map<string, Counter>;
  keys: Map<string, FirstUse>;
  entries: Entry[];
  changed: Set<Counter>;
}

/** The counters that these cases touch or look at, none counted yet. */
export function emptyTally(cases: readonly Case[]): Tally {
  const counters = new Map<string, Counter>();
  for (const item of cases) {
    const winner = winnerAt(item.grants, item.now);
    for (const place of [...windowsOf(item.grants, item.at), ...(winner ? [winner] : [])]) {
      counters.set(counterName(item, place), counterAt(item, place));
    }
  }
  return { counters, keys: new Map(), entries: [], changed: new Set() };
}

interface Place {
  grant: Grant;
  window: Window;
}

const counterName = ({ usage }: Case, { grant, window }: Place) =>
  `${grant.subscriptionId} ${window.start.getTime()} ${usage.featureId}`;

const counterAt = ({ usage, userKey }: Case, { grant, window }: Place): Counter => ({
  environmentId: usage.environmentId,
  userKey: userKey ?? 0n,
  subscriptionId: grant.subscriptionId,
  featureId: usage.featureId,
  windowStart: window.start,
  used: 0n,
});

/**
 * Decides one usage: first by what is known of it (see decideKnown); then an enforced usage that the user is not
 * entitled to is refused; everything else is recorded, over the budget too, for it has already happened.
 */
export function decide(item: Case, tally: Tally): Recorded | Error {
  const { usage, userKey, featureType } = item;
  const keyName = usage.idempotencyKey === null ? null : `${userKey} ${usage.idempotencyKey}`;
  const first = item.first ?? (keyName === null ? null : (tally.keys.get(keyName) ?? null));
  const known = decideKnown(usage, { userKnown: userKey !== null, featureType, first });
  if (known instanceof Error) return known;
  if (userKey === null || featureType === null) throw new Error('an unknown user or feature was not refused');
  const decision = known ?? judge(item, { userKey, featureType, keyName }, tally);
  return { ...decision, standing: standingOf(item, featureType, tally, winnerAt(item.grants, item.now)) };
}

/** Refuses or records a usage of a consumable feature. */
function judge(
  item: Case,
  { userKey, featureType, keyName }: { userKey: bigint; featureType: FeatureType; keyName: string | null },
  tally: Tally,
): Decision {
  const { usage } = item;
  const refused = usage.enforce ? refusal(usage, judgedStanding(item, featureType, tally)) : null;
  if (refused !== null) return { recorded: false, reason: refused, duplicate: false };
  record(item, userKey, tally);
  if (keyName !== null) tally.keys.set(keyName, usage);
  return recordedNow;
}

/**
 * What an enforced usage is judged by: of the live subscriptions that it counts towards, the one that counts, in the
 * window that it falls in. Judged by the present window, usage of an earlier one would pass without end.
 */
function judgedStanding(item: Case, featureType: FeatureType, tally: Tally): Standing {
  const counting = item.grants.filter((grant) => countsTowards(grant, item.at));
  return standingOf(item, featureType, tally, winnerAt(counting, item.at));
}

function record(item: Case, userKey: bigint, tally: Tally): void {
  tally.entries.push({ userKey, usage: item.usage, occurredAt: item.at });
  for (const place of windowsOf(item.grants, item.at)) {
    const counter = tally.counters.get(counterName(item, place));
    if (!counter) throw new Error('a window that usage counts in is missing from the tally');
    counter.used = usedAfter(counter.used, item.usage);
    tally.changed.add(counter);
  }
}

function standingOf(item: Case, featureType: FeatureType, tally: Tally, winner: Place | null): Standing {
  const used = winner && tally.counters.get(counterName(item, winner))?.used;
  return { featureType, grant: winner?.grant ?? null, used: Number(used ?? 0n) };
}
