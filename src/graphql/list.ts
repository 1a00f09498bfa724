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

interface PageArgs {
  first?: number | null;
  after?: string | null;
  /** For the few lists that can be turned round. */
  newestFirst?: boolean | null;
}

export interface Listed {
  id: string | bigint;
  createdAt: Date;
}

interface Page {
  take: number;
  where: object;
  orderBy: [{ createdAt: 'asc' | 'desc' }, { id: 'asc' | 'desc' }];
}

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
 */
export function listPage<Row extends Listed>(
  args: PageArgs,
  find: (id: string) => Promise<Listed | null>,
  load: (page: Page) => Promise<Row[]>,
): Promise<Row[]> {
  const order = args.newestFirst ? 'desc' : 'asc';
  return listAfter(args, find, ({ take, last }) =>
    load({
      take,
      where: last === null ? {} : following(last, order),
      orderBy: [{ createdAt: order }, { id: order }],
    }),
  );
}

/**
 * The same for a list that only SQL can select.
 *
 * @param load at most `take` items that come after `last`, in the order of lists
 */
export async function listAfter<Item>(
  args: PageArgs,
  find: (id: string) => Promise<Listed | null>,
  load: (page: { take: number; last: Listed | null }) => Promise<Item[]>,
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

const following = ({ createdAt, id }: Listed, order: 'asc' | 'desc') =>
  order === 'asc'
    ? { createdAt: { gte: createdAt }, NOT: { createdAt, id: { lte: id } } }
    : { createdAt: { lte: createdAt }, NOT: { createdAt, id: { gte: id } } };
