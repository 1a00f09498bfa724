import type { Pool } from 'pg';
import type { Author } from '../../audit/rules.ts';
import { BusyError } from '../../database/errors.ts';
import { createLane } from '../../database/lane.ts';
import { inTransaction } from '../../database/transaction.ts';
import { createTurns } from '../../database/turns.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { recordByHand, recordLocked } from './locked.ts';
import { lockUsers } from './locked-store.ts';
import type { Recorded, Usage } from './rules.ts';
import { type Addition, appendUsage, RETRY } from './store.ts';

const maxAttempts = 20;

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

type AppendResult = Recorded | typeof RETRY;
type DecisionResult = (Recorded | Error)[] | typeof RETRY;

/**
 * Additions of concurrent callers share one statement. If the result depends on current usage (SET, enforce), the whole
 * list is decided in order, with its users locked.
 *
 * These lanes never wait for a user whom another transaction has locked, for instance a merge. Calls for such users wait
 * in two lanes of their own, so they delay only each other.
 */
export function createUsageRecorder(hot: Pool, metrics = createMetrics()): RecordUsage {
  const append = createLane<Addition, AppendResult>(
    { connections: 2, maxItems: 1_000, metrics: metrics.lane('record') },
    (items) => appendUsage(hot, items, 'skip'),
  );
  const appendLocked = createLane<Addition, AppendResult>(
    { connections: 1, maxItems: 1_000, metrics: metrics.lane('record_locked') },
    (items) =>
      inTransaction(hot, async (client) => {
        // Lock first: what is read after that does not change, so concurrent changes cannot repeat the call for ever.
        await lockUsers(
          client,
          items.map(({ usage }) => usage),
          'wait',
          'key share',
        );
        return appendUsage(client, items, 'wait');
      }),
  );
  const decide = createLane<readonly Usage[], DecisionResult>(
    { connections: 1, maxItems: 100, metrics: metrics.lane('decide') },
    (lists) => recordLocked(hot, lists, 'skip'),
  );
  const decideLocked = createLane<readonly Usage[], DecisionResult>(
    { connections: 1, maxItems: 100, metrics: metrics.lane('decide_locked') },
    (lists) => recordLocked(hot, lists, 'wait'),
  );
  const byHandInTurn = createTurns(1);
  const decideInTurn = createTurns(1);
  const appendInTurn = createTurns(2);
  return async (usages, { withStanding, byHandOf }) => {
    if (byHandOf) return byHandInTurn(byHandOf.environmentId, () => recordByHand(hot, byHandOf, usages));
    const [first] = usages;
    const environmentId = first !== undefined && usages.length > largeList ? first.environmentId : null;
    if (usages.some(needsDecision)) {
      if (environmentId === null) return withRetries(usages, decide, decideLocked);
      return withRetries(usages, (list) => decideInTurn(environmentId, () => decide(list)), decideLocked);
    }
    const appendAll = () =>
      Promise.all(
        usages.map((usage) =>
          withRetries({ usage, withStanding }, append, appendLocked).catch((error: Error) => error),
        ),
      );
    return environmentId === null ? appendAll() : appendInTurn(environmentId, appendAll);
  };
}

/**
 * A larger list waits for other large lists of its environment before it enters a lane, so that single calls and other
 * environments do not wait for them.
 */
const largeList = 20;

const needsDecision = (usage: Usage) => usage.action === 'SET' || usage.enforce;

type Attempt<Input, Result> = (input: Input) => Promise<Result | typeof RETRY>;

/** Tries the lane that never waits for locks; after that, the lane that waits. */
async function withRetries<Input, Result>(
  input: Input,
  tryUnlocked: Attempt<Input, Result>,
  tryLocked: Attempt<Input, Result>,
): Promise<Result> {
  let result = await tryUnlocked(input);
  for (let attempts = 1; result === RETRY; attempts += 1) {
    if (attempts === maxAttempts)
      throw new BusyError(`usage met a concurrent change of its user ${maxAttempts} times in a row`);
    result = await tryLocked(input);
  }
  return result;
}
