import { audited } from '../audit/record.ts';
import { ownAuthor } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { inUserTurn } from '../database/turns.ts';
import type { Job } from '../jobs/queue.ts';
import { lockUser } from '../users/store.ts';
import { beginChange, type Change, findDue, findDueUsers, writeStatuses } from './store.ts';

type InTransaction = <Result>(prisma: PrismaClient, work: (tx: Db) => Promise<Result>) => Promise<Result>;

/**
 * Runs `work` with the user's row locked, the only way to change what usage counts towards (see beginChange). Statuses
 * that are due are written first. Returns null, without running it, if the user no longer exists.
 *
 * @param inTransaction how the transaction is run
 */
export function changeSubscriptions<Result>(
  prisma: PrismaClient,
  userKey: bigint,
  work: (tx: Db, change: Change) => Promise<Result>,
  inTransaction: InTransaction = (client, inside) => client.$transaction(inside),
): Promise<Result | null> {
  return inUserTurn(`${userKey}`, () =>
    inTransaction(prisma, async (tx) => {
      const locked = await lockUser(tx, userKey);
      if (locked === null) return null;
      const change = { userKey: locked, instant: await beginChange(tx, [locked]) };
      await settle(tx, change);
      return work(tx, change);
    }),
  );
}

/**
 * Writes the statuses of a locked user that are due. Answers do not depend on it: they compare instants; see statusAt.
 */
export async function settle(tx: Db, change: Change): Promise<void> {
  const due = await findDue(tx, change.userKey, change.instant);
  const [first] = due;
  if (first === undefined) return;
  const handles = due.map(({ id }) => id);
  const what = { action: 'scheduledChange', type: 'SUBSCRIPTION', handles } as const;
  await audited(tx, ownAuthor('SERVER', first.environmentId), what, () => writeStatuses(tx, change, handles));
}

/** Runs at start and every minute: writes the statuses that are due, and their entries of the audit log. */
export const settleJob = 'subscriptions-settle';

const usersAtOnce = 500;

export const settleJobs = (prisma: PrismaClient): Record<string, Job> => ({
  [settleJob]: async (_payload, { stop, log }) => {
    let users = await findDueUsers(prisma, 0n, usersAtOnce);
    while (users.length > 0) {
      for (const userKey of users) {
        if (stop.aborted) return;
        // One user's trouble is not another's: the next run tries again.
        await changeSubscriptions(prisma, userKey, async () => undefined).catch((err) =>
          log.error({ err }, 'the due statuses of a user are left to the next run'),
        );
      }
      users = await findDueUsers(prisma, users.at(-1) ?? 0n, usersAtOnce);
    }
  },
});
