import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/database/client.ts';

/** Resolves once `count` statements in this database wait for locks that other transactions hold. */
export async function someoneWaits({ prisma }: Database, count = 1): Promise<void> {
  for (;;) {
    const [{ waiting }] = await prisma.$queryRaw<[{ waiting: boolean }]>`
      SELECT count(*) >= ${count} AS waiting FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if (waiting) return;
    await sleep(5);
  }
}
