import type { Amount } from '../amount.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Entitlement } from '../entitlements/rules.ts';
import { requireFeature } from '../features/store.ts';
import { readNow } from '../usage/history.ts';
import { requireUserKey } from '../users/store.ts';
import { answerOf, type Candidate, judge, summaryOf } from './explain-rules.ts';
import { readCounters, readHeld, readHoldings, readTopUps, readTotalsAt } from './explain-store.ts';

export interface Explanation {
  userKey: bigint;
  at: Date;
  answer: Entitlement;
  summary: string;
  candidates: (Candidate & { used: Amount | null })[];
  /** Of what time usage counts, until `at`; null where nothing is counted. */
  countedFrom: Date | null;
}

/**
 * Why a user may use one more of a feature, or may not.
 *
 * @param given.at null is now
 * @throws UserNotFoundError, FeatureNotFoundError
 */
export async function explain(
  db: PrismaClient,
  environmentId: string,
  given: { userId: string; featureId: string; at: Date | null },
): Promise<Explanation> {
  const { userId, featureId } = given;
  const userKey = await requireUserKey(db, environmentId, userId);
  const { type: featureType } = await requireFeature(db, environmentId, featureId);
  const subject = { userKey, featureId };
  const now = await readNow(db);
  const at = given.at ?? now;
  const isPast = at < now;
  const question = { userId, featureId, featureType, at, isPast };

  const candidates = judge(await readHoldings(db, subject), question);
  const counted = candidates.flatMap(({ window, ...each }) => (window === null ? [] : { ...each, window }));
  const totals = isPast
    ? await readTotalsAt(db, subject, counted, at)
    : await readCounters(db, subject, counted);
  const usedOf = ({ subscriptionId, window }: Candidate) =>
    window === null ? null : (totals.get(subscriptionId) ?? 0n);

  const [first] = candidates;
  const winner = first?.outcome === 'COUNTS' ? first : null;
  const topUp = await readTopUps(db, subject, at);
  const found = {
    used: (winner && usedOf(winner)) ?? 0n,
    ...(topUp === undefined ? {} : { topUp }),
    held: isPast ? 0n : await readHeld(db, subject, at),
  };
  return {
    userKey,
    at,
    answer: answerOf(question, winner, found),
    summary: summaryOf(question, candidates, found),
    candidates: candidates.map((each) => ({ ...each, used: usedOf(each) })),
    countedFrom: winner?.window == null ? null : countedFrom(winner.startedAt, winner.window.start),
  };
}

/** A window that was carried over, or the first of the calendar, may begin before what it counts. */
const countedFrom = (startedAt: Date, windowStart: Date) =>
  windowStart > startedAt ? windowStart : startedAt;
