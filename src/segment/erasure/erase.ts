import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { eraseSome, isAnyLeft, type Traces } from './store.ts';

const batchSize = 1_000;
/** The wait for an event that another transaction is processing. */
const pollMs = 20;

/**
 * Erases the events about a deleted person: payloads are personal data. It may run several times, and concurrently.
 *
 * @returns whether all of them are erased; false if it was stopped before
 */
export async function erase(pool: Pool, traces: Traces, stop: AbortSignal): Promise<boolean> {
  while (!stop.aborted) {
    if ((await eraseSome(pool, traces, batchSize)) > 0) continue;
    if (!(await isAnyLeft(pool, traces))) return true;
    await sleep(pollMs, undefined, { signal: stop }).catch(() => undefined);
  }
  return false;
}
