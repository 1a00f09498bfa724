import { type Amount, amountOf } from '../../amount.ts';
import type { Db } from '../../database/client.ts';

/** An event that is to be sent to a meter. */
export interface DueEvent {
  id: bigint;
  packageId: string;
  featureId: string;
  customerId: string;
  value: Amount;
  occurredAt: Date;
  /** When it was first sent without an answer; null: surely not received. */
  triedAt: Date | null;
  eventName: string;
  customerKey: string;
  valueKey: string;
  /** Whether no other package sends the same usage. */
  isFirst: boolean;
}

/** The next events that are due, in the order of the ledger, and notes that they are sent now. */
export async function beginSending(db: Db, environmentId: string, take: number): Promise<DueEvent[]> {
  const rows = await db.$queryRaw<(Omit<DueEvent, 'value'> & { value: string })[]>`
    WITH due AS (
      SELECT e.*, m.event_name, m.customer_key, m.value_key, NOT EXISTS (
        SELECT FROM billing_meter_event o
        WHERE o.environment_id = e.environment_id AND o.id = e.id AND o.package_id < e.package_id) AS is_first
      FROM billing_meter_event e
      JOIN billing_meter m ON m.environment_id = e.environment_id AND m.package_id = e.package_id
        AND m.feature_id = e.feature_id
      WHERE e.environment_id = ${environmentId} AND e.state = 'PENDING' AND e.next_try_at <= now() AND EXISTS (
        SELECT FROM stripe_connection WHERE environment_id = ${environmentId} AND disconnected_at IS NULL)
      ORDER BY e.id, e.package_id LIMIT ${take}
    ), noted AS (
      UPDATE billing_meter_event e SET tried_at = coalesce(e.tried_at, now()) FROM due
      WHERE e.environment_id = due.environment_id AND e.id = due.id AND e.package_id = due.package_id
    )
    SELECT id, package_id AS "packageId", feature_id AS "featureId", customer_id AS "customerId", value::text,
      occurred_at AS "occurredAt", tried_at AS "triedAt", event_name AS "eventName", customer_key AS "customerKey",
      value_key AS "valueKey", is_first AS "isFirst"
    FROM due ORDER BY id, package_id`;
  return rows.map(({ value, ...row }) => ({ ...row, value: amountOf(value) }));
}

/** These were not sent after all. Of one that was sent before nobody knows. */
export async function releaseUnsent(
  db: Db,
  environmentId: string,
  events: readonly DueEvent[],
): Promise<void> {
  const fresh = events.filter(({ triedAt }) => triedAt === null);
  if (fresh.length === 0) return;
  await db.$executeRaw`
    UPDATE billing_meter_event e SET tried_at = NULL
    FROM unnest(${fresh.map(({ id }) => id)}::bigint[], ${fresh.map(({ packageId }) => packageId)}::text[]) u(id, package_id)
    WHERE e.environment_id = ${environmentId} AND e.id = u.id AND e.package_id = u.package_id`;
}

/** Stripe has it. */
export async function noteSent(db: Db, environmentId: string, { id, packageId, featureId }: DueEvent) {
  await db.$executeRaw`
    WITH sent AS (
      UPDATE billing_meter_event SET state = 'SENT', sent_at = now(), problem = NULL
      WHERE environment_id = ${environmentId} AND id = ${id} AND package_id = ${packageId} AND state = 'PENDING'
      RETURNING 1
    )
    UPDATE billing_meter SET sent = sent + 1, last_sent_at = now()
    WHERE environment_id = ${environmentId} AND package_id = ${packageId} AND feature_id = ${featureId}
      AND EXISTS (SELECT FROM sent)`;
}

export async function noteFailed(
  db: Db,
  environmentId: string,
  { id, packageId }: DueEvent,
  problem: string,
): Promise<void> {
  await db.$executeRaw`
    UPDATE billing_meter_event SET state = 'FAILED', problem = ${problem}
    WHERE environment_id = ${environmentId} AND id = ${id} AND package_id = ${packageId} AND state = 'PENDING'`;
}

/** It is sent again later. @param isUnheard whether Stripe surely has not taken it */
export async function delayEvent(
  db: Db,
  environmentId: string,
  { id, packageId }: DueEvent,
  { problem, isUnheard }: { problem: string; isUnheard: boolean },
): Promise<void> {
  await db.$executeRaw`
    UPDATE billing_meter_event SET tries = tries + 1, problem = ${problem},
      tried_at = CASE WHEN ${isUnheard} THEN NULL ELSE tried_at END,
      next_try_at = now() + least(power(2, least(tries, 12)) * interval '5 seconds', interval '30 minutes')
    WHERE environment_id = ${environmentId} AND id = ${id} AND package_id = ${packageId} AND state = 'PENDING'`;
}

/** Makes the failed events of a meter pending again. Returns how many. */
export async function retryFailed(
  db: Db,
  environmentId: string,
  { packageId, featureId }: { packageId: string; featureId: string },
): Promise<number> {
  const { count } = await db.billingMeterEvent.updateMany({
    where: { environmentId, packageId, featureId, state: 'FAILED' },
    data: { state: 'PENDING', nextTryAt: new Date(), triedAt: null, tries: 0 },
  });
  return count;
}

/** Forgets the windows of a meter that was deleted: usage from then until now was not looked at. */
export async function forgetMeterWindows(
  db: Db,
  environmentId: string,
  { packageId, featureId }: { packageId: string; featureId: string },
): Promise<void> {
  await db.$executeRaw`
    DELETE FROM billing_meter_window WHERE environment_id = ${environmentId} AND feature_id = ${featureId}
      AND subscription_id IN (
        SELECT id FROM subscription WHERE environment_id = ${environmentId} AND package_id = ${packageId})`;
}

/** How long sent events are kept, so that sums can be compared. */
const sentKeptDays = 60;
/** Stripe takes usage of the last 35 days. The newest window of what is still held stays, as long as it may be. */
const windowsKeptDays = 40;
const deletedAtOnce = 10_000;

/** Deletes what is no longer needed, at most so many rows at once. */
export async function cleanUpMeters(db: Db): Promise<void> {
  await db.$executeRaw`
    DELETE FROM billing_meter_event WHERE (environment_id, id, package_id) IN (
      SELECT environment_id, id, package_id FROM billing_meter_event
      WHERE state = 'SENT' AND sent_at < now() - make_interval(days => ${sentKeptDays}) LIMIT ${deletedAtOnce})`;
  await db.$executeRaw`
    DELETE FROM billing_meter_window WHERE (environment_id, subscription_id, feature_id, window_start) IN (
      SELECT environment_id, subscription_id, feature_id, window_start FROM billing_meter_window w
      WHERE metered_at < now() - make_interval(days => ${windowsKeptDays}) AND (
        EXISTS (
          SELECT FROM billing_meter_window n WHERE n.environment_id = w.environment_id
            AND n.subscription_id = w.subscription_id AND n.feature_id = w.feature_id
            AND n.window_start > w.window_start)
        OR NOT EXISTS (
          SELECT FROM subscription s WHERE s.id = w.subscription_id AND (s.ended_at IS NULL
            OR s.ended_at > now() - make_interval(days => ${windowsKeptDays}))))
      LIMIT ${deletedAtOnce})`;
}
