import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { PrismaClient } from '../database/generated/client.ts';
import { retryIndividually } from '../database/lane.ts';
import { type EventKey, findUnprocessed, type UnprocessedEvent } from './events/store.ts';
import { processIdentify } from './identify/identify.ts';
import { processTracks } from './track/track.ts';

const pageSize = 100;

/** What a job of Segment works with. */
export interface Work {
  prisma: PrismaClient;
  pool: Pool;
  log: Logger;
  stop: AbortSignal;
}

/**
 * Processes every event that is stored and still to be processed: what was left by a process that ended in
 * between. What somebody else is at is waited for. An event that fails is left to the next sweep.
 */
export async function sweep(work: Work): Promise<void> {
  let last: UnprocessedEvent | null = null;
  while (!work.stop.aborted) {
    const page: UnprocessedEvent[] = await findUnprocessed(work.pool, last, pageSize);
    last = page.at(-1) ?? null;
    if (last === null) return;
    for (const event of page.filter(({ type }) => type === 'IDENTIFY')) await identify(work, event);
    await settleTracks(
      work,
      page.filter(({ type }) => type === 'TRACK'),
    );
  }
}

async function identify(work: Work, event: EventKey): Promise<void> {
  try {
    await settleTracks(work, await processIdentify(work.prisma, event));
  } catch (error) {
    leave(work, error);
  }
}

/** Processes track events; those that fail are left to the next sweep. Answers how many have failed. */
export async function settleTracks(work: Work, events: readonly EventKey[]): Promise<number> {
  const results = await retryIndividually(events, async (batch) => {
    await processTracks(work.pool, batch);
    return [];
  });
  for (const result of results) leave(work, result);
  return results.length;
}

function leave({ log }: Work, error: unknown): void {
  log.error({ err: error }, 'a Segment event is left to the next sweep');
}
