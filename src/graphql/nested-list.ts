import DataLoader from 'dataloader';
import type { GraphQLResolveInfo } from 'graphql';
import { answerPathOf } from './limits/answer-size.ts';

/** Prisma uses one parameter for each id, and PostgreSQL allows at most 32,767. */
const maxIds = 10_000;

type Loader<Item> = DataLoader<string, Item[]>;

/** By the context of the request, and the path in its answer. */
const loaders = new WeakMap<object, Map<string, Loader<unknown>>>();

/**
 * Returns a list that each item of another list has. All such lists at one path of the answer are loaded together, by
 * the ids of their owners. Prisma would nest copies of the rows, and they could not be counted first.
 *
 * @param load returns the items of these owners' lists, in the order of the lists. Reads with readRows
 */
export function nestedList<Item>(
  context: object,
  info: GraphQLResolveInfo,
  ownerId: string,
  load: (ownerIds: string[]) => Promise<{ ownerId: string; item: Item }[]>,
): Promise<Item[]> {
  const byPath = loaders.get(context) ?? new Map<string, Loader<unknown>>();
  loaders.set(context, byPath);
  const path = answerPathOf(info);
  const loader = (byPath.get(path) as Loader<Item> | undefined) ?? createLoader(load);
  byPath.set(path, loader);
  return loader.load(ownerId);
}

const createLoader = <Item>(
  load: (ownerIds: string[]) => Promise<{ ownerId: string; item: Item }[]>,
): Loader<Item> =>
  new DataLoader(
    async (ownerIds) => {
      const lists = new Map(ownerIds.map((id) => [id, [] as Item[]]));
      for (const { ownerId, item } of await load([...ownerIds])) lists.get(ownerId)?.push(item);
      return [...lists.values()];
    },
    { maxBatchSize: maxIds },
  );

/** Finds rows by their ids, in several statements if there are many ids. */
export async function findByIds<Row>(
  ids: Iterable<string>,
  find: (ids: string[]) => Promise<Row[]>,
): Promise<Row[]> {
  const all = [...ids];
  const rows: Row[][] = [];
  for (let start = 0; start < all.length; start += maxIds)
    rows.push(await find(all.slice(start, start + maxIds)));
  return rows.flat();
}
