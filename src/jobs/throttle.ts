import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { applicationName } from '../database/client.ts';

/** While requests are active, a job rests this many times as long as it worked, at most maxRestMs. */
const restFactor = 9;
const maxRestMs = 5_000;

const busySql = `
  select exists (
    select from pg_stat_activity
    where datname = current_database() and application_name = $1
      and (state = 'active' or state_change > clock_timestamp() - interval '10 milliseconds')
  ) as busy`;

/** Requests have priority: while any process answers requests, a job that calls this uses a tenth of the time. */
export async function throttle(session: PoolClient, workedMs: number, stop: AbortSignal): Promise<void> {
  const { rows } = await session.query<{ busy: boolean }>(busySql, [applicationName]);
  if (!rows[0]?.busy) return;
  await sleep(Math.min(workedMs * restFactor, maxRestMs), undefined, { signal: stop }).catch(() => undefined);
}
