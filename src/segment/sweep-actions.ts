import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { PrismaClient } from '../database/generated/client.ts';
import { type EventKey, findUnprocessed, type UnprocessedEvent } from './event-store.ts';
import { processIdentify } from './identify-actions.ts';
import { processTracks } from './track-actions.ts';

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
    const identifies = page.filter(({ type }) => type === 'IDENTIFY');
    for (const event of identifies) await attempt(work, () => identify(work, event));
    const tracks = page.filter(({ type }) => type === 'TRACK');
    await attempt(work, () => processTracks(work.pool, tracks));
  }
}

async function identify({ prisma, pool }: Work, event: EventKey): Promise<void> {
  await processTracks(pool, await processIdentify(prisma, event));
}

async function attempt({ log }: Work, work: () => Promise<void>): Promise<void> {
  await work().catch((error) => log.error({ err: error }, 'Segment events are left to the next sweep'));
}
