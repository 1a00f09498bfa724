import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import { Id, parse } from '../input.ts';
import { builder } from './builder.ts';

const maxPage = 1_000;
const maxWhole = 10_000;

const listArguments = z.object({
  first: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(maxPage, `must be at most ${maxPage}`)
    .nullish(),
  after: Id.nullish(),
});

export interface PageArgs {
  first?: number | null;
  after?: string | null;
  /** For the few lists that can be turned round. */
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

interface Page<Time extends string, Id extends string> {
  take: number;
  where: object;
  orderBy: [Record<Time, Direction>, Record<Id, Direction>];
}

const byCreation = { time: 'createdAt', id: 'id' } as const;

/** The two arguments that page any list; add them to the field's own. */
export const listArgs = builder.args((t) => ({
  first: t.int({
    description: `How many to return at most, up to ${maxPage}. Without it: everything, but an error when that is more than ${maxWhole}.`,
  }),
  after: t.string({
    description:
      'Return what follows the item with this id; an error when there is none with it, or no longer.',
  }),
}));

/**
 * Lists are ordered by creation, then id, the oldest first unless `newestFirst` says otherwise. Without `first`
 * everything is returned, up to 10,000 rows; beyond that an error asks for paging, rather than cutting silently.
 *
 * @param find one item by the id that `after` names, null when there is none
 * @param load the rows of the page
 * @param settledUntil for a list that callers follow while rows are added: an instant before which none are added any more
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

/** Rows that are older than any transaction may last are settled. */
const surelySettledMs = 600_000;
const settlingTimeoutMs = 2_000;
const pollMs = 5;

/**
 * A page whose rows no later row can come before: whoever asks for what follows the last one misses none. If the page
 * holds rows that another may still come before, it waits for that to be settled, and at last leaves them to the
 * next page.
 */
async function settledPage<Row>(
  read: () => Promise<Row[]>,
  timeOf: (row: Row) => Date,
  settledUntil: () => Promise<Date>,
): Promise<Row[]> {
  const rows = await read();
  const last = rows.at(-1);
  if (last === undefined) return rows;
  const newest = timeOf(last);
  const now = Date.now();
  if (newest.getTime() < now - surelySettledMs) return rows;
  for (;;) {
    const until = await settledUntil();
    // Read after that, so that all that is settled is seen.
    const settled = (await read()).filter((row) => timeOf(row) < until);
    if (newest < until || Date.now() > now + settlingTimeoutMs) return settled;
    await sleep(pollMs);
  }
}

/**
 * The same for a list that only SQL can select.
 *
 * @param load at most `take` items that come after `last`, in the order of lists
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
