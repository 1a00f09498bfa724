import { z } from 'zod';
import type { PrismaClient } from '../database/generated/client.ts';
import { enqueue, type Job } from '../database/queue.ts';
import { backfill } from './backfill-actions.ts';
import { findUnfinished } from './backfill-store.ts';
import { sweep } from './sweep-actions.ts';

/** Run at start and every minute: picks up what was left by a process that ended in between. */
export const sweepJob = 'segment-sweep';
const backfillJob = 'segment-backfill';

const BackfillPayload = z.object({ environmentId: z.string() });

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
      backfill({ prisma, ...context }, BackfillPayload.parse(payload).environmentId),
  };
}

/** Has the new and edited rules of an environment applied to stored events; see backfill. */
export function enqueueBackfill(db: Parameters<typeof enqueue>[0], environmentId: string): Promise<void> {
  return enqueue(db, backfillJob, { environmentId }, `${backfillJob} ${environmentId}`);
}
