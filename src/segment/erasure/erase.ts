import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { eraseSome, isAnyLeft, type Traces } from './store.ts';

const batchSize = 1_000;
/** How long somebody who is processing one of the events is given before it is looked at again, in milliseconds. */
const pause = 20;

/**
 * Erases what Segment has sent about a person who was deleted: payloads hold what a person is called and does.
 * It can be done by several at once, and again from the beginning.
 *
 * @returns whether all of it is gone; false if it was stopped on the way
 */
export async function erase(pool: Pool, traces: Traces, stop: AbortSignal): Promise<boolean> {
  while (!stop.aborted) {
    if ((await eraseSome(pool, traces, batchSize)) > 0) continue;
    if (!(await isAnyLeft(pool, traces))) return true;
    await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
  }
  return false;
}
