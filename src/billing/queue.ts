import type { Db } from '../database/client.ts';
import { enqueue } from '../jobs/queue.ts';

/*
 * The background work of billing. One job for each customer: a burst of events about a customer is one question to Stripe.
 */

export const customerJob = 'stripe-customer';
export const pricesJob = 'stripe-prices';
export const projectionJob = 'stripe-projection';
export const importJob = 'stripe-import';

export const enqueueCustomer = (db: Db, environmentId: string, customerId: string) =>
  enqueue(db, customerJob, { environmentId, customerId }, `${customerJob} ${environmentId} ${customerId}`);

export const enqueuePrices = (db: Db, environmentId: string) =>
  enqueue(db, pricesJob, { environmentId }, `${pricesJob} ${environmentId}`);

/** Brings everybody in line who pays this price. */
export const enqueueProjection = (db: Db, environmentId: string, priceId: string) =>
  enqueue(db, projectionJob, { environmentId, priceId }, `${projectionJob} ${environmentId} ${priceId}`);

export const enqueueImport = (db: Db, environmentId: string) =>
  enqueue(db, importJob, { environmentId }, `${importJob} ${environmentId}`);
