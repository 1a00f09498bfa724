import type { Pool, PoolClient } from 'pg';
import { unavailabilityOf } from '../../database/errors.ts';
import { RETRY, untilAnswered, waitBriefly } from '../../database/held.ts';
import { inTransaction } from '../../database/transaction.ts';
import { createTurns } from '../../database/turns.ts';
import type { IfLocked } from '../record/rules.ts';

/** How long a call waits while others of its user or environment are decided. Then it fails with a BusyError. */
const turnTimeoutMs = 5_000;

/** Work that locks a user. Where it may not wait for the lock, it returns RETRY for one that is locked. */
type Work<Result> = (client: PoolClient, locked: IfLocked) => Promise<Result | typeof RETRY>;

/** Runs work that locks a user in a transaction. @throws BusyError if the user is locked for too long */
export type RunLocked = <Result>(
  user: { environmentId: string; userId: string },
  work: Work<Result>,
) => Promise<Result>;

/**
 * Calls of one user run one after another, and wait without a connection. Two users of an environment are served at
 * once, as long as nobody else has locked them. A user whom another transaction has locked, for instance a merge, is
 * waited for in another turn of the environment: one user at a time, and never for long.
 */
export function createLockedRuns(hot: Pool): RunLocked {
  const userInTurn = createTurns(1, turnTimeoutMs);
  const freeInTurn = createTurns(2, turnTimeoutMs);
  const heldInTurn = createTurns(1, turnTimeoutMs);
  return ({ environmentId, userId }, work) =>
    userInTurn(`${environmentId} ${userId}`, async () => {
      const result = await freeInTurn(environmentId, () =>
        inTransaction(hot, (client) => work(client, 'skip')),
      );
      if (result !== RETRY) return result;
      return untilAnswered(() => heldInTurn(environmentId, () => runWaiting(hot, work)));
    });
}

async function runWaiting<Result>(hot: Pool, work: Work<Result>): Promise<Result | typeof RETRY> {
  try {
    return await inTransaction(hot, async (client) => {
      await waitBriefly(client);
      return work(client, 'wait');
    });
  } catch (error) {
    if (unavailabilityOf(error) === 'locked') return RETRY;
    throw error;
  }
}
