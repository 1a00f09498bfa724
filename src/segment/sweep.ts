import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { PrismaClient } from '../database/generated/client.ts';
import { RETRY, runHeld } from '../database/held.ts';
import { retryIndividually } from '../database/lane.ts';
import { type EventKey, findUnprocessed, readEffects, type UnprocessedEvent } from './events/store.ts';
import { processIdentify } from './identify/identify.ts';
import { processFreeTracks, processHeldTracks } from './track/track.ts';

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
 * between. What somebody else is at is waited for, briefly. An event that fails is left to the next sweep.
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
    work.log.error({ err: error }, leftMessage);
  }
}

/**
 * Processes track events. Those that fail, or whose users somebody goes on holding, are left to the next sweep. Answers
 * how many those are.
 */
export async function settleTracks({ pool, log }: Work, events: readonly EventKey[]): Promise<number> {
  const run = async (batch: readonly EventKey[], process: typeof processFreeTracks) => {
    await process(pool, batch);
    return readEffects(pool, batch);
  };
  const results = await runHeld(events, {
    // Whose they are is not known here: all that are held are waited for at once.
    ownersOf: () => [],
    runFree: (free) => retryIndividually(free, (batch) => run(batch, processFreeTracks)),
    runWaiting: (held) => run(held, processHeldTracks),
  });
  const left = results.filter((result) => result === RETRY || result instanceof Error);
  for (const result of left) if (result instanceof Error) log.error({ err: result }, leftMessage);
  if (left.includes(RETRY)) log.info({ events: left.length }, 'Segment events of held users are left');
  return left.length;
}

const leftMessage = 'a Segment event is left to the next sweep';
