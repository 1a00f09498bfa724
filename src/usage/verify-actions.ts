import type { Pool } from 'pg';
import type { PrismaClient } from '../database/generated/client.ts';
import { lockUser } from '../users/store.ts';
import { countUsers, type Difference, findDifferences, nextUsers, recount } from './verify-store.ts';

const usersAtATime = 500;

/**
 * Compares the counters of every user with the ledger, a few hundred users at a time: it may run on a live
 * database, and its memory does not grow with it.
 */
export async function verify(
  hot: Pool,
  onProgress: (done: number, total: number) => void,
  onDifference: (difference: Difference) => void,
): Promise<{ users: number }> {
  const total = await countUsers(hot);
  let done = 0;
  let users = await nextUsers(hot, 0n, usersAtATime);
  while (users !== null) {
    for (const difference of await findDifferences(hot, users.first, users.last)) onDifference(difference);
    done += users.count;
    onProgress(Math.min(done, total), total);
    users = await nextUsers(hot, users.last, usersAtATime);
  }
  return { users: done };
}

/** Makes the counters of a user what the ledger folds to, while nobody records for this user. */
export async function repair(prisma: PrismaClient, userKey: bigint): Promise<void> {
  await prisma.$transaction(async (tx) => {
    if ((await lockUser(tx, userKey)) === userKey) await recount(tx, userKey);
  });
}
