import type { Pool, PoolClient } from 'pg';
import type { LeasedWebhook } from '../delivery-store.ts';
import { LOCKED, mailboxUrl, tryLock } from '../store.ts';
import { type EventGroup, mailedTypes, maxExamples } from './mail-rules.ts';

/*
 * The operator's mailbox in an environment is a row among its webhooks, so that events are written for it by the same
 * statements, in the transactions of their changes. Its id names the environment: deliveries are found by it alone.
 */

/** Makes a mailbox in every environment. One that is there stays as it is, with what it waits for. */
export async function addMailboxes(pool: Pool): Promise<void> {
  await pool.query(
    `insert into webhook (environment_id, id, url, events, secret, updated_at)
     select id, 'email-' || id, $1, $2::text[], '', now() from environment
     on conflict (environment_id, id) do update set events = excluded.events
     where webhook.events <> excluded.events`,
    [mailboxUrl, mailedTypes],
  );
}

/** Removes them. What was to be mailed expires as deliveries of a deleted webhook do. */
export async function removeMailboxes(pool: Pool): Promise<void> {
  await pool.query('delete from webhook where url = $1', [mailboxUrl]);
}

const pauseSql = `
  update webhook set paused_until = now() + $4 * interval '1 millisecond'
  where environment_id = $1 and id = $2 and leased_by = $3`;

/** Nothing is mailed before the pause is over, whatever becomes of this process. @returns whether the lease still holds */
export async function pauseMailbox(
  pool: Pool,
  { environmentId, id, lease }: LeasedWebhook,
  pauseMs: number,
): Promise<boolean> {
  const { rowCount } = await pool.query(pauseSql, [environmentId, id, lease, pauseMs]);
  return rowCount === 1;
}

/** What is to be mailed, and the ids of its deliveries. */
export interface DueMail {
  ids: string[];
  groups: EventGroup[];
}

const dueSql = `
  with due as (
    select id, environment_id, event_id from webhook_delivery
    where webhook_id = $1 and state = 'PENDING' and next_attempt_at <= now()
    order by next_attempt_at, id limit $2
  )
  select e.type, count(*)::int as count, array_agg(due.id::text) as ids,
    (array_agg(e.data order by e.id))[1:${maxExamples}] as examples, min(e.created_at) as first, max(e.created_at) as last
  from due cross join lateral (
    select * from webhook_event e where e.environment_id = due.environment_id and e.id = due.event_id limit 1
  ) e
  group by e.type, e.data -> 'flag', e.data -> 'billingFlag', e.data -> 'featureId', e.data -> 'threshold',
    e.data -> 'thresholdAmount', e.data ? 'topUpId'
  order by min(e.id)`;

/** What a mailbox waits for, at most `count` events, what is due longest first. */
export async function findDueMail(pool: Pool, mailboxId: string, count: number): Promise<DueMail> {
  const { rows } = await pool.query<EventGroup & { ids: string[] }>(dueSql, [mailboxId, count]);
  return { ids: rows.flatMap(({ ids }) => ids), groups: rows };
}

/** What became of a mail. */
export interface Mailed {
  at: Date;
  durationMs: number;
  /** Why it was not sent, as a sentence; null if it was. */
  problem: string | null;
}

/* A mail that was sent was sent; a failure counts only while nobody else has the lease, who may have mailed the same. */
const saveSql = `
  update webhook_delivery
  set attempts = attempts + 1, last_attempt_at = $2, duration_ms = $3, problem = $4,
    state = case when $4::text is null then 'DELIVERED' when retry_until <= now() then 'DEAD' else 'PENDING' end
      ::"WebhookDeliveryState"
  where id = any ($1::bigint[]) and state <> 'DELIVERED' and (
    $4::text is null
    or exists (select from webhook where environment_id = $5 and id = $6 and leased_by = $7)
  )`;

const healthSql = `
  update webhook
  set failures = case when $4::text is null then 0 else failures + 1 end,
    failing_since = case when $4::text is null then null else coalesce(failing_since, now()) end,
    paused_until = now() + $5 * interval '1 millisecond'
  where environment_id = $1 and id = $2 and leased_by = $3`;

/**
 * Saves what became of a mail, and until when the mailbox rests. Call it in a transaction.
 *
 * @returns LOCKED if nothing is saved, as somebody else has locked the mailbox
 */
export async function saveMailed(
  client: PoolClient,
  { environmentId, id, lease }: LeasedWebhook,
  { ids, at, durationMs, problem, pauseMs }: Mailed & { ids: readonly string[]; pauseMs: number },
): Promise<typeof LOCKED | null> {
  if (!(await tryLock(client, { environmentId, id }))) return LOCKED;
  await client.query(saveSql, [ids, at, durationMs, problem, environmentId, id, lease]);
  await client.query(healthSql, [environmentId, id, lease, problem, pauseMs]);
  return null;
}
