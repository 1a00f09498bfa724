import type { IncomingHttpHeaders } from 'node:http';
import type { Encryption } from '../auth/secrets/encryption.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { forStrangers } from '../http/admission.ts';
import type { Gate } from '../http/gate.ts';
import { maxSignedBodyBytes } from '../http/limits.ts';
import { refusal, sendJson } from '../http/response.ts';
import type { Route } from '../http/router.ts';
import { readWebhookSecrets } from './connection.ts';
import { consequenceOf, readEvent } from './event-rules.ts';
import { enqueueCustomers, enqueuePrices } from './queue.ts';
import { noteEvent } from './store.ts';

/** Stripe signs with the time, so that nobody can send an old event again. */
const toleranceSeconds = 300;

interface Receiver {
  prisma: PrismaClient;
  encryption: Encryption;
  gate: Gate;
}

/**
 * The endpoint of Stripe's webhook. The signature says whose account an event is of. It is noted with the work that it
 * makes necessary, in one transaction, and answered; a job then asks Stripe.
 */
export function createStripeRoute(receiver: Receiver): Route {
  const tooLong = refusal('PAYLOAD_TOO_LARGE', 'An event may hold at most 256 KiB.');
  return {
    POST: forStrangers(
      receiver.gate.billingEvents,
      async ({ headers }, response, body) => {
        const isTaken = await take(receiver, headers, body);
        sendJson(response, isTaken ? { status: 200, body: { received: true } } : notSigned);
      },
      { tooLong, maxBytes: maxSignedBodyBytes },
    ),
  };
}

const notSigned = refusal('BAD_REQUEST', 'No connected account of Stripe has signed this event just now.');

/** Takes an event. Returns false if its signature, account or mode is not one of ours; then nothing is stored. */
async function take(
  { prisma, encryption }: Receiver,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<boolean> {
  const signature = headers['stripe-signature']?.toString();
  if (signature === undefined) return false;
  for (const { environmentId, accountId, secrets } of await readWebhookSecrets(prisma, encryption)) {
    const event = readEvent(await verify(body, signature, secrets));
    if (event === null) continue;
    const isOurs =
      event.livemode === (environmentId === 'live') && (event.account ?? accountId) === accountId;
    // Two endpoints may have one secret, as those of Stripe's command line have.
    if (!isOurs) continue;
    await prisma.$transaction(async (tx) => {
      const createdAt = new Date(event.created * 1_000);
      if (!(await noteEvent(tx, environmentId, { id: event.id, type: event.type, createdAt }))) return;
      const consequence = consequenceOf(event);
      if (consequence.kind === 'customer')
        await enqueueCustomers(tx, environmentId, [consequence.customerId], consequence.isUrgent);
      if (consequence.kind === 'prices') await enqueuePrices(tx, environmentId);
    });
    return true;
  }
  return false;
}

/** What one of the secrets signed; null if none did. */
async function verify(body: Buffer, signature: string, secrets: readonly string[]): Promise<unknown> {
  const { default: StripeClient } = await import('stripe');
  for (const secret of secrets) {
    try {
      return StripeClient.webhooks.constructEvent(body, signature, secret, toleranceSeconds);
    } catch {
      // The next secret may be the one.
    }
  }
  return null;
}
