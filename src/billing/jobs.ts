import type { Logger } from 'pino';
import { z } from 'zod';
import { unavailabilityOf } from '../database/errors.ts';
import type { PrismaClient, StripeConnection } from '../database/generated/client.ts';
import type { Job, JobContext } from '../jobs/queue.ts';
import type { Billing } from './billing.ts';
import type { Connected } from './connection.ts';
import { runImport } from './import.ts';
import { sendUsage } from './meters/send.ts';
import { cleanUpMeters } from './meters/sending-store.ts';
import { findCustomersWithPrice } from './price-store.ts';
import { readAllPrices } from './prices.ts';
import { noteAnswer, noteProblem } from './problem.ts';
import {
  customersJob,
  enqueueCustomers,
  enqueueEvents,
  enqueueImport,
  enqueueMeters,
  enqueueProjection,
  enqueueWanted,
  eventsJob,
  importJob,
  metersJob,
  pricesJob,
  projectionJob,
  sliceMs,
} from './queue.ts';
import { cleanUpEvents, isDue, reconcile } from './reconcile.ts';
import { findOwner, findSettledOwners } from './store.ts';
import { isAboutAll, isMissing, loggable, withRetries } from './stripe.ts';
import { projectUser, type SyncContext, syncCustomer } from './sync.ts';
import { delayWanted, findWanted, isAnyWanted, settleWanted, type Wanted } from './wanted-store.ts';

/** Runs at start and every minute. Without a connection it is one small query, and one more with it. */
export const reconcileJob = 'stripe-reconcile';

const EnvironmentPayload = z.object({ environmentId: z.string() });
const PricePayload = EnvironmentPayload.extend({ priceId: z.string(), after: z.string().default('') });
const EventsPayload = z.object({
  now: z.coerce.date().default(() => new Date()),
  after: z.string().nullable().default(null),
});

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
    try {
      await work(connected, contextOf(environmentId));
    } catch (error) {
      await noteProblem(prisma, connected, error);
      // The queue logs and keeps what a job fails with.
      throw loggable(error);
    }
  };
  return {
    [customersJob]: (payload, job) =>
      withConnection(payload, (connected, context) => syncWanted(context, connected, job)),
    [pricesJob]: (payload, { stop }) =>
      withConnection(payload, async (connected) => {
        await withRetries(stop, () => readAllPrices(prisma, connected), isMissing);
        await noteAnswer(prisma, connected);
      }),
    [eventsJob]: (payload, { log }) =>
      withConnection(payload, (connected) => lookForEvents(prisma, connected, payload, log)),
    [projectionJob]: (payload, job) =>
      withConnection(payload, (connected) =>
        projectPrice(prisma, connected, PricePayload.parse(payload), job),
      ),
    [importJob]: (payload, job) =>
      withConnection(payload, (connected, context) => runImport(context, connected, job)),
    [metersJob]: (payload, job) =>
      withConnection(payload, async (connected, context) => {
        const isMore = await sendUsage(context.prisma, connected, job, Date.now() + sliceMs);
        if (isMore) await enqueueMeters(prisma, connected.environmentId);
      }),
    [reconcileJob]: async (_payload, { log }) => {
      // One environment's trouble is not another's: neither waits for the other.
      const connecting = configured.map((environmentId) =>
        connectConfigured(environmentId).catch((error) =>
          log.error(
            { err: loggable(error), environmentId },
            'the configured keys of Stripe are not accepted',
          ),
        ),
      );
      const rows = await prisma.stripeConnection.findMany({
        where: { disconnectedAt: null },
        select: { environmentId: true, reconciledAt: true, importState: true },
      });
      for (const row of rows) {
        await withConnection(row, (connected) => enqueueDue(prisma, connected, row, log)).catch((error) =>
          log.error({ err: loggable(error), environmentId: row.environmentId }, 'work with Stripe is left'),
        );
      }
      if (rows.length > 0) {
        await cleanUpMeters(prisma);
        await cleanUpEvents(prisma);
      }
      await Promise.all(connecting);
    },
  };
}

