import { amountOf } from '../amount.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Reading } from '../entitlements/report.ts';
import { type Consumption, consumptionOf, type Grant, type Standing } from '../entitlements/rules.ts';
import { type Window, windowAt, windowsEndedBefore } from '../entitlements/window-rules.ts';
import { requireUserKey } from '../users/store.ts';

/** Consumption in one window. */
export interface Period {
  window: Window;
  consumption: Consumption;
}

export interface UsageHistory {
  /** Null without an entitlement, and for a BINARY feature. */
  current: Period | null;
  /** Newest first. */
  past: Period[];
}

/**
 * A user's usage of a feature, in the windows of the grant that counts.
 *
 * @throws UserNotFoundError, FeatureNotFoundError
 */
export async function showUsage(
  { db, findStanding }: Reading,
  { environmentId, userId, featureId }: { environmentId: string; userId: string; featureId: string },
  pastPeriods: number,
): Promise<UsageHistory> {
  const standing = await findStanding({ environmentId, userId, featureId });
  const { featureType, grant } = standing;
  if (grant === null || featureType === 'BINARY') return { current: null, past: [] };
  const userKey = await requireUserKey(db, environmentId, userId);
  const subject = { userKey, featureId, standing: { ...standing, grant } };
  const [current, ...past] = await periodsOf(db, subject, pastPeriods);
  return { current: current ?? null, past };
}

/** The database's clock, as for entitlements: at a reset, both must use the same window. */
export async function readNow(db: PrismaClient): Promise<Date> {
  const [{ now }] = await db.$queryRaw<[{ now: Date }]>`SELECT now() AS now`;
  return now;
}

interface Subject {
  userKey: bigint;
  featureId: string;
  standing: Standing & { grant: Grant };
}

/**
 * The current window of the grant that counts and earlier ones, newest first, with the usage in each. Top-ups and
 * reservations are of now: only in the current window do they say what is left.
 */
async function periodsOf(
  db: PrismaClient,
  { userKey, featureId, standing: { grant, topUp, held } }: Subject,
  pastPeriods: number,
): Promise<Period[]> {
  const now = await readNow(db);
  const { subscriptionId, startedAt } = grant;
  // Where the windows were carried over, the earlier ones are those of the subscription before.
  const first = windowAt(grant, startedAt).start;
  const windows = [
    windowAt(grant, now),
    ...windowsEndedBefore(grant, now, pastPeriods).filter(({ start }) => start >= first),
  ];
  const counters = await db.usageCounter.findMany({
    where: { userKey, subscriptionId, featureId, windowStart: { in: windows.map(({ start }) => start) } },
  });
  const used = new Map(counters.map((counter) => [counter.windowStart.getTime(), amountOf(counter.used)]));
  return windows.map((window, ago) => {
    const usedIn = used.get(window.start.getTime()) ?? 0n;
    const consumption = ago === 0 ? consumptionOf(grant, usedIn, topUp, held) : consumptionOf(grant, usedIn);
    return { window, consumption };
  });
}
