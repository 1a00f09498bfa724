import { inTransaction } from '../../database/transaction.ts';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { grantsKey, readGrants } from '../record/locked-store.ts';
import { nextOf } from './rules.ts';
import { lockDue, saveFollowed } from './store.ts';

/** Runs at start and every minute: tells of windows that have ended, and forgets what was told long ago. */
export const alertsJob = 'usage-alerts';
export const alertJobs: Record<string, Job> = {
  [alertsJob]: (_payload, context) => followAlerts(context),
};

/** @param batchSize how many alerts one transaction follows */
export async function followAlerts(
  { pool, stop }: Pick<JobContext, 'pool' | 'stop'>,
  batchSize = 500,
): Promise<void> {
  const followBatch = () =>
    inTransaction(pool, async (client) => {
      const due = await lockDue(client, batchSize);
      const grants = await readGrants(
        client,
        due.map(({ windowStart, ...alert }) => ({ ...alert, since: windowStart })),
      );
      const followed = due.map((alert) => {
        const held = grants.get(grantsKey(alert.userKey, alert.featureId)) ?? [];
        return { alert, next: nextOf(alert, held, alert.now) };
      });
      await saveFollowed(client, followed);
      return due.length;
    });
  while (!stop.aborted && (await followBatch()) === batchSize);
}
