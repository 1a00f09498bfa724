import { z } from 'zod';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Job } from '../jobs/queue.ts';
import type { Connected, OpenConnection } from './connection.ts';
import { runImport } from './import.ts';
import { findCustomersWithPrice } from './price-store.ts';
import { readAllPrices } from './prices.ts';
import { customerJob, importJob, pricesJob, projectionJob } from './queue.ts';
import { isDue, reconcile } from './reconcile.ts';
import { findOwner, findSettledOwners } from './store.ts';
import { projectUser, type SyncContext, syncCustomer } from './sync.ts';

/** Runs at start and every minute. Without a connection it is one small query, and one more with it. */
export const reconcileJob = 'stripe-reconcile';

const EnvironmentPayload = z.object({ environmentId: z.string() });
const CustomerPayload = EnvironmentPayload.extend({ customerId: z.string() });
const PricePayload = EnvironmentPayload.extend({ priceId: z.string() });

const pageSize = 100;

/** The background jobs of billing. */
export function billingJobs(
  prisma: PrismaClient,
  open: OpenConnection,
  contextOf: (environmentId: string) => SyncContext,
): Record<string, Job> {
  /** Does nothing where an environment is not connected. */
  const withConnection = async (
    payload: unknown,
    work: (connected: Connected, context: SyncContext) => Promise<unknown>,
  ) => {
    const { environmentId } = EnvironmentPayload.parse(payload);
    const connected = await open(environmentId);
    if (connected !== null) await work(connected, contextOf(environmentId));
  };
  return {
    [customerJob]: (payload) =>
      withConnection(payload, (connected, context) =>
        syncCustomer(context, connected, CustomerPayload.parse(payload).customerId),
      ),
    [pricesJob]: (payload) => withConnection(payload, (connected) => readAllPrices(prisma, connected)),
    [projectionJob]: (payload, { stop }) =>
      withConnection(payload, (connected) =>
        projectPrice(prisma, connected, PricePayload.parse(payload).priceId, stop),
      ),
    [importJob]: (payload, job) =>
      withConnection(payload, (connected, context) => runImport(context, connected, job)),
    [reconcileJob]: async (_payload, { log }) => {
      const now = new Date();
      const rows = await prisma.stripeConnection.findMany({
        select: { environmentId: true, reconciledAt: true },
      });
      for (const row of rows) {
        // One environment's trouble is not another's.
        await withConnection(row, async (connected) => {
          await projectSettled(prisma, connected);
          if (isDue(row, now)) await reconcile(prisma, connected, now);
        }).catch((error) =>
          log.error({ err: error, environmentId: row.environmentId }, 'reconciling with Stripe failed'),
        );
      }
    },
  };
}

/** Brings those in line whose flags a change here has settled. */
async function projectSettled(prisma: PrismaClient, connected: Connected): Promise<void> {
  for (const userKey of await findSettledOwners(prisma, connected.environmentId, pageSize))
    await projectUser(prisma, connected, userKey);
}

/** Brings everybody in line who pays a price. */
async function projectPrice(
  prisma: PrismaClient,
  connected: Connected,
  priceId: string,
  stop: AbortSignal,
): Promise<void> {
  const { environmentId } = connected;
  let after = '';
  while (!stop.aborted) {
    const ids = await findCustomersWithPrice(prisma, environmentId, priceId, { after, take: pageSize });
    for (const customerId of ids) {
      const userKey = await findOwner(prisma, environmentId, customerId);
      if (userKey !== null) await projectUser(prisma, connected, userKey);
    }
    if (ids.length < pageSize) return;
    after = ids.at(-1) ?? after;
  }
  throw new Error('stopped before the end');
}
