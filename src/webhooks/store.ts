import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Db } from '../database/client.ts';
import type { Prisma, Webhook, WebhookDelivery } from '../database/generated/client.ts';

export const newWebhookId = (): string => `wh_${randomUUID().replaceAll('-', '')}`;

/** Where the secrets of a webhook are stored; see Encryption. */
export const secretLocation = (environmentId: string, id: string): string => `webhook ${environmentId} ${id}`;

/** What the operator's mailboxes have in place of an address; see email/store.ts. Nobody else reads or changes them. */
export const mailboxUrl = 'mailto:';

/** Webhooks of an environment are created one after the other, so that their number keeps its limit. */
export async function lockWebhooks(tx: Db, environmentId: string): Promise<void> {
  await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtext('webhooks'), hashtext(${environmentId}))::text`;
}

export const countWebhooks = (tx: Db, environmentId: string): Promise<number> =>
  tx.webhook.count({ where: { environmentId, url: { not: mailboxUrl } } });

export async function insertWebhook(tx: Db, data: Prisma.WebhookUncheckedCreateInput): Promise<void> {
  await tx.webhook.create({ data, select: { id: true } });
}

/**
 * Locks a webhook, of the environment and the id that are the parameters. Who changes deliveries that are there locks
 * their webhook first, and skips none: in another order, two who change the same ones could wait for each other.
 */
export const lockSql = 'select from webhook where environment_id = $1 and id = $2 for no key update';

/** Somebody else has locked the webhook. */
export const LOCKED = Symbol('locked');

const tryLockSql = `
  select not exists (select from webhook where environment_id = $1 and id = $2) or exists (
    select from webhook where environment_id = $1 and id = $2 for no key update skip locked
  ) as free`;

/** Locks a webhook, if it is there, without waiting. @returns false if somebody else has locked it */
export async function tryLock(
  client: Pick<PoolClient, 'query'>,
  { environmentId, id }: { environmentId: string; id: string },
): Promise<boolean> {
  const { rows } = await client.query<{ free: boolean }>({
    name: 'try to lock webhook',
    text: tryLockSql,
    values: [environmentId, id],
  });
  return rows[0]?.free === true;
}

/** Locks a webhook, or the mailbox, until the transaction ends; null if there is none with this id. */
export async function lockWebhookOrMailbox(
  tx: Db,
  environmentId: string,
  id: string,
): Promise<Webhook | null> {
  await tx.$executeRawUnsafe(lockSql, environmentId, id);
  return tx.webhook.findUnique({ where: { environmentId_id: { environmentId, id } } });
}

/** Locks a webhook until the transaction ends; null if there is none with this id. */
export async function lockWebhook(tx: Db, environmentId: string, id: string): Promise<Webhook | null> {
  const webhook = await lockWebhookOrMailbox(tx, environmentId, id);
  return webhook?.url === mailboxUrl ? null : webhook;
}

/** The most deliveries that are deleted with their webhook. The clean-up job deletes the rest. */
const maxDeleted = 10_000;

export async function deleteDeliveries(tx: Db, environmentId: string, webhookId: string): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM webhook_delivery WHERE id IN (
      SELECT id FROM webhook_delivery WHERE environment_id = ${environmentId} AND webhook_id = ${webhookId}
      LIMIT ${maxDeleted})`;
}

/** Makes a delivery pending again. @returns the id of its webhook; null if there is no delivery with this id */
export async function repeatDelivery(db: Db, environmentId: string, id: bigint): Promise<string | null> {
  const found = await db.webhookDelivery.findFirst({
    select: { webhookId: true },
    where: { environmentId, id },
  });
  if (found === null) return null;
  await db.$executeRawUnsafe(lockSql, environmentId, found.webhookId);
  const repeated = await db.$executeRaw`
    UPDATE webhook_delivery
    SET state = 'PENDING', attempts = 0, next_attempt_at = now(), retry_until = now() + interval '3 days'
    WHERE environment_id = ${environmentId} AND id = ${id}`;
  return repeated === 0 ? null : found.webhookId;
}

/** What is repeated: deliveries of a webhook that were made in a span. */
export interface Span {
  environmentId: string;
  webhookId: string;
  from: Date;
  to: Date;
  state: WebhookDelivery['state'];
  /** Only deliveries after the one with this id. */
  after: bigint;
}

/** Longer than any transaction that writes deliveries. */
const longestTransaction = `1 hour`;

/** Ids that all deliveries of a span lie between. Null: there is no bound. */
interface IdBounds {
  above: bigint | null;
  below: bigint | null;
}

/**
 * Finds where a span begins and ends in the order of ids: an index leads there, and what came before and after, up to two
 * weeks of it, is not read. Ids are given in the order of time, but a delivery tells when its transaction began, so there
 * is a margin on both sides.
 */
export async function findIdBounds(db: Db, from: Date, to: Date): Promise<IdBounds> {
  const [bounds] = await db.$queryRaw<IdBounds[]>`
    SELECT (
      SELECT id FROM webhook_delivery WHERE created_at < ${from}::timestamptz - ${longestTransaction}::interval
      ORDER BY created_at DESC LIMIT 1
    ) AS above, (
      SELECT id FROM webhook_delivery WHERE created_at > ${to}::timestamptz + ${longestTransaction}::interval
      ORDER BY created_at LIMIT 1
    ) AS below`;
  return bounds ?? { above: null, below: null };
}

