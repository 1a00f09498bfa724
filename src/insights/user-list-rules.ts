import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import { Id } from '../input.ts';
import { Search } from '../users/rules.ts';
import { Percent } from './span-rules.ts';

export const userOrders = ['CREATED_ASC', 'CREATED_DESC', 'NAME_ASC', 'NAME_DESC', 'USE_DESC'] as const;
export type UserOrder = (typeof userOrders)[number];

export const limitStates = ['NEAR', 'REACHED'] as const;

export const UserFilter = z.object({
  search: Search.nullish(),
  packageId: Id.nullish(),
  status: z.string().nullish(),
  featureId: Id.nullish(),
  usedPercent: Percent.nullish(),
  limit: z.enum(limitStates).nullish(),
});
export type UserFilter = z.output<typeof UserFilter>;

/** The position of a user in a list: what the list is ordered by, and the id; ordered by use, the key. */
export interface Position {
  value: string;
  id: string;
}

const Cursor = z.tuple([z.enum(userOrders), z.string(), z.string()]);

export const writeCursor = (order: UserOrder, { value, id }: Position): string =>
  Buffer.from(JSON.stringify([order, value, id])).toString('base64url');

/** @throws ValidationError if it is no cursor of a list in this order */
export function readCursor(order: UserOrder, cursor: string): Position {
  const found = Cursor.safeParse(parsed(cursor)).data;
  if (found === undefined) throw invalidInput('after', 'must be a cursor of this list');
  const [itsOrder, value, id] = found;
  if (itsOrder !== order) throw invalidInput('after', 'is a cursor of a list in another order');
  const isRead =
    order === 'USE_DESC'
      ? isShare(value) && isKey(id)
      : !order.startsWith('CREATED') || !Number.isNaN(Date.parse(value));
  if (!isRead) throw invalidInput('after', 'must be a cursor of this list');
  return { value, id };
}

/** Whether it is a share as PostgreSQL writes one: of a limit of 0 it is infinite. */
const isShare = (text: string): boolean => /^(Infinity|\d{1,40}(\.\d{1,20})?)$/.test(text);

const isKey = (text: string): boolean => /^\d{1,18}$/.test(text);

/**
 * Only a list of users near a limit can be ordered by use: for the others it is not known without reading what each used.
 *
 * @throws ValidationError
 */
export function checkOrder(order: UserOrder, { featureId, limit }: UserFilter): void {
  if (order === 'USE_DESC' && featureId == null && limit == null)
    throw invalidInput('order', 'USE_DESC needs a filter with a limit or a featureId');
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return null;
  }
}
