import { type Amount, amountOf, amountOrNull } from '../amount.ts';
import { deltaSql } from '../database/amount-sql.ts';
import type { Db } from '../database/client.ts';
import { allHoldingsSql, type ResetTermsRow, resetTermsOf } from '../entitlements/holdings-store.ts';
import type { Grant, TopUpBalance } from '../entitlements/rules.ts';
import type { Window } from '../entitlements/window-rules.ts';
import type { SubscriptionStatus } from '../subscriptions/status-rules.ts';
import type { Holding } from './explain-rules.ts';

/** A user and a feature, both known. */
export interface Subject {
  userKey: bigint;
  featureId: string;
}

/** Of each kind of holding, so many are candidates: those that go on, and the last that ended. */
export const maxCandidates = 100;

interface HoldingRow extends ResetTermsRow {
  kind: Grant['kind'];
  id: bigint;
  started_at: Date;
  ended_at: Date | null;
  limit: string | null;
  overage_enabled: boolean;
  package_id: string | null;
  package_version: number;
  status: SubscriptionStatus;
  trial_end: Date | null;
  provider_subscription_id: string | null;
}

/** What a user holds, or held, of a feature. */
export async function readHoldings(db: Db, { userKey, featureId }: Subject): Promise<Holding[]> {
  const rows = await db.$queryRawUnsafe<HoldingRow[]>(
    `select h.kind, h.id, h.started_at, h.ended_at, h."limit"::text as "limit", h.anchor, h.reset_period::text as reset_period,
       h.reset_every, h.time_zone, h.overage_enabled, s.package_id, s.package_version, s.status::text as status, s.trial_end,
       s.provider_subscription_id
     from ${allHoldingsSql('$1', '= $2', maxCandidates)} h
     left join subscription s on h.kind = 'SUBSCRIPTION' and s.user_key = h.user_key and s.id = h.id`,
    userKey,
    featureId,
  );
  return rows.map((row) => ({
    kind: row.kind,
    subscriptionId: row.id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    limit: amountOrNull(row.limit),
    ...resetTermsOf(row),
    overageEnabled: row.overage_enabled,
    subscription:
      row.package_id === null
        ? null
        : {
            packageId: row.package_id,
            version: row.package_version,
            status: row.status,
            startedAt: row.started_at,
            endedAt: row.ended_at,
            trialEnd: row.trial_end,
            providerSubscriptionId: row.provider_subscription_id,
          },
  }));
}

/** A holding and its window at the instant. */
interface Counted {
  subscriptionId: bigint;
  startedAt: Date;
  window: Window;
}

/** The totals of these windows, by the id of the holding: those of now or later. */
export async function readCounters(
  db: Db,
  { userKey, featureId }: Subject,
  counted: readonly Counted[],
): Promise<Map<bigint, Amount>> {
  const windows = counted.map(({ subscriptionId, window }) => ({
    subscriptionId,
    windowStart: window.start,
  }));
  const rows = await db.usageCounter.findMany({ where: { userKey, featureId, OR: windows } });
  return new Map(rows.map(({ subscriptionId, used }) => [subscriptionId, amountOf(used)]));
}

/**
 * The totals of these windows by what occurred until an instant: in the order of the ledger, deltas add up from the last
 * SET on, as in foldedSql. Reads the whole ledger of the user, once.
 */
export async function readTotalsAt(
  db: Db,
  { userKey, featureId }: Subject,
  counted: readonly Counted[],
  at: Date,
): Promise<Map<bigint, Amount>> {
  const rows = await db.$queryRawUnsafe<{ holding: bigint; used: string }[]>(
    `select holding, sum(delta) filter (where last_set is null or id >= last_set)::text as used from (
       select w.holding, e.id, ${deltaSql('e')} as delta,
         max(e.id) filter (where e.action = 'SET') over (partition by w.holding) as last_set
       from usage_event e
       join unnest($3::bigint[], $4::timestamptz[]) as w(holding, start) on e.occurred_at >= w.start
       where e.user_key = $1 and e.feature_id = $2 and e.occurred_at <= $5
     ) counted group by holding`,
    userKey,
    featureId,
    counted.map(({ subscriptionId }) => subscriptionId),
    counted.map(({ startedAt, window }) => (window.start > startedAt ? window.start : startedAt)),
    at,
  );
  return new Map(rows.map(({ holding, used }) => [holding, amountOf(used)]));
}

/** The top-ups that were alive at an instant, and what their draws until then had left of them. */
export async function readTopUps(
  db: Db,
  { userKey, featureId }: Subject,
  at: Date,
): Promise<TopUpBalance | undefined> {
  const [row] = await db.$queryRawUnsafe<{ granted: string | null; remaining: string | null }[]>(
    `select sum(t.amount)::text as granted, sum(t.amount - coalesce(d.drawn, 0))::text as remaining
     from top_up t
     left join lateral (
       select sum(amount) as drawn from top_up_draw d
       where d.user_key = t.user_key and d.top_up_id = t.id and d.created_at <= $3
     ) d on true
     where t.user_key = $1 and t.feature_id = $2 and t.created_at <= $3 and (t.voided_at is null or t.voided_at > $3)
       and (t.expires_at is null or t.expires_at > $3)`,
    userKey,
    featureId,
    at,
  );
  if (row?.granted == null || row.remaining === null) return undefined;
  return { granted: amountOf(row.granted), remaining: amountOf(row.remaining) };
}

/** What reservations hold that are open now and will be at an instant. */
export async function readHeld(db: Db, { userKey, featureId }: Subject, at: Date): Promise<Amount> {
  const [row] = await db.$queryRaw<{ held: string | null }[]>`
    select sum(held)::text as held from usage_hold
    where user_key = ${userKey} and feature_id = ${featureId} and expires_at > ${at} and expires_at > now()`;
  return amountOf(row?.held ?? 0);
}
