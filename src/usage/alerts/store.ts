import type { PoolClient } from 'pg';
import { amountOf, numberOf, numberOrNull } from '../../amount.ts';
import { writeEventsOn } from '../../webhooks/outbox/store.ts';
import type { Alert, Next } from './rules.ts';

/** An alert that is due, with what is told of it. */
export interface DueAlert extends Alert {
  environmentId: string;
  userKey: bigint;
  userId: string;
  featureId: string;
  packageId: string;
  threshold: number;
  amount: string;
  used: string;
  now: Date;
}

interface DueRow extends Omit<DueAlert, 'userKey' | 'subscriptionId'> {
  userKey: string;
  subscriptionId: string;
}

const dueSql = `
  select a.environment_id as "environmentId", a.user_key as "userKey", u.id as "userId",
    a.subscription_id as "subscriptionId", a.feature_id as "featureId", a.window_start as "windowStart", a.threshold,
    a.amount, a.threshold = 0 and a.amount = 0 as "tellsEnd", a.created_at as "createdAt", a.due_at as "dueAt",
    coalesce(s.package_id, '') as "packageId", coalesce(c.used, 0) as used, now() as now
  from usage_alert a
  join "user" u on u.key = a.user_key
  left join subscription s on s.user_key = a.user_key and s.id = a.subscription_id
  left join usage_counter c on c.user_key = a.user_key and c.subscription_id = a.subscription_id
    and c.feature_id = a.feature_id and c.window_start = a.window_start
  where a.due_at <= now() order by a.due_at limit $1 for update of a skip locked`;

/** Locks alerts that are due, what is due longest first. */
export async function lockDue(client: PoolClient, count: number): Promise<DueAlert[]> {
  const { rows } = await client.query<DueRow>(dueSql, [count]);
  return rows.map((row) => ({
    ...row,
    userKey: BigInt(row.userKey),
    subscriptionId: BigInt(row.subscriptionId),
  }));
}

const keys = '$1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::integer[], $6::numeric[]';
const keyColumns = 'user_key, subscription_id, feature_id, window_start, threshold, amount';
/* The users are named twice: where the planner believes that there are few alerts, it would join by reading all of them. */
const isKeyed = `a.user_key = any ($1) and a.user_key = i.user_key and a.subscription_id = i.subscription_id and a.feature_id = i.feature_id
  and a.window_start = i.window_start and a.threshold = i.threshold and a.amount = i.amount`;

const keysOf = (alerts: readonly DueAlert[]) => [
  alerts.map(({ userKey }) => userKey),
  alerts.map(({ subscriptionId }) => subscriptionId),
  alerts.map(({ featureId }) => featureId),
  alerts.map(({ windowStart }) => windowStart),
  alerts.map(({ threshold }) => threshold),
  alerts.map(({ amount }) => amount),
];

/** An alert, and what becomes of it. */
export interface Followed {
  alert: DueAlert;
  next: Next;
}

/** Saves what becomes of these locked alerts, and writes their events. */
export async function saveFollowed(client: PoolClient, followed: readonly Followed[]): Promise<void> {
  const gone = followed.filter(({ next }) => next.kind === 'FORGET').map(({ alert }) => alert);
  const kept = followed.flatMap(({ alert, next }) =>
    next.kind === 'FORGET' ? [] : [{ alert, until: next.until }],
  );
  await client.query(
    `delete from usage_alert a using unnest(${keys}) as i(${keyColumns}) where ${isKeyed}`,
    keysOf(gone),
  );
  await client.query(
    `update usage_alert a set due_at = i.until
     from unnest(${keys}, $7::timestamptz[]) as i(${keyColumns}, until) where ${isKeyed}`,
    [...keysOf(kept.map(({ alert }) => alert)), kept.map(({ until }) => until)],
  );
  const environments = new Set(followed.map(({ alert }) => alert.environmentId));
  for (const environmentId of environments) {
    const own = followed.filter(({ alert }) => alert.environmentId === environmentId);
    await writeEventsOn(client, environmentId, own.flatMap(eventsOf));
  }
}

function eventsOf({ alert, next }: Followed) {
  if (next.kind !== 'TELL') return [];
  const data = {
    userId: alert.userId,
    featureId: alert.featureId,
    subscriptionId: `${alert.subscriptionId}`,
    packageId: alert.packageId,
    limit: numberOrNull(next.limit),
    windowStart: next.endedAt.toISOString(),
    previousWindowStart: alert.windowStart.toISOString(),
    previousUsed: numberOf(amountOf(alert.used)),
  };
  return [{ type: 'usage.window_reset' as const, data }];
}
