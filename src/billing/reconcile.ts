import type { Db } from '../database/client.ts';
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
const rememberedDays = 35;
const deletedAtOnce = 20_000;

/** Whether it is time to look for what the webhook did not bring. */
export const isDue = ({ reconciledAt }: { reconciledAt: Date | null }, now: Date): boolean =>
  reconciledAt === null || now.getTime() - reconciledAt.getTime() >= hourMs;

/** How far Stripe's list of events was read. */
export interface Place {
  /** When the first slice began. */
  now: Date;
  /** The last event that was read; null at first. */
  after: string | null;
}

/**
 * Finds what the webhook did not bring: reads Stripe's list of events since the last time, and once a day everything.
 * An event that came by the webhook too makes one more question to Stripe, and changes nothing.
 *
 * @param until when a slice of it ends
 * @returns where the next slice begins; null once everything is read
 */
export async function reconcile(
  prisma: PrismaClient,
  connected: Connected,
  { now, after }: Place,
  until: number,
): Promise<Place | null> {
  const { environmentId } = connected;
  const state = await prisma.stripeConnection.findUnique({ where: { environmentId } });
  if (state === null || state.disconnectedAt !== null || state.importState === 'RUNNING') return null;
  const since = state.eventsUntil;
  const isGap = since === null || now.getTime() - since.getTime() > listedForMs;
  const next = isGap ? null : await followEvents(prisma, connected, { since, after }, until);
  if (next !== null) return { now, after: next };
  const isOld = state.importEndedAt !== null && now.getTime() - state.importEndedAt.getTime() > fullEveryMs;
  await prisma.$transaction(async (tx) => {
    // Nobody has asked for an import yet: nothing is imported unasked.
    if (state.importEndedAt !== null && (isGap || isOld)) await begin(tx, environmentId);
    await tx.stripeConnection.update({
      where: { environmentId },
      data: { reconciledAt: now, eventsUntil: now },
    });
  });
  return null;
}

/** Reads pages of events, newest first. Returns the last event, if there are older ones. */
async function followEvents(
  prisma: PrismaClient,
  { environmentId, stripe }: Connected,
  { since, after: first }: { since: Date; after: string | null },
  until: number,
): Promise<string | null> {
  const created = { gte: Math.floor((since.getTime() - overlapMs) / 1_000) };
  let after = first;
  do {
    const place = after === null ? {} : { starting_after: after };
    const { data, has_more } = await stripe.events.list({ created, limit: 100, ...place });
    const consequences = data.map(consequenceOf);
    const customerIds = consequences.flatMap((each) => (each.kind === 'customer' ? [each.customerId] : []));
    if (consequences.some(({ kind }) => kind === 'prices')) await enqueuePrices(prisma, environmentId);
    await enqueueCustomers(prisma, environmentId, [...new Set(customerIds)]);
    after = has_more ? (data.at(-1)?.id ?? null) : null;
  } while (after !== null && Date.now() < until);
  return after;
}

/** Forgets events that Stripe no longer sends again, whether Stripe answers or not. */
export async function cleanUpEvents(db: Db): Promise<void> {
  await db.$executeRaw`
    DELETE FROM stripe_event WHERE (environment_id, id) IN (
      SELECT environment_id, id FROM stripe_event
      WHERE received_at < now() - make_interval(days => ${rememberedDays}::int) LIMIT ${deletedAtOnce})`;
}
