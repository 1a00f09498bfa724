import type { Author } from '../../audit/rules.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { createTurns } from '../../database/turns.ts';
import { subscribe } from './change.ts';
import type { UserSubscribing } from './rules.ts';

/** How many users are subscribed at once. Few, so that other calls find a connection. */
const usersAtOnce = 3;
/** Of one environment, one list at a time. Others wait. */
const inTurn = createTurns(1, 30_000);

/**
 * Subscribes many users, each on its own. Entries of one user are applied in order.
 *
 * @returns for each entry the ids of the new subscriptions, or why there are none
 */
export function subscribeMany(
  prisma: PrismaClient,
  author: Author,
  entries: readonly UserSubscribing[],
): Promise<(bigint[] | Error)[]> {
  const results: (bigint[] | Error)[] = new Array(entries.length);
  const byUser = new Map<string, { place: number; entry: UserSubscribing }[]>();
  for (const [place, entry] of entries.entries())
    byUser.set(entry.userId, [...(byUser.get(entry.userId) ?? []), { place, entry }]);
  const lists = [...byUser.values()];
  const work = async () => {
    for (let list = lists.shift(); list !== undefined; list = lists.shift()) {
      for (const { place, entry } of list) {
        const { userId, ...subscribing } = entry;
        results[place] = await subscribe(prisma, author, userId, subscribing).catch((error) => error);
      }
    }
  };
  return inTurn(author.environmentId, async () => {
    await Promise.all(Array.from({ length: usersAtOnce }, work));
    return results;
  });
}
