import type { PoolClient } from 'pg';
import { transaction } from '../../database/transaction.ts';
import { exclusively } from '../../jobs/session-lock.ts';
import { throttle } from '../../jobs/throttle.ts';
import type { EventKey } from '../events/store.ts';
import { settleTracks, sweep, type Work } from '../sweep.ts';
import { type Mapping, mapBy } from './rules.ts';
import {
  findUnfinished,
  findUnmatched,
  findUnsettled,
  lockNextRule,
  saveDone,
  saveMatches,
  saveProgress,
  saveUnusable,
  type UnfinishedRule,
} from './store.ts';

/** How many events are examined in one transaction. */
const chunkSize = 500;

/**
 * Applies every new or edited rule of an environment to its unmatched events, oldest rule first. One process at a
 * time does this; if another one does, this returns.
 *
 * Looks for rules once more after unlocking: a rule may have been made after the last look, and its job has returned.
 */
export async function backfill(work: Work, environmentId: string): Promise<void> {
  do {
    const isOurs = await exclusively(work.pool, `segment backfill ${environmentId}`, (session) =>
      applyRules(work, session, environmentId),
    );
    if (!isOurs) return;
  } while (!work.stop.aborted && (await findUnfinished(work.pool)).includes(environmentId));
}

/** @throws if usage of matched events cannot be recorded at the moment: their rule is not done then */
async function applyRules(work: Work, session: PoolClient, environmentId: string): Promise<void> {
  // Records events that a killed process had matched.
  await sweep(work);
  const stuck = new Set<string>();
  while (!work.stop.aborted) {
    const began = performance.now();
    const chunk = await transaction(session, () => examine(session, environmentId, stuck));
    if (chunk === null) break;
    const failed = await settleTracks(work, chunk.matched);
    if (chunk.isLast && failed > 0) stuck.add(chunk.ruleId);
    await throttle(session, performance.now() - began, work.stop);
  }
  // The queue retries a job that throws.
  if (stuck.size > 0) throw new Error('usage of matched events could not be recorded yet');
}

/** What a rule has examined in one transaction. */
interface Chunk {
  ruleId: string;
  /** Matched events, whose usage is recorded next. */
  matched: EventKey[];
  /** Whether all events are examined: the rule is done once these are recorded. */
  isLast: boolean;
}

/**
 * Applies the oldest unfinished rule to its next events; null if all remaining rules are stuck. Matches and progress
 * are saved together, so each event is examined once. A rule is done only after the usage of all its matches is
 * recorded; younger rules do not wait for that.
 */
async function examine(
  session: PoolClient,
  environmentId: string,
  stuck: ReadonlySet<string>,
): Promise<Chunk | null> {
  const rule = await lockNextRule(session, environmentId, [...stuck]);
  if (rule === null) return null;
  const events = await findUnmatched(session, rule, chunkSize);
  const last = events.at(-1);
  if (last === undefined) return finish(session, rule);
  const matches: { event: EventKey; mapping: Mapping }[] = [];
  const unusable: EventKey[] = [];
  for (const event of events) {
    const mapping = mapBy(rule, event);
    if (mapping === null) continue;
    if ('unusableFor' in mapping) unusable.push(event);
    else matches.push({ event, mapping });
  }
  await saveMatches(session, rule, matches);
  await saveUnusable(session, rule, unusable);
  await saveProgress(session, rule, { last, examined: events.length, matched: matches.length });
  return { ruleId: rule.id, matched: matches.map(({ event }) => event), isLast: false };
}

async function finish(session: PoolClient, rule: UnfinishedRule): Promise<Chunk> {
  const matched = await findUnsettled(session, rule, chunkSize);
  if (matched.length === 0) await saveDone(session, rule);
  return { ruleId: rule.id, matched, isLast: true };
}
