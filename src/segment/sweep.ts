import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { PrismaClient } from '../database/generated/client.ts';
import { RETRY, runHeld } from '../database/held.ts';
import { retryIndividually } from '../database/lane.ts';
import { type EventKey, readEffects } from './events/store.ts';
import { processIdentify } from './identify/identify.ts';
import { processFreeTracks, processHeldTracks } from './track.ts';
import { findUnprocessed, type UnprocessedEvent } from './unprocessed-store.ts';

const pageSize = 100;
const batchSize = 100;

/** What a job of Segment works with. */
export interface Work {
  prisma: PrismaClient;
  pool: Pool;
  log: Logger;
  stop: AbortSignal;
}

/**
 * Processes every stored event that is not processed yet, such as those of a process that ended too early. Waits
 * briefly for events and users locked by others. An event that fails is left to the next sweep.
 */
export async function sweep(work: Work): Promise<void> {
  let last: UnprocessedEvent | null = null;
  while (!work.stop.aborted) {
    const page: UnprocessedEvent[] = await findUnprocessed(work.pool, last, pageSize);
    last = page.at(-1) ?? null;
    if (last === null) return;
    for (const event of page.filter(({ type }) => type === 'IDENTIFY')) await settleIdentify(work, event);
    await settleTracks(
      work,
      page.filter(({ type }) => type === 'TRACK'),
    );
  }
}

async function settleIdentify(work: Work, event: EventKey): Promise<void> {
  try {
    const { released } = await processIdentify(work.prisma, event);
    await settleTracks(work, released);
  } catch (error) {
    logFailure(work, error);
  }
}

/**
 * Processes track events, in batches. Those that fail, or whose users stay locked, are left to the next sweep.
 *
 * @returns how many are left
 */
export async function settleTracks(work: Work, events: readonly EventKey[]): Promise<number> {
  let left = 0;
  for (let index = 0; index < events.length; index += batchSize)
    left += await settleBatch(work, events.slice(index, index + batchSize));
  return left;
}

async function settleBatch(work: Work, events: readonly EventKey[]): Promise<number> {
  const run = async (batch: readonly EventKey[], process: typeof processFreeTracks) => {
    await process(work.pool, batch);
    return readEffects(work.pool, batch);
  };
  const results = await runHeld(events, {
    // Their users are not known here: waits for all of them at once.
    ownersOf: () => [],
    runFree: (free) => retryIndividually(free, (batch) => run(batch, processFreeTracks)),
    runWaiting: (held) => run(held, processHeldTracks),
  });
  const failures = results.filter((result) => result instanceof Error);
  for (const failure of failures) logFailure(work, failure);
  const held = results.filter((result) => result === RETRY).length;
  if (held > 0) work.log.info({ events: held }, 'Segment events of locked users are left to the next sweep');
  return failures.length + held;
}

function logFailure({ log }: Work, error: unknown): void {
  log.error({ err: error }, 'a Segment event is left to the next sweep');
}
