import type { Logger } from 'pino';
import type Stripe from 'stripe';
import { unavailabilityOf } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Connected } from './connection.ts';
import { readAllPrices } from './prices.ts';
import { noteAnswer, noteProblem } from './problem.ts';
import { enqueueCustomers, enqueueImport, sliceMs } from './queue.ts';
import { type Cursor, cursorOf, listCustomers } from './read.ts';
import { nextReadNumber } from './store.ts';
import {
  isAboutAll,
  isMissing,
  isOutage,
  isStripeFailure,
  loggable,
  reasonOf,
  withRetries,
} from './stripe.ts';
import { type SyncContext, syncListedCustomer } from './sync.ts';

/** How many customers Stripe is asked about at once. Stripe allows 25 questions a second in test mode. */
const customersAtOnce = 4;

/**
 * Reads the next pages from Stripe: first how many customers there are, a hundred at once; then all prices, and customers
 * with what they bought. After a while the rest is enqueued as another job. A killed import goes on with the page that it
 * was at. Doing a customer twice changes nothing.
 */
export async function runImport(
  context: SyncContext,
  connected: Connected,
  { stop, log }: { stop: AbortSignal; log: Logger },
): Promise<void> {
  const { prisma } = context;
  const { environmentId } = connected;
  const until = Date.now() + sliceMs;
  try {
    while (Date.now() < until) {
      const state = await prisma.stripeConnection.findUnique({ where: { environmentId } });
      if (state?.importState !== 'RUNNING') return;
      // With another key, maybe of another account, another job goes on.
      if (state.secretKey !== connected.sealedKey) break;
      const { importCursor: id, importCursorAt: createdAt } = state;
      const cursor = id === null ? null : { id, createdAt };
      if (state.importTotal === null) await countPage(prisma, connected, cursor, stop);
      else await saveProgress(prisma, connected, await readPage(context, connected, cursor, { stop, log }));
      await noteAnswer(prisma, connected);
    }
    await enqueueImport(prisma, environmentId);
  } catch (error) {
    // The queue runs it again: after the next start, or when the database answers.
    if (stop.aborted || unavailabilityOf(error) !== null) throw error;
    log.error({ err: loggable(error), environmentId }, 'an import from Stripe failed');
    await fail(prisma, connected, error);
  }
}

/** Ends an import, and says why. */
async function fail(prisma: PrismaClient, connected: Connected, error: unknown): Promise<void> {
  await noteProblem(prisma, connected, error);
  const importProblem = isStripeFailure(error) ? reasonOf(error) : 'an unexpected error, which is in the log';
  const { count } = await prisma.stripeConnection.updateMany({
    where: runningWith(connected),
    data: { importState: 'FAILED', importEndedAt: new Date(), importProblem },
  });
  // The key was replaced meanwhile: the new one may do better.
  if (count === 0) await enqueueImport(prisma, connected.environmentId);
}

/** An import that runs with this key. */
const runningWith = ({ environmentId, sealedKey }: Connected) =>
  ({ environmentId, importState: 'RUNNING', secretKey: sealedKey }) as const;

/** Counts the customers of the next page. Stripe tells no number of them. */
async function countPage(
  prisma: PrismaClient,
  connected: Connected,
  cursor: Cursor | null,
  stop: AbortSignal,
): Promise<void> {
  const { environmentId, stripe } = connected;
  const { data, has_more } = await withRetries(stop, () => listCustomers(stripe, cursor), isOutage);
  const where = { ...runningWith(connected), importTotal: null, importCursor: cursor?.id ?? null };
  await prisma.$transaction(async (tx) => {
    const { count } = await tx.stripeConnection.updateMany({
      where,
      data: { importFound: { increment: data.length }, ...placeOf(after(data) ?? cursor) },
    });
    if (count === 1 && !has_more)
      await tx.$executeRaw`
        UPDATE stripe_connection SET import_total = import_found, import_cursor = NULL, import_cursor_at = NULL
        WHERE environment_id = ${environmentId}`;
  });
}

const placeOf = (cursor: Cursor | null) => ({
  importCursor: cursor?.id ?? null,
  importCursorAt: cursor?.createdAt ?? null,
});

/** Where the next page begins. */
function after(page: readonly Stripe.Customer[]): Cursor | null {
  const last = page.at(-1);
  return last === undefined ? null : cursorOf(last);
}

interface Page {
  /** Where it began. */
  cursor: Cursor | null;
  /** How many prices were read; null where none were. */
  prices: number | null;
  /** The last customer of this page. */
  after: Cursor | null;
  customers: number;
  subscriptions: number;
  isLast: boolean;
}

async function readPage(
  context: SyncContext,
  connected: Connected,
  cursor: Cursor | null,
  { stop, log }: { stop: AbortSignal; log: Logger },
): Promise<Page> {
  const { prisma } = context;
  const { stripe, environmentId } = connected;
  // Everything of a page can be done again: an outage of seconds does not end an import of hours.
  const ask = <Result>(work: () => Promise<Result>) => withRetries(stop, work, isOutage);
  const prices =
    cursor === null
      ? await withRetries(
          stop,
          () => readAllPrices(prisma, connected),
          (error) => isOutage(error) || isMissing(error),
        )
      : null;
  const readNumber = await nextReadNumber(prisma);
  const { data, has_more } = await ask(() => listCustomers(stripe, cursor));
  /** One customer who cannot be read delays no other: Stripe is asked of the customer again later. */
  const syncOne = async (customer: Stripe.Customer): Promise<number> => {
    try {
      return await ask(() => syncListedCustomer(context, connected, customer, readNumber));
    } catch (error) {
      if (stop.aborted || isAboutAll(error)) throw error;
      log.warn(
        { err: loggable(error), environmentId },
        'a customer could not be imported, and is tried again',
      );
      await enqueueCustomers(prisma, environmentId, [customer.id]);
      return 0;
    }
  };
  let subscriptions = 0;
  for (let index = 0; index < data.length; index += customersAtOnce) {
    stop.throwIfAborted();
    const counts = await Promise.all(data.slice(index, index + customersAtOnce).map(syncOne));
    for (const count of counts) subscriptions += count;
  }
  return {
    ...{ cursor, prices, after: after(data) ?? cursor },
    ...{ customers: data.length, subscriptions, isLast: !has_more },
  };
}

/** Saves how far the import is. A page that is read twice at once counts once. */
async function saveProgress(prisma: PrismaClient, connected: Connected, page: Page): Promise<void> {
  const { cursor, prices, customers, subscriptions, isLast } = page;
  const now = new Date();
  await prisma.stripeConnection.updateMany({
    where: { ...runningWith(connected), importTotal: { not: null }, importCursor: cursor?.id ?? null },
    data: {
      ...placeOf(page.after),
      ...(prices === null ? {} : { importedPrices: prices }),
      importedCustomers: { increment: customers },
      importedSubscriptions: { increment: subscriptions },
      ...(isLast ? { importState: 'DONE', importEndedAt: now, reconciledAt: now } : {}),
    },
  });
}
