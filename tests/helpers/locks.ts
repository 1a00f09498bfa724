import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/database/client.ts';

/** Resolves once a statement in this database waits for a lock that another transaction holds. */
export async function someoneWaits({ prisma }: Database): Promise<void> {
  for (;;) {
    const [{ waiting }] = await prisma.$queryRaw<[{ waiting: boolean }]>`
      SELECT count(*) > 0 AS waiting FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if (waiting) return;
    await sleep(5);
  }
}
