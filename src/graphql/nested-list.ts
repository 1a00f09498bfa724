import DataLoader from 'dataloader';
import type { GraphQLResolveInfo } from 'graphql';
import { placeOf } from './limits/answer-size.ts';

/** So many ids at once: Prisma gives each a parameter of the statement, and takes at most 32,767. */
const maxIds = 10_000;

type Loader<Item> = DataLoader<string, Item[]>;

/** By the context of the request, and the place in its operation. */
const loaders = new WeakMap<object, Map<string, Loader<unknown>>>();

/**
 * One of the lists that many items of an answer have. All that are asked for at one place of the operation are read
 * together, by the ids of their owners, each once. Prisma would put a copy of them into each of its rows, lists
 * within lists, before anybody could count them.
 *
 * @param load the items of these owners' lists, in the order of the lists; it reads with readRows
 */
export function nestedList<Item>(
  context: object,
  info: GraphQLResolveInfo,
  ownerId: string,
  load: (ownerIds: string[]) => Promise<{ ownerId: string; item: Item }[]>,
): Promise<Item[]> {
  const places = loaders.get(context) ?? new Map<string, Loader<unknown>>();
  loaders.set(context, places);
  const place = placeOf(info);
  const loader = (places.get(place) as Loader<Item> | undefined) ?? createLoader(load);
  places.set(place, loader);
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

/** Finds rows by their ids, in as many statements as the ids take. */
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
