import { type Amount, amountOf } from '../../amount.ts';
import type { Db } from '../../database/client.ts';

/** What one usage drew from a top-up; negative when it gave back. */
export interface TopUpDraw {
  userKey: bigint;
  id: bigint;
  topUpId: bigint;
  usageEventId: bigint | null;
  windowStart: Date;
  amount: Amount;
  createdAt: Date;
}

interface DrawPage {
  first: number;
  before: bigint | null;
}

/**
 * Of each of these top-ups at most `first` draws before the one with the id `before`, newest first.
 *
 * @param take at most so many of all of them together
 */
export async function readDraws(
  db: Db,
  topUps: readonly { userKey: bigint; id: bigint }[],
  { first, before }: DrawPage,
  take: number,
): Promise<TopUpDraw[]> {
  const rows = await db.$queryRawUnsafe<(Omit<TopUpDraw, 'amount'> & { amount: string })[]>(
    `select d.* from unnest($1::bigint[], $2::bigint[]) as t(user_key, id)
     cross join lateral (
       select user_key as "userKey", id, top_up_id as "topUpId", usage_event_id as "usageEventId",
         window_start as "windowStart", amount::text as amount, created_at as "createdAt"
       from top_up_draw where user_key = t.user_key and top_up_id = t.id
         and ($3::bigint is null or id < $3)
       order by id desc limit $4
     ) d order by d.id desc limit $5`,
    topUps.map(({ userKey }) => userKey),
    topUps.map(({ id }) => id),
    before,
    first,
    take,
  );
  return rows.map((row) => ({ ...row, amount: amountOf(row.amount) }));
}

/** What each of these usages of the ledger drew from top-ups, together. Those that drew nothing are left out. */
export async function readDrawnBy(
  db: Db,
  events: readonly { userKey: bigint; id: bigint }[],
): Promise<{ usageEventId: bigint; amount: Amount }[]> {
  const rows = await db.$queryRawUnsafe<{ usageEventId: bigint; amount: string }[]>(
    `select d.usage_event_id as "usageEventId", sum(d.amount)::text as amount
     from unnest($1::bigint[], $2::bigint[]) as e(user_key, id)
     join top_up_draw d on d.user_key = e.user_key and d.usage_event_id = e.id group by 1`,
    events.map(({ userKey }) => userKey),
    events.map(({ id }) => id),
  );
  return rows.map((row) => ({ ...row, amount: amountOf(row.amount) }));
}
