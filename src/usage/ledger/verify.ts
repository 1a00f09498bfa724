import type { Pool } from 'pg';
import type { PrismaClient } from '../../database/generated/client.ts';
import { longTransaction } from '../../database/long-transaction.ts';
import { lockUser } from '../../users/store.ts';
import {
  findHourDifferences,
  findTotalDifferences,
  type HourDifference,
  recountTotals,
  type TotalDifference,
} from '../rollup/verify-store.ts';
import { recount } from './recount-store.ts';
import { countUsers, type Difference, findDifferences, nextUsers } from './verify-store.ts';

const usersAtATime = 500;

/** Who is told what is found. */
export interface Report {
  progress(done: number, total: number): void;
  /** A counter that is not what the ledger folds to. */
  counter(difference: Difference): void;
  /** An hour of a user that is not what the ledger folds to. */
  hour(difference: HourDifference): void;
  /** An hour of a feature that is not the sum of all users'. */
  total(difference: TotalDifference): void;
}

/**
 * Compares the counters and hours of every user with the ledger, a few hundred users at a time, and then the hours
 * of features with those of users: it may run on a live database, and its memory does not grow with it.
 */
export async function verify(hot: Pool, report: Report): Promise<{ users: number }> {
  const total = await countUsers(hot);
  let done = 0;
  let users = await nextUsers(hot, 0n, usersAtATime);
  while (users !== null) {
    const { first, last, count } = users;
    for (const difference of await findDifferences(hot, first, last)) report.counter(difference);
    for (const difference of await findHourDifferences(hot, first, last)) report.hour(difference);
    done += count;
    report.progress(Math.min(done, total), total);
    users = await nextUsers(hot, last, usersAtATime);
  }
  for (const difference of await findTotalDifferences(hot)) report.total(difference);
  return { users: done };
}

/** Makes the counters and hours of a user what the ledger folds to, while nobody records for this user. */
export async function repair(prisma: PrismaClient, userKey: bigint): Promise<void> {
  await longTransaction(prisma, async (tx) => {
    if ((await lockUser(tx, userKey)) === userKey) await recount(tx, userKey);
  });
}

/** Makes the hours of features the sums of all users' hours. */
export async function repairTotals(prisma: PrismaClient): Promise<void> {
  await longTransaction(prisma, (tx) => recountTotals(tx), 300_000);
}