/** Enqueues what is due in an environment. Nothing is asked of Stripe here. */
async function enqueueDue(
  prisma: PrismaClient,
  connected: Connected,
  { reconciledAt, importState }: Pick<StripeConnection, 'reconciledAt' | 'importState'>,
  log: Logger,
): Promise<void> {
  const { environmentId } = connected;
  // An import goes on, whatever became of its job.
  if (importState === 'RUNNING') await enqueueImport(prisma, environmentId);
  if (await isAnyWanted(prisma, environmentId)) await enqueueWanted(prisma, environmentId);
  if ((await prisma.billingMeter.count({ where: { environmentId } })) > 0)
    await enqueueMeters(prisma, environmentId);
  if (isDue({ reconciledAt }, new Date())) await enqueueEvents(prisma, environmentId);
  // Those whose flags a change here has settled.
  for (const userKey of await findSettledOwners(prisma, environmentId, pageSize))
    await projectUser(prisma, connected, userKey).catch((err) =>
      log.error({ err, environmentId }, 'a user could not be brought in line with Stripe'),
    );
}

/** Whether Stripe could not be asked just now, and nothing asks it in the background yet. */
const isPaused = ({ asksAgainAt }: Connected) => asksAgainAt !== null && asksAgainAt > new Date();

/** Looks for what the webhook did not bring, one slice after another. */
async function lookForEvents(
  prisma: PrismaClient,
  connected: Connected,
  payload: unknown,
  log: Logger,
): Promise<void> {
  const { environmentId } = connected;
  if (isPaused(connected)) return;
  try {
    const place = EventsPayload.parse(payload);
    const next = await reconcile(prisma, connected, place, Date.now() + sliceMs);
    await noteAnswer(prisma, connected);
    if (next !== null) await enqueueEvents(prisma, environmentId, next);
  } catch (error) {
    // It is due again within a minute.
    await noteProblem(prisma, connected, error);
    log.error({ err: loggable(error), environmentId }, 'reconciling with Stripe failed');
  }
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
  if (isPaused(connected)) return;
  const until = Date.now() + sliceMs;
  /** Returns what failed. */
  const syncOne = async (wanted: Wanted): Promise<unknown> => {
    try {
      await withRetries(stop, () => syncCustomer(context, connected, wanted.id));
      await settleWanted(prisma, environmentId, wanted);
      return null;
    } catch (error) {
      log.warn(
        { err: loggable(error), environmentId, tries: wanted.tries + 1 },
        'a customer could not be read from Stripe',
      );
      await delayWanted(prisma, environmentId, wanted, isAboutAll(error));
      return error;
    }
  };
  while (!stop.aborted && Date.now() < until) {
    const wanted = await findWanted(prisma, environmentId, customersAtOnce);
    const failures = await Promise.all(wanted.map(syncOne));
    const [failure] = failures;
    // One who is answered shows that the others' trouble is their own.
    if (!failures.every(isAboutAll)) await noteAnswer(prisma, connected);
    else if (failure !== undefined) return noteProblem(prisma, connected, failure);
    if (wanted.length < customersAtOnce) return;
  }
  await enqueueWanted(prisma, environmentId);
}

/** Brings those in line who pay a price, and enqueues the next slice of them. */
async function projectPrice(
  prisma: PrismaClient,
  connected: Connected,
  { priceId, after: first }: z.output<typeof PricePayload>,
  { stop, log }: JobContext,
): Promise<void> {
  const { environmentId } = connected;
  const until = Date.now() + sliceMs;
  let after = first;
  while (!stop.aborted && Date.now() < until) {
    const ids = await findCustomersWithPrice(prisma, environmentId, priceId, { after, take: pageSize });
    for (const customerId of ids) {
      const userKey = await findOwner(prisma, environmentId, customerId);
      if (userKey === null) continue;
      // One user's trouble is not another's.
      await projectUser(prisma, connected, userKey).catch(async (err) => {
        if (stop.aborted || unavailabilityOf(err) !== null) throw err;
        log.error({ err, environmentId }, 'a user could not be brought in line with Stripe');
        await enqueueCustomers(prisma, environmentId, [customerId]);
      });
    }
    if (ids.length < pageSize) return;
    after = ids.at(-1) ?? after;
  }
  await enqueueProjection(prisma, environmentId, priceId, after);
}
