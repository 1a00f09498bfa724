import { z } from 'zod';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Job, JobContext } from '../jobs/queue.ts';
import type { Billing } from './billing.ts';
import type { Connected } from './connection.ts';
import { runImport } from './import.ts';
import { sendUsage } from './meters/send.ts';
import { cleanUpMeters } from './meters/sending-store.ts';
import { findCustomersWithPrice } from './price-store.ts';
import { readAllPrices } from './prices.ts';
import {
  customersJob,
  enqueueMeters,
  enqueueProjection,
  enqueueWanted,
  importJob,
  metersJob,
  pricesJob,
  projectionJob,
  sliceMs,
} from './queue.ts';
import { isDue, reconcile } from './reconcile.ts';
import { findOwner, findSettledOwners } from './store.ts';
import { isMissing, loggable, withRetries } from './stripe.ts';
import { projectUser, type SyncContext, syncCustomer } from './sync.ts';
import { delayWanted, findWanted, isAnyWanted, settleWanted, type Wanted } from './wanted-store.ts';

/** Runs at start and every minute. Without a connection it is one small query, and one more with it. */
export const reconcileJob = 'stripe-reconcile';

const EnvironmentPayload = z.object({ environmentId: z.string() });
const PricePayload = EnvironmentPayload.extend({ priceId: z.string(), after: z.string().default('') });

const pageSize = 100;

/** The background jobs of billing. */
export function billingJobs(
  prisma: PrismaClient,
  { open, configured, connectConfigured }: Pick<Billing, 'open' | 'configured' | 'connectConfigured'>,
  contextOf: (environmentId: string) => SyncContext,
): Record<string, Job> {
  /** Does nothing where an environment is not connected. */
  const withConnection = async (
    payload: unknown,
    work: (connected: Connected, context: SyncContext) => Promise<unknown>,
  ) => {
    const { environmentId } = EnvironmentPayload.parse(payload);
    const connected = await open(environmentId);
    if (connected === null) return;
    // The queue logs and keeps what a job fails with.
    await work(connected, contextOf(environmentId)).catch((error: unknown) => {
      throw loggable(error);
    });
  };
  return {
    [customersJob]: (payload, job) =>
      withConnection(payload, (connected, context) => syncWanted(context, connected, job)),
    [pricesJob]: (payload, { stop }) =>
      withConnection(payload, (connected) =>
        withRetries(stop, () => readAllPrices(prisma, connected), isMissing),
      ),
    [projectionJob]: (payload, { stop }) =>
      withConnection(payload, (connected) =>
        projectPrice(prisma, connected, PricePayload.parse(payload), stop),
      ),
    [importJob]: (payload, job) =>
      withConnection(payload, (connected, context) => runImport(context, connected, job)),
    [metersJob]: (payload, job) =>
      withConnection(payload, async (connected, context) => {
        const isMore = await sendUsage(context.prisma, connected, job, Date.now() + sliceMs);
        if (isMore) await enqueueMeters(prisma, connected.environmentId);
      }),
    [reconcileJob]: async (_payload, { log }) => {
      const now = new Date();
      for (const environmentId of configured) {
        await connectConfigured(environmentId).catch((error) =>
          log.error(
            { err: loggable(error), environmentId },
            'the configured keys of Stripe are not accepted',
          ),
        );
      }
      const rows = await prisma.stripeConnection.findMany({
        where: { disconnectedAt: null },
        select: { environmentId: true, reconciledAt: true },
      });
      for (const row of rows) {
        // One environment's trouble is not another's.
        await withConnection(row, async (connected) => {
          await projectSettled(prisma, connected);
          if (await isAnyWanted(prisma, row.environmentId)) await enqueueWanted(prisma, row.environmentId);
          if ((await prisma.billingMeter.count({ where: { environmentId: row.environmentId } })) > 0)
            await enqueueMeters(prisma, row.environmentId);
          if (isDue(row, now)) await reconcile(prisma, connected, now);
        }).catch((error) =>
          log.error(
            { err: loggable(error), environmentId: row.environmentId },
            'reconciling with Stripe failed',
          ),
        );
      }
      if (rows.length > 0) await cleanUpMeters(prisma);
    },
  };
}

/** Brings those in line whose flags a change here has settled. */
async function projectSettled(prisma: PrismaClient, connected: Connected): Promise<void> {
  for (const userKey of await findSettledOwners(prisma, connected.environmentId, pageSize))
    await projectUser(prisma, connected, userKey);
}

/** How many customers Stripe is asked about at once. */
const customersAtOnce = 4;

/** Asks Stripe of the customers that are due. One that cannot be read is asked for again later, and delays no other. */
async function syncWanted(
  context: SyncContext,
  connected: Connected,
  { stop, log }: JobContext,
): Promise<void> {
  const { prisma } = context;
  const { environmentId } = connected;
  const until = Date.now() + sliceMs;
  const syncOne = async (wanted: Wanted) => {
    try {
      await withRetries(stop, () => syncCustomer(context, connected, wanted.id));
      await settleWanted(prisma, environmentId, wanted);
    } catch (error) {
      log.warn(
        { err: loggable(error), environmentId, tries: wanted.tries + 1 },
        'a customer could not be read from Stripe',
      );
      await delayWanted(prisma, environmentId, wanted);
    }
  };
  while (!stop.aborted && Date.now() < until) {
    const wanted = await findWanted(prisma, environmentId, customersAtOnce);
    await Promise.all(wanted.map(syncOne));
    if (wanted.length < customersAtOnce) return;
  }
  await enqueueWanted(prisma, environmentId);
}

/** Brings those in line who pay a price, and enqueues the next slice of them. */
async function projectPrice(
  prisma: PrismaClient,
  connected: Connected,
  { priceId, after: first }: z.output<typeof PricePayload>,
  stop: AbortSignal,
): Promise<void> {
  const { environmentId } = connected;
  const until = Date.now() + sliceMs;
  let after = first;
  while (!stop.aborted && Date.now() < until) {
    const ids = await findCustomersWithPrice(prisma, environmentId, priceId, { after, take: pageSize });
    for (const customerId of ids) {
      const userKey = await findOwner(prisma, environmentId, customerId);
      if (userKey !== null) await projectUser(prisma, connected, userKey);
    }
    if (ids.length < pageSize) return;
    after = ids.at(-1) ?? after;
  }
  await enqueueProjection(prisma, environmentId, priceId, after);
}
