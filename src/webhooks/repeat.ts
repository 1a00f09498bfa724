import { note } from '../audit/record.ts';
import type { Author, Fields } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { invalidInput, webhookNotFound } from '../errors.ts';
import {
  countDue,
  countNextTests,
  endPause,
  findIdBounds,
  insertTest,
  lockWebhookOrMailbox,
  type Repeated,
  repeatDelivery,
  repeatSpan,
  type Span,
} from './store.ts';

/**
 * The most deliveries that one call sends again. As many may be due, with what was due before: what happens now does not
 * wait behind more than that.
 */
export const maxRepeated = 1_000;
/** The most test messages that wait for a webhook at its front: they come before what happened. */
const maxTests = 10;

const noteOf = (tx: Db, author: Author, action: string, webhookId: string, after: Fields) =>
  note(tx, author, { action, type: 'WEBHOOK', id: webhookId }, after);

/** @throws ValidationError, as nothing is sent to a webhook that is disabled */
function requireEnabled({ disabledAt }: { disabledAt: Date | null }, field: string): void {
  if (disabledAt !== null) throw invalidInput(field, 'the webhook is disabled: enable it first');
}

/**
 * Locks a webhook: until the transaction ends it stays enabled.
 *
 * @throws WebhookNotFoundError
 * @throws ValidationError if it is disabled
 */
async function lockEnabled(tx: Db, { environmentId }: Author, id: string, field: string): Promise<void> {
  const webhook = await lockWebhookOrMailbox(tx, environmentId, id);
  if (webhook === null) throw webhookNotFound(id);
  requireEnabled(webhook, field);
}

/**
 * Writes a test message for a webhook.
 *
 * @returns the id of the delivery
 * @throws WebhookNotFoundError
 * @throws ValidationError if many wait already, or the webhook is disabled
 */
export function testWebhook(db: PrismaClient, author: Author, webhookId: string): Promise<bigint> {
  return db.$transaction(async (tx) => {
    // One after the other, so that their number keeps its limit.
    await lockEnabled(tx, author, webhookId, 'id');
    if ((await countNextTests(tx, webhookId, maxTests)) >= maxTests)
      throw invalidInput('id', `${maxTests} test messages wait to be sent to it already`);
    const id = await insertTest(tx, author.environmentId, webhookId);
    await endPause(tx, author.environmentId, webhookId);
    await noteOf(tx, author, 'testWebhook', webhookId, { deliveryId: `${id}` });
    return id;
  });
}

/**
 * Makes a delivery pending again.
 *
 * @returns whether there is one with this id
 * @throws WebhookNotFoundError if its webhook was deleted
 * @throws ValidationError if its webhook is disabled
 */
export function redeliver(db: PrismaClient, author: Author, id: bigint): Promise<boolean> {
  return db.$transaction(async (tx) => {
    const webhookId = await repeatDelivery(tx, author.environmentId, id);
    if (webhookId === null) return false;
    const webhook = await tx.webhook.findUnique({
      where: { environmentId_id: { environmentId: author.environmentId, id: webhookId } },
      select: { disabledAt: true },
    });
    if (webhook === null) throw webhookNotFound(webhookId);
    requireEnabled(webhook, 'id');
    await endPause(tx, author.environmentId, webhookId);
    await noteOf(tx, author, 'redeliver', webhookId, { deliveryId: `${id}` });
    return true;
  });
}

/** What a call has sent again, and whether there may be more. */
export interface RepeatedSpan extends Repeated {
  more: boolean;
}

/**
 * Makes the deliveries of a span pending again, the oldest first, as many as may be due.
 *
 * @throws WebhookNotFoundError if the webhook was deleted
 * @throws ValidationError if it is disabled
 */
export function redeliverSpan(
  db: PrismaClient,
  author: Author,
  span: Omit<Span, 'environmentId'>,
): Promise<RepeatedSpan> {
  const { webhookId, from, to, state } = span;
  return db.$transaction(async (tx) => {
    const bounds = await findIdBounds(tx, from, to);
    await lockEnabled(tx, author, webhookId, 'webhookId');
    const room = maxRepeated - (await countDue(tx, webhookId, maxRepeated));
    const { count, last } = await repeatSpan(
      tx,
      { ...span, environmentId: author.environmentId },
      bounds,
      room,
    );
    await endPause(tx, author.environmentId, webhookId);
    const noted = { from: from.toISOString(), to: to.toISOString(), state, count };
    await noteOf(tx, author, 'redeliverSpan', webhookId, noted);
    return { count, last, more: count === room };
  });
}
