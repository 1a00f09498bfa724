import type { Logger } from 'pino';
import { note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { type Connected, notConnected } from './connection.ts';
import { readAllPrices } from './prices.ts';
import { enqueueImport } from './queue.ts';
import { isStripeFailure, reasonOf } from './stripe.ts';
import { type SyncContext, syncCustomer } from './sync.ts';

/** How many customers Stripe is asked about at once. Stripe allows 25 questions a second in test mode. */
const customersAtOnce = 4;
const pageSize = 100;

/** Starts an import; one that is running goes on. @throws StripeNotConnectedError */
export async function startImport(prisma: PrismaClient, author: Author): Promise<void> {
  const { environmentId } = author;
  await prisma.$transaction(async (tx) => {
    if (!(await begin(tx, environmentId))) return;
    await note(
      tx,
      author,
      { action: 'importStripe', type: 'BILLING', id: environmentId },
      { state: 'RUNNING' },
    );
  });
}

/** Marks an import as running and enqueues it. Returns false if one is running. @throws StripeNotConnectedError */
export async function begin(tx: Db, environmentId: string): Promise<boolean> {
  const { count } = await tx.stripeConnection.updateMany({
    where: { environmentId, OR: [{ importState: null }, { importState: { not: 'RUNNING' } }] },
    data: {
      importState: 'RUNNING',
      importStartedAt: new Date(),
      importEndedAt: null,
      importCursor: null,
      importProblem: null,
      ...{ importedPrices: 0, importedCustomers: 0, importedSubscriptions: 0 },
    },
  });
  if (count === 0 && (await tx.stripeConnection.count({ where: { environmentId } })) === 0)
    throw notConnected();
  await enqueueImport(tx, environmentId);
  return count > 0;
}

/**
 * Reads everything from Stripe: prices, and each customer with what the customer bought. Goes on after the last page that
 * was done, wherever it was broken off. Doing a customer twice changes nothing.
 */
export async function runImport(
  context: SyncContext,
  connected: Connected,
  { stop, log }: { stop: AbortSignal; log: Logger },
): Promise<void> {
  const { prisma } = context;
  const { environmentId } = connected;
  const state = await prisma.stripeConnection.findUnique({ where: { environmentId } });
  if (state?.importState !== 'RUNNING') return;
  try {
    const importedPrices = await readAllPrices(prisma, connected);
    await prisma.stripeConnection.update({ where: { environmentId }, data: { importedPrices } });
    await importCustomers(context, connected, state.importCursor, stop);
  } catch (error) {
    log.error(
      { err: isStripeFailure(error) ? reasonOf(error) : error, environmentId },
      'an import from Stripe failed',
    );
    const importProblem = isStripeFailure(error)
      ? reasonOf(error)
      : 'an unexpected error, which is in the log';
    await prisma.stripeConnection.update({
      where: { environmentId },
      data: { importState: 'FAILED', importEndedAt: new Date(), importProblem },
    });
    return;
  }
  // The queue runs it again after the next start.
  if (stop.aborted) throw new Error('stopped before the end');
  await prisma.stripeConnection.update({
    where: { environmentId },
    data: { importState: 'DONE', importEndedAt: new Date(), reconciledAt: new Date() },
  });
}

async function importCustomers(
  context: SyncContext,
  connected: Connected,
  cursor: string | null,
  stop: AbortSignal,
): Promise<void> {
  const { environmentId, stripe } = connected;
  let after = cursor ?? undefined;
  while (!stop.aborted) {
    const page = await stripe.customers.list({
      limit: pageSize,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    const ids = page.data.map(({ id }) => id);
    let subscriptions = 0;
    for (let index = 0; index < ids.length; index += customersAtOnce) {
      const group = ids.slice(index, index + customersAtOnce);
      const counts = await Promise.all(group.map((id) => syncCustomer(context, connected, id)));
      for (const count of counts) subscriptions += count;
      if (stop.aborted) return;
    }
    after = ids.at(-1) ?? after;
    await saveProgress(context.prisma, environmentId, { after, customers: ids.length, subscriptions });
    if (!page.has_more) return;
  }
}

async function saveProgress(
  prisma: PrismaClient,
  environmentId: string,
  {
    after,
    customers,
    subscriptions,
  }: { after: string | undefined; customers: number; subscriptions: number },
): Promise<void> {
  await prisma.stripeConnection.update({
    where: { environmentId },
    data: {
      importCursor: after ?? null,
      importedCustomers: { increment: customers },
      importedSubscriptions: { increment: subscriptions },
    },
  });
}
