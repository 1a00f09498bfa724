import type { PoolClient } from 'pg';
import { transaction } from '../../database/transaction.ts';
import { throttle } from '../../jobs/throttle.ts';
import type { EventKey } from '../events/store.ts';
import { settleTracks, sweep, type Work } from '../sweep.ts';
import {
  claim,
  findUnfinished,
  findUnmatched,
  findUnsettled,
  giveUpLead,
  lockNextRule,
  saveDone,
  saveProgress,
  saveUnusable,
  takeLead,
  type UnfinishedRule,
} from './backfill-store.ts';
import { claimBy, type Mapping } from './rules.ts';

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

/** @throws when usage that a rule has claimed cannot be recorded at the moment: that rule is not done */
async function applyRules(work: Work, session: PoolClient, environmentId: string): Promise<void> {
  // What was claimed before the process ended that had claimed it.
  await sweep(work);
  const stuck = new Set<string>();
  while (!work.stop.aborted) {
    const began = performance.now();
    const step = await transaction(session, () => examine(session, environmentId, stuck));
    if (step === null) break;
    let failed = 0;
    for (let index = 0; index < step.claimed.length; index += batchSize)
      failed += await settleTracks(work, step.claimed.slice(index, index + batchSize));
    if (step.isLast && failed > 0) stuck.add(step.ruleId);
    await throttle(session, performance.now() - began, work.stop);
  }
  // The queue tries again what throws.
  if (stuck.size > 0) throw new Error('usage that a rule has claimed could not be recorded yet');
}

/** What a rule has done at once. */
interface Step {
  ruleId: string;
  /** Events that it claims, and that are to be recorded. */
  claimed: EventKey[];
  /** Whether it has examined all events, and only these are between it and its end. */
  isLast: boolean;
}

/**
 * Lets the oldest unfinished rule examine its next events; null when no rule is left but those that are stuck. What
 * it claims and how far it has come are saved together, so that each event is examined once. A rule is done only
 * after everything that it has claimed is recorded; the younger ones need not wait for that.
 */
async function examine(
  session: PoolClient,
  environmentId: string,
  stuck: ReadonlySet<string>,
): Promise<Step | null> {
  const rule = await lockNextRule(session, environmentId, [...stuck]);
  if (rule === null) return null;
  const events = await findUnmatched(session, rule, chunkSize);
  const last = events.at(-1);
  if (last === undefined) return finish(session, rule);
  const claims: { event: EventKey; mapping: Mapping }[] = [];
  const unusable: EventKey[] = [];
  for (const event of events) {
    const mapping = claimBy(rule, event);
    if (mapping === null) continue;
    if ('unusableFor' in mapping) unusable.push(event);
    else claims.push({ event, mapping });
  }
  await claim(session, rule, claims);
  await saveUnusable(session, rule, unusable);
  await saveProgress(session, rule, { last, examined: events.length, matched: claims.length });
  return { ruleId: rule.id, claimed: claims.map(({ event }) => event), isLast: false };
}

async function finish(session: PoolClient, rule: UnfinishedRule): Promise<Step> {
  const claimed = await findUnsettled(session, rule, chunkSize);
  if (claimed.length === 0) await saveDone(session, rule);
  return { ruleId: rule.id, claimed, isLast: true };
}
