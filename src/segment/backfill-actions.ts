import type { PoolClient } from 'pg';
import { giveWay } from '../database/busy.ts';
import { transaction } from '../database/transaction.ts';
import {
  claim,
  findUnfinished,
  findUnmatched,
  giveUpLead,
  lockNextRule,
  saveDone,
  saveProgress,
  takeLead,
} from './backfill-store.ts';
import type { EventKey } from './event-store.ts';
import { matches } from './rules.ts';
import { settleTracks, sweep, type Work } from './sweep-actions.ts';

/** How many events are examined in one transaction. */
const chunkSize = 500;
const batchSize = 100;

const leadOf = (environmentId: string) => `segment backfill ${environmentId}`;

/**
 * Applies every new or edited rule of an environment to the stored events that nothing has claimed, the oldest
 * rule first. One process at a time does it; if that is another one, this returns.
 *
 * Whoever held the lead may have looked for rules just before the newest was made, so it looks once more
 * after giving it up.
 */
export async function backfill(work: Work, environmentId: string): Promise<void> {
  do {
    const session = await work.pool.connect();
    try {
      if (!(await takeLead(session, leadOf(environmentId)))) return session.release();
      await applyRules(work, session, environmentId);
      await giveUpLead(session, leadOf(environmentId));
      session.release();
    } catch (error) {
      // With the connection ends the lead.
      session.release(true);
      throw error;
    }
  } while (!work.stop.aborted && (await findUnfinished(work.pool)).includes(environmentId));
}

async function applyRules(work: Work, session: PoolClient, environmentId: string): Promise<void> {
  // What was claimed before the process ended that had claimed it.
  await sweep(work);
  while (!work.stop.aborted) {
    const began = performance.now();
    const claimed = await transaction(session, () => examine(session, environmentId));
    if (claimed === null) return;
    for (let index = 0; index < claimed.length; index += batchSize)
      await settleTracks(work, claimed.slice(index, index + batchSize));
    await giveWay(session, performance.now() - began, work.stop);
  }
}

/**
 * Lets the oldest unfinished rule examine its next events; answers those that it claimed, null when no rule is
 * left. What it claims and how far it has come are saved together, so that each event is examined once. A rule
 * has come to its end only after everything it had claimed was recorded.
 */
async function examine(session: PoolClient, environmentId: string): Promise<EventKey[] | null> {
  const rule = await lockNextRule(session, environmentId);
  if (rule === null) return null;
  const events = await findUnmatched(session, rule, chunkSize);
  const last = events.at(-1);
  if (last === undefined) {
    await saveDone(session, rule);
    return [];
  }
  const claimed = events.filter((event) => matches(rule, event));
  await claim(session, rule, claimed);
  await saveProgress(session, rule, { last, examined: events.length, matched: claimed.length });
  return claimed;
}
