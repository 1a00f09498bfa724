import type { Pool, PoolClient } from 'pg';
import type { HealthAfter, Next } from './schedule-rules.ts';
import { bringForwardSql, LOCKED, mailboxUrl, tryLock } from './store.ts';

/** A webhook that this process sends to at the moment. */
export interface LeasedWebhook {
  environmentId: string;
  id: string;
  /** Another one each time that a webhook is leased: who has lost a lease cannot take the next one for it. */
  lease: string;
  url: string;
  includePersonalData: boolean;
  /** Encrypted. */
  secret: string;
  /** Those before the last rotations, as long as they sign too. */
  previousSecret: string | null;
  olderSecret: string | null;
  failures: number;
  failingSince: Date | null;
  /** What became due before this is not to be read now; null: everything is. See Look. */
  dueSince: Date | null;
}

/*
 * What was delivered leaves an entry behind in the index of what is pending. PostgreSQL drops it only when no transaction
 * is older than the delivery: a backup of an hour keeps those of an hour. So most looks read only the newest part of the
 * index. Nothing is missed by that, because every tenth look reads all of it: a message may be due since long when it
 * appears, for it was put back, or its transaction took long. And everything is read of a webhook that has failed: the
 * pauses are over of what waits for it.
 */

/** The part of the index that a look reads: what became due within the last 10 seconds, or everything. */
export type Look = 'RECENT' | 'ALL';

/** Longer than a batch takes; see deliver.ts. When a process is killed, others wait for the end of its leases. */
export const leaseMs = 30_000;
const leasedFor = `interval '${leaseMs} milliseconds'`;

const leaseSql = `
  with due as (
    select w.environment_id, w.id, since from webhook w
    cross join lateral (
      select case when $3 = 'RECENT' and w.failures = 0 then now() - interval '10 seconds' end as since offset 0
    ) s
    where w.disabled_at is null and coalesce(w.paused_until, now()) <= now()
      and coalesce(w.leased_until, now()) <= now() and ($2 or w.url <> '${mailboxUrl}')
      and (
        select true from webhook_delivery d
        where d.webhook_id = w.id and d.state = 'PENDING' and d.next_attempt_at <= now()
          and d.next_attempt_at >= coalesce(since, '-infinity')
        order by d.next_attempt_at limit 1
      )
    limit $1 for no key update of w skip locked
  )
  update webhook w set leased_by = gen_random_uuid(), leased_until = now() + ${leasedFor}
  from due where w.environment_id = due.environment_id and w.id = due.id
  returning w.environment_id as "environmentId", w.id, w.leased_by as lease, w.url, w.include_personal_data as "includePersonalData", w.secret,
    case when w.previous_secret_until > now() then w.previous_secret end as "previousSecret",
    case when w.older_secret_until > now() then w.older_secret end as "olderSecret", w.failures,
    w.failing_since as "failingSince", due.since as "dueSince"`;

/**
 * Leases the webhooks that have something to be sent now, and that no other process serves. Each webhook is asked on its
 * own, by an ordered subquery with a limit: the planner would turn `exists` into a join that reads whatever is pending.
 *
 * @param withMailboxes whether this process can send mail
 */
export async function leaseDue(
  pool: Pick<Pool, 'query'>,
  count: number,
  { look, withMailboxes }: { look: Look; withMailboxes: boolean },
): Promise<LeasedWebhook[]> {
  const { rows } = await pool.query<LeasedWebhook>({
    name: 'lease webhooks',
    text: leaseSql,
    values: [count, withMailboxes, look],
  });
  return rows;
}

const endLeaseSql = `
  with own as (
    select environment_id, id from webhook where environment_id = $1 and id = $2 and leased_by = $3
    for no key update skip locked
  ), ended as (
    update webhook w set leased_by = null, leased_until = null from own
    where w.environment_id = own.environment_id and w.id = own.id
    returning true
  )
  select not exists (select from ended) and exists (
    select from webhook where environment_id = $1 and id = $2 and leased_by = $3
  ) as locked`;

