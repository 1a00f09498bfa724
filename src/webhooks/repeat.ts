import { note } from '../audit/record.ts';
import type { Author, Fields } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { endPause, insertTest, repeatDelivery, repeatSpan, type Span } from './store.ts';

/** The most deliveries that one call sends again. */
export const maxRepeated = 1_000;

const noteOf = (tx: Db, author: Author, action: string, webhookId: string, after: Fields) =>
  note(tx, author, { action, type: 'WEBHOOK', id: webhookId }, after);

/** Writes a test message for a webhook. @returns the id of the delivery */
export function testWebhook(db: PrismaClient, author: Author, webhookId: string): Promise<bigint> {
  return db.$transaction(async (tx) => {
    const id = await insertTest(tx, author.environmentId, webhookId);
    await endPause(tx, author.environmentId, webhookId);
    await noteOf(tx, author, 'testWebhook', webhookId, { deliveryId: `${id}` });
    return id;
  });
}

/** Makes a delivery pending again. @returns whether there is one with this id */
export function redeliver(db: PrismaClient, author: Author, id: bigint): Promise<boolean> {
  return db.$transaction(async (tx) => {
    const webhookId = await repeatDelivery(tx, author.environmentId, id);
    if (webhookId === null) return false;
    await endPause(tx, author.environmentId, webhookId);
    await noteOf(tx, author, 'redeliver', webhookId, { deliveryId: `${id}` });
    return true;
  });
}

/** Makes the deliveries of a span pending again, the oldest first. @returns how many */
export function redeliverSpan(
  db: PrismaClient,
  author: Author,
  span: Omit<Span, 'environmentId'>,
): Promise<number> {
  return db.$transaction(async (tx) => {
    const count = await repeatSpan(tx, { ...span, environmentId: author.environmentId }, maxRepeated);
    const { webhookId, from, to, state } = span;
    await endPause(tx, author.environmentId, webhookId);
    const noted = { from: from.toISOString(), to: to.toISOString(), state, count };
    await noteOf(tx, author, 'redeliverSpan', webhookId, noted);
    return count;
  });
}
