import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import { Id, parse, readRowId } from '../input.ts';
import { builder } from './builder.ts';

const maxPage = 1_000;
const maxWhole = 10_000;

/** How many items a page has. */
export const PageSize = z
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(maxPage, `must be at most ${maxPage}`);

const listArguments = z.object({
  first: PageSize.nullish(),
  after: Id.nullish(),
});

export interface PageArgs {
  first?: number | null;
  after?: string | null;
  /** For the few lists that can be reversed. */
  newestFirst?: boolean | null;
}

export interface Listed {
  id: string | bigint;
  createdAt: Date;
}

type Direction = 'asc' | 'desc';

/** The fields of a row by which its list is ordered. */
interface OrderFields<Time extends string, Id extends string> {
  time: Time;
  id: Id;
}

type Ordered<Time extends string, Id extends string> = Record<Time, Date> & Record<Id, string | bigint>;

/** Finds the item with the id `after` in a list whose ids are numbers of rows. */
export const byRowId =
  <Item>(find: (id: bigint) => Promise<Item | null>) =>
  async (after: string): Promise<Item | null> => {
    const id = readRowId(after);
    return id === null ? null : find(id);
  };

interface Page<Time extends string, Id extends string> {
  take: number;
  where: object;
  orderBy: [Record<Time, Direction>, Record<Id, Direction>];
}

const byCreation = { time: 'createdAt', id: 'id' } as const;

/** The arguments of every list that has pages. */
export const listArgs = builder.args((t) => ({
  first: t.int({
    description: `The maximum number of items, up to ${maxPage}. Without it: all items, or an error if there are more than ${maxWhole}.`,
  }),
  after: t.string({
    description: 'Returns the items after the item with this id. An error if there is no such item.',
  }),
}));

/** For lists that can be read from their end. */
export const orderArgs = builder.args((t) => ({
  newestFirst: t.boolean({ required: true, defaultValue: false, description: 'Newest first.' }),
}));

/**
 * Returns a page of a list. Lists are ordered by creation, then id, oldest first unless `newestFirst` is set. Without
 * `first`, all rows are returned, up to 10,000. Beyond that it is an error, so that no list is cut off silently.
 *
 * @param find returns the item with the id `after`, or null
 * @param load returns the rows of the page
 * @param settledUntil for lists that callers poll: returns an instant before which no more rows are added
 */
export function listPage<Row extends Listed>(
  args: PageArgs,
  find: (id: string) => Promise<Listed | null>,
  load: (page: Page<'createdAt', 'id'>) => Promise<Row[]>,
  settledUntil?: () => Promise<Date>,
): Promise<Row[]> {
  return listPageBy(byCreation, args, find, load, settledUntil);
}

/** The same for rows whose fields have other names. */
export function listPageBy<Time extends string, Id extends string, Row extends Ordered<Time, Id>>(
  fields: OrderFields<Time, Id>,
  args: PageArgs,
  find: (id: string) => Promise<Ordered<NoInfer<Time>, NoInfer<Id>> | null>,
  load: (page: Page<NoInfer<Time>, NoInfer<Id>>) => Promise<Row[]>,
  settledUntil?: () => Promise<Date>,
): Promise<Row[]> {
  const direction = args.newestFirst ? 'desc' : 'asc';
  const orderBy = [{ [fields.time]: direction }, { [fields.id]: direction }] as Page<Time, Id>['orderBy'];
  const isFollowed = args.first != null && direction === 'asc';
  return listAfter(args, find, ({ take, last }) => {
    const where = last === null ? {} : following(last, fields, direction);
    const read = () => load({ take, where, orderBy });
    const timeOf = (row: Row) => row[fields.time];
    return settledUntil !== undefined && isFollowed ? settledPage(read, timeOf, settledUntil) : read();
  });
}

/** No transaction lasts for ten minutes, and no replica that is read lags by one. Older rows are settled. */
const alwaysSettledMs = 660_000;
const settlingTimeoutMs = 2_000;
const pollMs = 5;

/**
 * Returns a page before which no row can still be inserted, so a caller who continues after its last row misses none. A
 * running transaction may still insert rows between those of the page. Then this waits, and after a timeout returns only
 * the settled rows.
 */
export async function settledPage<Row>(
  read: () => Promise<Row[]>,
  timeOf: (row: Row) => Date,
  settledUntil: () => Promise<Date>,
): Promise<Row[]> {
  const rows = await read();
  const last = rows.at(-1);
  if (last === undefined) return rows;
  const newest = timeOf(last);
  const now = Date.now();
  if (newest.getTime() < now - alwaysSettledMs) return rows;
  for (;;) {
    const until = await settledUntil();
    // Read after `until` is known, so that all settled rows are visible.
    if (newest < until || Date.now() > now + settlingTimeoutMs)
      return (await read()).filter((row) => timeOf(row) < until);
    await sleep(pollMs);
  }
}

/**
 * The same for a list that needs SQL.
 *
 * @param load returns at most `take` items after `last`, in the order of lists
 */
export async function listAfter<Item, Last = Listed>(
  args: PageArgs,
  find: (id: string) => Promise<Last | null>,
  load: (page: { take: number; last: Last | null }) => Promise<Item[]>,
): Promise<Item[]> {
  const first = parse(listArguments.shape.first, args.first, 'first');
  const after = parse(listArguments.shape.after, args.after, 'after');
  const last = after == null ? null : await find(after);
  if (after != null && last === null) throw invalidInput('after', `there is no item with the id "${after}"`);
  const items = await load({ take: first ?? maxWhole + 1, last });
  if (first == null && items.length > maxWhole) {
    throw invalidInput(
      'first',
      `there are more than ${maxWhole} items; page through them with first and after`,
    );
  }
  return items;
}

function following<Time extends string, Id extends string>(
  last: Ordered<Time, Id>,
  fields: OrderFields<Time, Id>,
  direction: Direction,
): object {
  const [from, upTo] = direction === 'asc' ? ['gte', 'lte'] : ['lte', 'gte'];
  const time = last[fields.time];
  return {
    [fields.time]: { [from]: time },
    NOT: { [fields.time]: time, [fields.id]: { [upTo]: last[fields.id] } },
  };
}
