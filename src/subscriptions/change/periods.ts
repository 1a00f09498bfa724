import type { Db } from '../../database/client.ts';
import { periodEndOf } from './rules.ts';
import { findPeriods, type OwnSubscription } from './store.ts';

/** The ends of the periods of these subscriptions that run at an instant, by their ids; null where there is no period. */
export async function findPeriodEnds(
  db: Db,
  subscriptions: readonly OwnSubscription[],
  at: Date,
): Promise<Map<bigint, Date | null>> {
  const periods = await findPeriods(db, subscriptions);
  return new Map(
    [...periods].map(([id, { features, intervals, startedAt }]) => [
      id,
      periodEndOf(features, intervals, startedAt, at),
    ]),
  );
}
