import type { Pool } from 'pg';
import type { Author } from '../../audit/rules.ts';
import { BusyError } from '../../database/errors.ts';
import { createLane } from '../../database/lane.ts';
import { inTransaction } from '../../database/transaction.ts';
import { createTurns } from '../../database/turns.ts';
import { createMeters } from '../../telemetry/metrics.ts';
import { recordByHand, recordLocked } from './locked.ts';
import { lockUsers } from './locked-store.ts';
import type { Recorded, Usage } from './rules.ts';
import { type Addition, appendUsage, RETRY } from './store.ts';

const maxAttempts = 20;

/**
 * Records usages, and answers one result per usage, in order; an Error in a result's place is that usage's
 * alone. What it calls recorded is committed to disk.
 *
 * `byHandOf` is the person who records by hand, if one does: the audit log tells of it.
 */
export type RecordUsage = (
  usages: readonly Usage[],
  options: { withStanding: boolean; byHandOf?: Author | null },
) => Promise<(Recorded | Error)[]>;

type Judged = Recorded | typeof RETRY;
type JudgedList = (Recorded | Error)[] | typeof RETRY;

/**
 * Plain additions of all concurrent callers share one statement. Where the result depends on what is there
 * already (SET, enforce), the whole list is decided item by item, in order, with its users locked.
 *
 * Nobody waits there for a user whom someone else has locked, which may last as long as a merge: calls for such a
 * user wait in lanes of their own, where they hold up nobody but each other.
 */
export function createUsageRecorder(hot: Pool, meters = createMeters()): RecordUsage {
  const append = createLane<Addition, Judged>(
    { connections: 2, maxItems: 1_000, meter: meters.lane('record') },
    (items) => appendUsage(hot, items, 'skip'),
  );
  const appendLocked = createLane<Addition, Judged>(
    { connections: 1, maxItems: 1_000, meter: meters.lane('record_locked') },
    (items) =>
      inTransaction(hot, async (client) => {
        // First the lock, and what is read then stays true: no number of changers can make this fail for ever.
        await lockUsers(
          client,
          items.map(({ usage }) => usage),
          'wait',
          'key share',
        );
        return appendUsage(client, items, 'wait');
      }),
  );
  const decide = createLane<readonly Usage[], JudgedList>(
    { connections: 1, maxItems: 100, meter: meters.lane('decide') },
    (lists) => recordLocked(hot, lists, 'skip'),
  );
  const decideLocked = createLane<readonly Usage[], JudgedList>(
    { connections: 1, maxItems: 100, meter: meters.lane('decide_locked') },
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
      if (environmentId === null) return judged(usages, decide, decideLocked);
      return judged(usages, (list) => decideInTurn(environmentId, () => decide(list)), decideLocked);
    }
    const appendAll = () =>
      Promise.all(
        usages.map((usage) =>
          judged({ usage, withStanding }, append, appendLocked).catch((error: Error) => error),
        ),
      );
    return environmentId === null ? appendAll() : appendInTurn(environmentId, appendAll);
  };
}

/**
 * A list of more usages waits for others of its environment before it enters a lane: however many such lists come at once,
 * single calls pass between them, and those of another environment do not wait for them.
 */
const largeList = 20;

const needsDecision = (usage: Usage) => usage.action === 'SET' || usage.enforce;

type Ask<Question, Answer> = (question: Question) => Promise<Answer | typeof RETRY>;

/** Asks where nobody waits; and then, as often as need be, where the user's lock is waited for. */
async function judged<Question, Answer>(
  question: Question,
  ask: Ask<Question, Answer>,
  askLocked: Ask<Question, Answer>,
): Promise<Answer> {
  let answer = await ask(question);
  for (let attempts = 1; answer === RETRY; attempts += 1) {
    if (attempts === maxAttempts)
      throw new BusyError(`usage met a concurrent change of its user ${maxAttempts} times in a row`);
    answer = await askLocked(question);
  }
  return answer;
}
