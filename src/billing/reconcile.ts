import type { PrismaClient } from '../database/generated/client.ts';
import type { Connected } from './connection.ts';
import { consequenceOf } from './event-rules.ts';
import { begin } from './import-start.ts';
import { enqueueCustomers, enqueuePrices } from './queue.ts';

const hourMs = 3_600_000;
/** Between two complete imports. */
const fullEveryMs = 24 * hourMs;
/** Stripe lists events for 30 days. Older gaps are closed by a complete import. */
const listedForMs = 29 * 24 * hourMs;
/** Events may be listed a little later than they were made. */
const overlapMs = 600_000;
/** Ids of events are remembered a little longer than Stripe repeats them. */
const rememberedForMs = 35 * 24 * hourMs;

/** Whether it is time to look for what the webhook did not bring. */
export const isDue = ({ reconciledAt }: { reconciledAt: Date | null }, now: Date): boolean =>
  reconciledAt === null || now.getTime() - reconciledAt.getTime() >= hourMs;

/**
 * Finds what the webhook did not bring: reads Stripe's list of events since the last time, and once a day everything.
 * An event that came by the webhook too makes one more question to Stripe, and changes nothing.
 */
export async function reconcile(prisma: PrismaClient, connected: Connected, now: Date): Promise<void> {
  const { environmentId } = connected;
  const state = await prisma.stripeConnection.findUnique({ where: { environmentId } });
  if (state === null || state.disconnectedAt !== null || state.importState === 'RUNNING') return;
  const since = state.eventsUntil;
  const isGap = since === null || now.getTime() - since.getTime() > listedForMs;
  if (!isGap) await followEvents(prisma, connected, since);
  const isOld = state.importEndedAt !== null && now.getTime() - state.importEndedAt.getTime() > fullEveryMs;
  await prisma.$transaction(async (tx) => {
    // Nobody has asked for an import yet: nothing is imported unasked.
    if (state.importEndedAt !== null && (isGap || isOld)) await begin(tx, environmentId);
    await tx.stripeConnection.update({
      where: { environmentId },
      data: { reconciledAt: now, eventsUntil: now },
    });
    await tx.stripeEvent.deleteMany({
      where: { receivedAt: { lt: new Date(now.getTime() - rememberedForMs) } },
    });
  });
}

async function followEvents(
  prisma: PrismaClient,
  { environmentId, stripe }: Connected,
  since: Date,
): Promise<void> {
  const from = Math.floor((since.getTime() - overlapMs) / 1_000);
  const customerIds = new Set<string>();
  let hasPrices = false;
  for await (const event of stripe.events.list({ created: { gte: from }, limit: 100 })) {
    const consequence = consequenceOf(event);
    if (consequence.kind === 'customer') customerIds.add(consequence.customerId);
    hasPrices ||= consequence.kind === 'prices';
  }
  if (hasPrices) await enqueuePrices(prisma, environmentId);
  await enqueueCustomers(prisma, environmentId, [...customerIds]);
}
