import { inTransaction } from '../../database/transaction.ts';
import { throttle } from '../../jobs/throttle.ts';
import { lock, rules } from '../lock-store.ts';
import { settleTracks, type Work } from '../sweep.ts';
import { type Position, releasePage } from './store.ts';

const pageSize = 500;

/**
 * Processes unmatched events again that name a feature which was created after them: they count by their own delta now.
 * It may run several times, and concurrently.
 */
export async function processNewFeatures(work: Work, environmentId: string): Promise<void> {
  // Waits for transactions that began to process events before the feature was committed.
  await inTransaction(work.pool, (client) => lock(client, [rules(environmentId)]));
  for (const outcome of ['UNMATCHED', 'DELTA_UNUSABLE'] as const) {
    let position: Position | null = { receivedAt: '-infinity', messageId: '' };
    while (position !== null && !work.stop.aborted)
      position = await processPage(work, environmentId, outcome, position);
  }
  // The queue retries a job that throws.
  if (work.stop.aborted) throw new Error('stopped before the end');
}

async function processPage(
  work: Work,
  environmentId: string,
  outcome: string,
  position: Position,
): Promise<Position | null> {
  const began = performance.now();
  const { released, last } = await releasePage(work.pool, environmentId, outcome, position, pageSize);
  await settleTracks(
    work,
    released.map((messageId) => ({ environmentId, messageId })),
  );
  const session = await work.pool.connect();
  try {
    await throttle(session, performance.now() - began, work.stop);
  } finally {
    session.release();
  }
  return last;
}
