import { z } from 'zod';
import type { PrismaClient } from '../database/generated/client.ts';
import { featuresJob } from '../features/store.ts';
import { enqueue, type Job } from '../jobs/queue.ts';
import { erase } from './erasure/erase.ts';
import type { Traces } from './erasure/store.ts';
import { backfill } from './mapping/backfill.ts';
import { processNewFeatures } from './mapping/new-features.ts';
import { findUnfinished } from './mapping/store.ts';
import { sweep } from './sweep.ts';

/** Runs at start and every minute: processes events that a killed process left. */
export const sweepJob = 'segment-sweep';
const backfillJob = 'segment-backfill';
const erasureJob = 'segment-erasure';

const EnvironmentPayload = z.object({ environmentId: z.string() });
const ErasurePayload = z.object({
  environmentId: z.string(),
  ids: z.array(z.string()),
  keys: z.array(z.string().transform(BigInt)),
  before: z.coerce.date(),
});

/** The background jobs of Segment. */
export function segmentJobs(prisma: PrismaClient): Record<string, Job> {
  return {
    [sweepJob]: async (_payload, context) => {
      await sweep({ prisma, ...context });
      for (const environmentId of await findUnfinished(context.pool)) {
        await enqueueBackfill(prisma, environmentId);
      }
    },
    [backfillJob]: (payload, context) =>
      backfill({ prisma, ...context }, EnvironmentPayload.parse(payload).environmentId),
    [featuresJob]: (payload, context) =>
      processNewFeatures({ prisma, ...context }, EnvironmentPayload.parse(payload).environmentId),
    [erasureJob]: async (payload, { pool, stop }) => {
      // The queue retries a job that throws.
      if (!(await erase(pool, ErasurePayload.parse(payload), stop)))
        throw new Error('stopped before the end');
    },
  };
}

/** Enqueues the backfill of an environment's new and edited rules. */
export function enqueueBackfill(db: Parameters<typeof enqueue>[0], environmentId: string): Promise<void> {
  return enqueue(db, backfillJob, { environmentId }, `${backfillJob} ${environmentId}`);
}

/**
 * Enqueues the erasure of a deleted person's events, in the transaction of the deletion. One of the person's keys
 * names the job: keys are never used again, names of jobs must be short, and a person may have many keys.
 */
export function enqueueErasure(db: Parameters<typeof enqueue>[0], traces: Traces): Promise<void> {
  const keys = traces.keys.map(String);
  return enqueue(db, erasureJob, { ...traces, keys }, `${erasureJob} ${keys[0]}`);
}
