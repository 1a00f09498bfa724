import type { Db } from '../database/client.ts';
import { enqueue, type JobPlace } from '../jobs/queue.ts';
import { wantCustomers } from './wanted-store.ts';

/*
 * The background work of billing. The queue runs few jobs at once, for everything that the server does. Of each
 * environment, one job of billing runs at a time: no environment waits for another's, and other jobs find a place. Long
 * work is done in slices, and what somebody waits for comes first.
 */

export const customersJob = 'stripe-customers';
export const pricesJob = 'stripe-prices';
export const projectionJob = 'stripe-projection';
export const importJob = 'stripe-import';
export const metersJob = 'stripe-meters';
export const eventsJob = 'stripe-events';

/** How long a slice of long work takes. Then other jobs of the environment have their turn. */
export const sliceMs = 10_000;

const placeOf = (environmentId: string, priority: number): JobPlace => ({
  lane: `stripe ${environmentId}`,
  priority,
});

/** Sends usage to meters. */
export const enqueueMeters = (db: Db, environmentId: string) =>
  enqueue(db, metersJob, { environmentId }, `${metersJob} ${environmentId}`, placeOf(environmentId, 0));

/**
 * Looks for what the webhook did not bring.
 *
 * @param place where an earlier slice of it has ended
 */
export const enqueueEvents = (db: Db, environmentId: string, place: object = {}) =>
  enqueue(
    db,
    eventsJob,
    { environmentId, ...place },
    `${eventsJob} ${environmentId}`,
    placeOf(environmentId, 0),
  );

/**
 * Asks Stripe of these customers in the background.
 *
 * @param isUrgent whether somebody has just paid, and waits
 */
export async function enqueueCustomers(
  db: Db,
  environmentId: string,
  customerIds: readonly string[],
  isUrgent = false,
): Promise<void> {
  if (customerIds.length === 0) return;
  await wantCustomers(db, environmentId, customerIds, isUrgent);
  await enqueueWanted(db, environmentId);
}

/** Asks Stripe of the customers that are due. */
export const enqueueWanted = (db: Db, environmentId: string) =>
  enqueue(db, customersJob, { environmentId }, `${customersJob} ${environmentId}`, placeOf(environmentId, 0));

export const enqueuePrices = (db: Db, environmentId: string) =>
  enqueue(db, pricesJob, { environmentId }, `${pricesJob} ${environmentId}`, placeOf(environmentId, 0));

/** Brings those in line who pay this price, after the customer `after`, one slice after another. */
export const enqueueProjection = (db: Db, environmentId: string, priceId: string, after = '') =>
  enqueue(
    db,
    projectionJob,
    { environmentId, priceId, after },
    `${projectionJob} ${environmentId} ${priceId}`,
    placeOf(environmentId, 1),
  );

/** Goes on with the import where it is, for one slice. */
export const enqueueImport = (db: Db, environmentId: string) =>
  enqueue(db, importJob, { environmentId }, `${importJob} ${environmentId}`, placeOf(environmentId, 1));
