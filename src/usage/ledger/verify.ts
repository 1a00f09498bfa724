import type { Lookups } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { longTransaction } from '../../database/transaction.ts';
import { lockUser } from '../../users/store.ts';
import { type DrawDifference, findDrawDifferences } from '../draws/store.ts';
import { findHoldDifferences, type HoldDifference, recountHolds } from '../reservations/verify-store.ts';
import {
  findHourDifferences,
  findTotalDifferences,
  type HourDifference,
  recountTotals,
  type TotalDifference,
} from '../rollup/verify-store.ts';
import { findKeyDifferences, type KeyDifference, remakeKeys } from './keys-store.ts';
import { recount } from './store.ts';
import { countUsers, type Difference, findDifferences, nextUsers } from './verify-store.ts';

const batchSize = 500;

/** Receives progress and differences. */
export interface Report {
  progress(done: number, total: number): void;
  /** A counter that differs from the ledger. */
  counter(difference: Difference): void;
  /** An idempotency key that is not kept as the ledger says. */
  key(difference: KeyDifference): void;
  /** A top-up, or a window with top-ups, whose draws do not add up. */
  draw(difference: DrawDifference): void;
  /** An amount that is held, and that differs from the open reservations. */
  hold(difference: HoldDifference): void;
  /** An hour of a user that differs from the ledger. */
  hour(difference: HourDifference): void;
  /** An hour of a feature that differs from the sum of all users. */
  total(difference: TotalDifference): void;
}

/**
 * Compares the counters, idempotency keys and hours of all users with the ledger, and what is held with their open reservations, in batches
 * of users, and then the hours of features with those of users. Works on a live database, with bounded memory.
 */
export async function verify(hot: Lookups, report: Report): Promise<{ users: number }> {
  const total = await countUsers(hot);
  let done = 0;
  let users = await nextUsers(hot, 0n, batchSize);
  while (users !== null) {
    const { first, last, count } = users;
    for (const difference of await findDifferences(hot, first, last)) report.counter(difference);
    for (const difference of await findKeyDifferences(hot, first, last)) report.key(difference);
    for (const difference of await findDrawDifferences(hot, first, last)) report.draw(difference);
    for (const difference of await findHoldDifferences(hot, first, last)) report.hold(difference);
    for (const difference of await findHourDifferences(hot, first, last)) report.hour(difference);
    done += count;
    report.progress(Math.min(done, total), total);
    users = await nextUsers(hot, last, batchSize);
  }
  for (const difference of await findTotalDifferences(hot)) report.total(difference);
  return { users: done };
}

/** Makes what is counted and kept of a user again from the ledger, and what is held, with the user locked. */
export async function repair(prisma: PrismaClient, userKey: bigint): Promise<void> {
  await longTransaction(prisma, async (tx) => {
    if ((await lockUser(tx, userKey)) !== userKey) return;
    await recount(tx, userKey);
    await remakeKeys(tx, userKey);
    await recountHolds(tx, userKey);
  });
}

/** Recounts the hours of features from the hours of users. */
export async function repairTotals(prisma: PrismaClient): Promise<void> {
  await longTransaction(prisma, (tx) => recountTotals(tx), 300_000);
}
