import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { applicationName } from '../database/client.ts';

/** For how many times as long as it worked a job rests while requests are answered; at most this long. */
const restFactor = 9;
const maxRest = 5_000;

const busySql = `
  select exists (
    select from pg_stat_activity
    where datname = current_database() and application_name = $1
      and (state = 'active' or state_change > clock_timestamp() - interval '10 milliseconds')
  ) as busy`;

/** Requests come first: while any process answers some, a job that calls this takes a tenth of the time. */
export async function throttle(session: PoolClient, worked: number, stop: AbortSignal): Promise<void> {
  const { rows } = await session.query<{ busy: boolean }>(busySql, [applicationName]);
  if (!rows[0]?.busy) return;
  await sleep(Math.min(worked * restFactor, maxRest), undefined, { signal: stop }).catch(() => undefined);
}
