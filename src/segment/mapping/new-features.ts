import type { Pool } from 'pg';
import { inTransaction } from '../../database/transaction.ts';
import { throttle } from '../../jobs/throttle.ts';
import { lock, rules } from '../lock-store.ts';
import { settleTracks, type Work } from '../sweep.ts';

const pageSize = 500;
const batchSize = 100;

/** Where in the order of arrival a walk through stored events stands. */
interface Place {
  receivedAt: Date | string;
  messageId: string;
}

/**
 * Decides stored events again that nothing has claimed and that name a feature which appeared after them: they count by
 * their own delta now. It can be done by several at once, and again from the beginning.
 */
export async function takeUpNewFeatures(work: Work, environmentId: string): Promise<void> {
  // Whoever began to decide before the feature was there has committed once this is had.
  await inTransaction(work.pool, (client) => lock(client, [rules(environmentId)]));
  for (const outcome of ['UNMATCHED', 'DELTA_UNUSABLE'] as const) {
    let place: Place | null = { receivedAt: '-infinity', messageId: '' };
    while (place !== null && !work.stop.aborted)
      place = await takeUpPage(work, environmentId, outcome, place);
  }
  // The queue tries again what throws.
  if (work.stop.aborted) throw new Error('stopped on the way');
}

async function takeUpPage(
  work: Work,
  environmentId: string,
  outcome: string,
  place: Place,
): Promise<Place | null> {
  const began = performance.now();
  const { released, last } = await releasePage(work.pool, environmentId, outcome, place);
  const events = released.map((messageId) => ({ environmentId, messageId }));
  // What fails is left to the next sweep.
  for (let index = 0; index < events.length; index += batchSize)
    await settleTracks(work, events.slice(index, index + batchSize));
  const session = await work.pool.connect();
  try {
    await throttle(session, performance.now() - began, work.stop);
  } finally {
    session.release();
  }
  return last;
}

/* The feature may be a little older than the event by the clocks of two processes. */
const releaseSql = `
  with page as (
    select received_at, message_id from segment_event
    where environment_id = $1 and outcome = $2::"SegmentOutcome" and (received_at, message_id) > ($3::timestamptz, $4)
    order by received_at, message_id limit $5
  ), released as (
    update segment_event e set outcome = null from page
    where e.environment_id = $1 and e.message_id = page.message_id and e.outcome = $2::"SegmentOutcome"
      and exists (
        select from feature f
        where f.environment_id = $1 and f.id = e.payload #>> '{properties,featureId}' and f.type = 'CONSUMABLE'
          and f.created_at > e.received_at - interval '1 minute')
    returning e.message_id
  )
  select (select coalesce(array_agg(message_id), '{}') from released) as released,
    (select jsonb_build_object('receivedAt', received_at, 'messageId', message_id)
     from page order by received_at desc, message_id desc limit 1) as last`;

async function releasePage(
  pool: Pool,
  environmentId: string,
  outcome: string,
  { receivedAt, messageId }: Place,
): Promise<{ released: string[]; last: Place | null }> {
  const { rows } = await pool.query<{ released: string[]; last: Place | null }>({
    name: 'take up new features',
    text: releaseSql,
    values: [environmentId, outcome, receivedAt, messageId, pageSize],
  });
  return rows[0] ?? { released: [], last: null };
}