/** Ends the lease, if it still holds. @returns LOCKED if somebody else has locked the webhook */
export async function endLease(
  pool: Pool,
  { environmentId, id, lease }: LeasedWebhook,
): Promise<typeof LOCKED | null> {
  const { rows } = await pool.query<{ locked: boolean }>({
    name: 'end lease',
    text: endLeaseSql,
    values: [environmentId, id, lease],
  });
  return rows[0]?.locked === true ? LOCKED : null;
}

/** A delivery to attempt, with its event. */
export interface DueDelivery {
  id: string;
  attempts: number;
  retryUntil: Date;
  messageId: string;
  type: string;
  data: Record<string, unknown>;
  createdAt: Date;
  nextAttemptAt: Date;
  /** The database's clock. */
  now: Date;
}

/** Where reading goes on in the order of what is due. */
export interface Position {
  nextAttemptAt: Date | null;
  /** Of a delivery. */
  id: string;
}

/*
 * Each event is looked up on its own: the planner, where it believes that there are few events, would join by reading all
 * of them for each delivery.
 */
const dueSql = `
  select d.id, d.attempts, d.retry_until as "retryUntil", d.next_attempt_at as "nextAttemptAt",
    e.message_id as "messageId", e.type, e.data, e.created_at as "createdAt", now() as now
  from (
    select id, environment_id, event_id, attempts, retry_until, next_attempt_at from webhook_delivery
    where webhook_id = $1 and state = 'PENDING' and next_attempt_at <= now()
      and (next_attempt_at, id) > (coalesce($3::timestamptz, '-infinity'), $4::bigint)
    order by next_attempt_at, id limit $2
  ) d
  cross join lateral (
    select * from webhook_event e where e.environment_id = d.environment_id and e.id = d.event_id limit 1
  ) e
  order by d.next_attempt_at, d.id`;

/** What is to be sent to a webhook now, what is due longest first. @param after only what comes after this */
export async function findDue(
  pool: Pick<Pool, 'query'>,
  webhookId: string,
  after: Position,
  count: number,
): Promise<DueDelivery[]> {
  const { rows } = await pool.query<DueDelivery>({
    name: 'due deliveries',
    text: dueSql,
    values: [webhookId, count, after.nextAttemptAt, after.id],
  });
  return rows;
}

