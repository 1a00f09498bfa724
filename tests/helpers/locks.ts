import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
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

/** Resolves once a statement in this database waits for a lock that this connection holds. */
export async function someoneWaitsFor({ prisma }: Database, holder: PoolClient): Promise<void> {
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
  for (;;) {
    const [{ waiting }] = await prisma.$queryRaw<[{ waiting: boolean }]>`
      SELECT count(*) > 0 AS waiting FROM pg_stat_activity
      WHERE datname = current_database() AND ${rows[0]?.pid}::int = ANY(pg_blocking_pids(pid))`;
    if (waiting) return;
    await sleep(5);
  }
}