/** How many deliveries of a webhook are due now, counted up to `most`. */
export async function countDue(tx: Db, webhookId: string, most: number): Promise<number> {
  const [row] = await tx.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM (
      SELECT FROM webhook_delivery
      WHERE webhook_id = ${webhookId} AND state = 'PENDING' AND next_attempt_at <= now() LIMIT ${most}) due`;
  return row?.count ?? 0;
}

/** How many of the next deliveries of a webhook are test messages, of so many. */
export async function countNextTests(tx: Db, webhookId: string, most: number): Promise<number> {
  const [row] = await tx.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM (
      SELECT environment_id, event_id FROM webhook_delivery
      WHERE webhook_id = ${webhookId} AND state = 'PENDING' ORDER BY next_attempt_at, id LIMIT ${most}) next
    CROSS JOIN LATERAL (
      SELECT type FROM webhook_event e WHERE e.environment_id = next.environment_id AND e.id = next.event_id LIMIT 1) e
    WHERE e.type = 'webhook.test'`;
  return row?.count ?? 0;
}

const maxId = 2n ** 63n - 1n;
/** Added to a time so that no index of times is used: that one holds the deliveries of all webhooks. */
const none = '0 seconds';

/** What was repeated: how many, and the last one of them. */
export interface Repeated {
  count: number;
  last: bigint | null;
}

/**
 * Makes the deliveries of a span pending again, the oldest first, at most `count`. Call it under a lock of the webhook.
 *
 * @param bounds those of the span
 */
export async function repeatSpan(
  db: Db,
  { environmentId, webhookId, from, to, state, after }: Span,
  { above, below }: IdBounds,
  count: number,
): Promise<Repeated> {
  const first = above !== null && above > after ? above : after;
  const last = below ?? maxId;
  const [row] = await db.$queryRaw<Repeated[]>`
    WITH chosen AS (
      SELECT id FROM webhook_delivery
      WHERE environment_id = ${environmentId} AND webhook_id = ${webhookId} AND id > ${first} AND id < ${last}
        AND state = ${state}::"WebhookDeliveryState" AND created_at + ${none}::interval >= ${from} AND created_at + ${none}::interval < ${to}
      ORDER BY id LIMIT ${count} FOR UPDATE
    ), repeated AS (
      UPDATE webhook_delivery d
      SET state = 'PENDING', attempts = 0, next_attempt_at = now(), retry_until = now() + interval '3 days'
      WHERE d.id = ANY (ARRAY(SELECT id FROM chosen)) RETURNING d.id
    )
    SELECT count(*)::int AS count, max(id) AS last FROM repeated`;
  return row ?? { count: 0, last: null };
}

/** The most deliveries that are brought forward at once. The rest keep their pauses. */
const maxForward = 1_000;

/**
 * Brings what a webhook waits to get forward: each is due a minute after its last attempt, and at once if that is over.
 * Skips rows that somebody else changes: it may run under a lock of the webhook. The one parameter is the webhook's id.
 */
export const bringForwardSql = `
  update webhook_delivery set next_attempt_at = greatest(now(), last_attempt_at + interval '1 minute')
  where id in (
    select id from webhook_delivery
    where webhook_id = $1 and state = 'PENDING' and next_attempt_at > now()
      and next_attempt_at > last_attempt_at + interval '1 minute'
    order by next_attempt_at limit ${maxForward} for update skip locked)`;

export async function bringForward(tx: Db, webhookId: string): Promise<void> {
  await tx.$executeRawUnsafe(bringForwardSql, webhookId);
}

/** Ends the pause of a webhook that fails: somebody asked for a message now. A mailbox keeps its rest. */
export async function endPause(tx: Db, environmentId: string, webhookId: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE webhook SET paused_until = NULL
    WHERE environment_id = ${environmentId} AND id = ${webhookId} AND url <> ${mailboxUrl} AND paused_until IS NOT NULL`;
}

/**
 * Writes a test message for one webhook, whatever it asked for. It is first among what waits: a webhook that fails gets
 * one message at a time.
 *
 * @returns the id of the delivery
 */
export async function insertTest(db: Db, environmentId: string, webhookId: string): Promise<bigint> {
  const [row] = await db.$queryRaw<{ id: bigint }[]>`
    WITH event AS (
      INSERT INTO webhook_event (environment_id, type, data)
      VALUES (${environmentId}, 'webhook.test', jsonb_build_object('webhookId', ${webhookId}::text))
      RETURNING environment_id, id
    )
    INSERT INTO webhook_delivery (environment_id, webhook_id, event_id, retry_until, next_attempt_at)
    SELECT environment_id, ${webhookId}, id, now() + interval '1 hour',
      least(now(), (
        SELECT min(next_attempt_at) - interval '1 millisecond' FROM webhook_delivery
        WHERE webhook_id = ${webhookId} AND state = 'PENDING'))
    FROM event RETURNING id`;
  if (row === undefined) throw new Error('a test message was not stored');
  return row.id;
}
