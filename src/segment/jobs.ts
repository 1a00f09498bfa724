import { z } from 'zod';
import type { PrismaClient } from '../database/generated/client.ts';
import { featuresJob } from '../features/store.ts';
import { enqueue, type Job } from '../jobs/queue.ts';
import { erase } from './erasure/erase.ts';
import type { Traces } from './erasure/store.ts';
import { backfill } from './mapping/backfill.ts';
import { findUnfinished } from './mapping/backfill-store.ts';
import { takeUpNewFeatures } from './mapping/new-features.ts';
import { sweep } from './sweep.ts';

/** Run at start and every minute: picks up what was left by a process that ended in between. */
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

/** What Segment needs done in the background. */
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
      takeUpNewFeatures({ prisma, ...context }, EnvironmentPayload.parse(payload).environmentId),
    [erasureJob]: async (payload, { pool, stop }) => {
      // The queue tries again what throws.
      if (!(await erase(pool, ErasurePayload.parse(payload), stop))) throw new Error('stopped on the way');
    },
  };
}

/** Has the new and edited rules of an environment applied to stored events; see backfill. */
export function enqueueBackfill(db: Parameters<typeof enqueue>[0], environmentId: string): Promise<void> {
  return enqueue(db, backfillJob, { environmentId }, `${backfillJob} ${environmentId}`);
}

/**
 * Has the events of a person erased who is deleted in this transaction; see erase. One of the person's keys, which
 * are never used again, names the job: the names of jobs are short, and a person may have been merged of many.
 */
export function enqueueErasure(db: Parameters<typeof enqueue>[0], traces: Traces): Promise<void> {
  const keys = traces.keys.map(String);
  return enqueue(db, erasureJob, { ...traces, keys }, `${erasureJob} ${keys[0]}`);
}