/** What a webhook may know about these users, by id: as they are now. */
export async function findPersons(
  pool: Pool,
  environmentId: string,
  ids: readonly string[],
): Promise<Map<string, object>> {
  const { rows } = await pool.query<{ id: string }>(
    `select id, name, email, billing_id as "billingId", metadata from "user"
     where environment_id = $1 and id = any ($2::text[]) and merged_into is null`,
    [environmentId, ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** What an attempt did to a delivery. */
export interface Attempt extends Next {
  id: string;
  /** With this one. */
  attempts: number;
  /** As it was when the delivery was read. */
  retryUntil: Date;
  at: Date;
  durationMs: number;
  status: number | null;
  body: string | null;
  problem: string | null;
}

/*
 * The lease may have ended before the answer, and others may have sent the same message. So an attempt is saved only if
 * nobody has asked for the message again since it was read: that sets retry_until. A success is true whatever others saw.
 * A failure counts only if it is the next one: it changes nothing that was delivered, given up, or attempted meanwhile.
 *
 * The ids are named twice: where the planner believes that there are few deliveries, it would join by reading all of them.
 */
const saveSql = `
  update webhook_delivery d
  set state = a.state::"WebhookDeliveryState", attempts = greatest(d.attempts, a.attempts), next_attempt_at = a.next_attempt_at,
    last_attempt_at = a.at, duration_ms = a.duration_ms, response_status = a.status, response_body = a.body,
    problem = a.problem
  from unnest($1::bigint[], $2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::integer[],
    $7::integer[], $8::text[], $9::text[], $10::timestamptz[])
    as a(id, state, attempts, next_attempt_at, at, duration_ms, status, body, problem, retry_until)
  where d.id = a.id and d.id = any ($1) and d.retry_until = a.retry_until and d.state <> 'DELIVERED'
    and (a.state = 'DELIVERED' or d.state = 'PENDING' and d.attempts = a.attempts - 1)`;

const healthSql = `
  update webhook set failures = $4, failing_since = $5, paused_until = $6,
    disabled_at = case when $7::text is null then disabled_at else now() end,
    disabled_reason = coalesce($7, disabled_reason), leased_until = now() + ${leasedFor}
  where environment_id = $1 and id = $2 and leased_by = $3 and disabled_at is null`;

/**
 * Saves attempts, and how the webhook answers; if it is back, what waits is brought forward. Call it in a transaction.
 *
 * @returns whether the lease still holds, and the webhook is still there; LOCKED if nothing is saved, as somebody else has
 *   locked the webhook
 */
export async function saveAttempts(
  client: Pick<PoolClient, 'query'>,
  { environmentId, id, lease }: Pick<LeasedWebhook, 'environmentId' | 'id' | 'lease'>,
  attempts: readonly Attempt[],
  { failures, failingSince, pausedUntil, disabledReason, isBack }: HealthAfter & { isBack: boolean },
): Promise<boolean | typeof LOCKED> {
  if (!(await tryLock(client, { environmentId, id }))) return LOCKED;
  await client.query({
    name: 'save attempts',
    text: saveSql,
    values: [
      attempts.map((attempt) => attempt.id),
      attempts.map(({ state }) => state),
      attempts.map((attempt) => attempt.attempts),
      attempts.map(({ nextAttemptAt }) => nextAttemptAt),
      attempts.map(({ at }) => at),
      attempts.map(({ durationMs }) => durationMs),
      attempts.map(({ status }) => status),
      attempts.map(({ body }) => body),
      attempts.map(({ problem }) => problem),
      attempts.map(({ retryUntil }) => retryUntil),
    ],
  });
  if (isBack) await client.query(bringForwardSql, [id]);
  const { rowCount } = await client.query({
    name: 'save health',
    text: healthSql,
    values: [environmentId, id, lease, failures, failingSince, pausedUntil, disabledReason],
  });
  return rowCount === 1;
}

/** How long events and their deliveries are kept. */
const keptFor = `interval '14 days'`;

/*
 * What is still pending after its time belongs to a webhook that was paused, disabled or deleted. Deliveries that were
 * repeated lately are kept, and with them their event. Each step reads what its time has come for, not all that waits:
 * the order makes the planner use the index, and a subquery with a limit is no join. The index of `expire` is for those who
 * compare with -infinity: the planner, where it believes that little is pending, would use it for looks too.
 */
const cleanUpSql = {
  expire: `
    update webhook_delivery set state = 'DEAD' where id in (
      select id from webhook_delivery d where state = 'PENDING' and retry_until < now() and retry_until > '-infinity'
        and not exists (
          select from webhook w where w.id = d.webhook_id and w.disabled_at is null
            and coalesce(w.leased_until, now()) > now()
        )
      order by retry_until limit $1 for update skip locked)`,
  forget: `
    delete from webhook_delivery where id in (
      select id from webhook_delivery
      where created_at < now() - ${keptFor} and state <> 'PENDING' and retry_until < now()
      order by created_at limit $1 for update skip locked)`,
  prune: `
    delete from webhook_event where (environment_id, id) in (
      select e.environment_id, e.id from webhook_event e
      where e.created_at < now() - ${keptFor} and (
        select true from webhook_delivery d where d.environment_id = e.environment_id and d.event_id = e.id limit 1
      ) is null
      order by e.created_at limit $1)`,
};

/** Does one batch of each step. @returns the most rows that a step changed: fewer than `count`, and all is done */
export async function cleanUpOnce(pool: Pick<Pool, 'query'>, count: number): Promise<number> {
  let most = 0;
  for (const sql of Object.values(cleanUpSql))
    most = Math.max(most, (await pool.query(sql, [count])).rowCount ?? 0);
  return most;
}
