import type { Pool } from 'pg';
import type { Author } from '../../audit/rules.ts';
import { RETRY, runHeld, untilAnswered, waitBriefly } from '../../database/held.ts';
import { createLane } from '../../database/lane.ts';
import { inTransaction } from '../../database/transaction.ts';
import { createTurns } from '../../database/turns.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { recordByHand, recordLocked } from './locked.ts';
import { lockUsers } from './locked-store.ts';
import type { Recorded, Usage } from './rules.ts';
import { type Addition, appendUsage, DECIDE } from './store.ts';

/**
 * Records usages and returns one result per usage, in order. An Error is the result of that usage only. A recorded
 * usage is committed to disk.
 *
 * `byHandOf` is the author of usage that is recorded by hand; the audit log then gets an entry for each usage.
 */
export type RecordUsage = (
  usages: readonly Usage[],
  options: { withStanding: boolean; byHandOf?: Author | null },
) => Promise<(Recorded | Error)[]>;

type AppendResult = Recorded | typeof RETRY | typeof DECIDE;
type DecisionResult = (Recorded | Error)[] | typeof RETRY;

/**
 * Additions of concurrent callers share one statement. If the result depends on current usage (SET, enforce), the whole
 * list is decided in order, with its users locked.
 *
 * These lanes never wait for a user whom another transaction has locked, for instance a merge. Calls for such users wait
 * in two lanes of their own, one user at a time and never for long; see held.ts.
 */
export function createUsageRecorder(hot: Pool, metrics = createMetrics()): RecordUsage {
  const append = createLane<Addition, AppendResult>(
    { connections: 2, maxItems: 1_000, metrics: metrics.lane('record') },
    (items) => appendUsage(hot, items, 'skip'),
  );
  const appendLocked = createLane<Addition, AppendResult>(
    { connections: 1, maxItems: 1_000, metrics: metrics.lane('record_locked') },
    (items) =>
      runHeld(items, {
        ownersOf: ({ usage }) => [nameOf(usage)],
        runFree: (free) => appendUsage(hot, free, 'skip'),
        runWaiting: (held) => appendWaiting(hot, held),
      }),
  );
  const decide = createLane<readonly Usage[], DecisionResult>(
    { connections: 1, maxItems: 100, metrics: metrics.lane('decide') },
    (lists) => recordLocked(hot, lists, 'skip'),
  );
  const decideLocked = createLane<readonly Usage[], DecisionResult>(
    { connections: 1, maxItems: 100, metrics: metrics.lane('decide_locked') },
    (lists) =>
      runHeld(lists, {
        ownersOf: (list) => list.map(nameOf),
        runFree: (free) => recordLocked(hot, free, 'skip'),
        runWaiting: (held) => recordLocked(hot, held, 'wait'),
      }),
  );
  const byHandInTurn = createTurns(1);
  const decideInTurn = createTurns(1);
  const appendInTurn = createTurns(2);
  const appendOne = async (item: Addition): Promise<Recorded | Error> => {
    const result = await withRetries(item, append, appendLocked);
    if (result !== DECIDE) return result;
    const [decided] = await withRetries([item.usage], decide, decideLocked);
    if (decided === undefined) throw new Error('a usage has no result');
    return decided;
  };
  return async (usages, { withStanding, byHandOf }) => {
    if (byHandOf) return byHandInTurn(byHandOf.environmentId, () => recordByHand(hot, byHandOf, usages));
    const [first] = usages;
    const environmentId = first !== undefined && usages.length > largeList ? first.environmentId : null;
    if (usages.some(needsDecision)) {
      if (environmentId === null) return withRetries(usages, decide, decideLocked);
      return withRetries(usages, (list) => decideInTurn(environmentId, () => decide(list)), decideLocked);
    }
    const appendAll = () =>
      Promise.all(usages.map((usage) => appendOne({ usage, withStanding }).catch((error: Error) => error)));
    return environmentId === null ? appendAll() : appendInTurn(environmentId, appendAll);
  };
}

/**
 * A larger list waits for other large lists of its environment before it enters a lane, so that single calls and other
 * environments do not wait for them.
 */
const largeList = 20;

const nameOf = ({ environmentId, userId }: Usage) => `${environmentId} ${userId}`;

/** Locks first: what is read after that does not change, so concurrent changes cannot repeat the call for ever. */
function appendWaiting(hot: Pool, items: readonly Addition[]): Promise<(AppendResult | Error)[]> {
  return inTransaction(hot, async (client) => {
    const usages = items.map(({ usage }) => usage);
    await waitBriefly(client);
    await lockUsers(client, usages, 'wait', 'key share');
    return appendUsage(client, items, 'wait');
  });
}

const needsDecision = (usage: Usage) => usage.action === 'SET' || usage.enforce;

type Attempt<Input, Result> = (input: Input) => Promise<Result | typeof RETRY>;

/** Tries the lane that never waits for locks; after that, for some seconds, the lane that waits. */
async function withRetries<Input, Result>(
  input: Input,
  tryUnlocked: Attempt<Input, Result>,
  tryLocked: Attempt<Input, Result>,
): Promise<Result> {
  const result = await tryUnlocked(input);
  return result === RETRY ? untilAnswered(() => tryLocked(input)) : result;
}
