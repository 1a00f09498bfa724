import type { ClientBase } from 'pg';
import { amountOf, amountText } from '../../amount.ts';
import type { Db } from '../../database/client.ts';
import { holdingsOfSql } from '../../entitlements/holdings-store.ts';
import { drawCtes } from './alerts-store.ts';
import { Excess, type Part, type TopUp } from './rules.ts';

type Client = Pick<ClientBase, 'query'>;

/** A window of what a user holds of a feature. */
interface HeldWindow {
  environmentId: string;
  userKey: bigint;
  subscriptionId: bigint;
  featureId: string;
  windowStart: Date;
}

interface TopUpRow {
  user_key: string;
  feature_id: string;
  id: string;
  amount: string;
  remaining: string;
  priority: number;
  created_at: Date;
  expires_at: Date | null;
  voided_at: Date | null;
}

/**
 * Reads the top-ups of these users and features, also those that are over, by `nameOf`. The users' rows are
 * locked FOR UPDATE: until the transaction ends nobody else draws.
 */
export async function readTopUps(
  client: Client,
  of: readonly { userKey: bigint; featureId: string }[],
  nameOf: (userKey: bigint, featureId: string) => string,
): Promise<Map<string, TopUp[]>> {
  const { rows } = await client.query<TopUpRow>({
    name: 'read top-ups',
    text: `
      select t.* from (select distinct * from unnest($1::bigint[], $2::text[]) as w(user_key, feature_id)) i
      cross join lateral (
        select user_key, feature_id, id, amount, remaining, priority, created_at, expires_at, voided_at from top_up
        where user_key = i.user_key and feature_id = i.feature_id offset 0
      ) t`,
    values: [of.map(({ userKey }) => userKey), of.map(({ featureId }) => featureId)],
  });
  const topUps = new Map<string, TopUp[]>();
  for (const row of rows) {
    const name = nameOf(BigInt(row.user_key), row.feature_id);
    topUps.set(name, [...(topUps.get(name) ?? []), topUpOf(row)]);
  }
  return topUps;
}

const topUpOf = (row: TopUpRow): TopUp => ({
  id: BigInt(row.id),
  amount: amountOf(row.amount),
  remaining: amountOf(row.remaining),
  priority: row.priority,
  startsAt: row.created_at,
  expiresAt: row.expires_at,
  voidedAt: row.voided_at,
});

const columnsOf = (windows: readonly HeldWindow[]) => [
  windows.map(({ userKey }) => userKey),
  windows.map(({ subscriptionId }) => subscriptionId),
  windows.map(({ featureId }) => featureId),
  windows.map(({ windowStart }) => windowStart),
];
const windowsSql = `unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
  with ordinality as i(user_key, subscription_id, feature_id, window_start, ord)`;

/** The usage beyond the budget of each of these windows, in their order. */
export async function readExcess(client: Client, windows: readonly HeldWindow[]): Promise<Part[][]> {
  const { rows } = await client.query<{ ord: string; top_up_id: string | null; amount: string }>({
    name: 'read excess',
    text: `select i.ord, e.top_up_id, e.amount from ${windowsSql}
      join usage_excess e using (user_key, subscription_id, feature_id, window_start) order by i.ord, e.position`,
    values: columnsOf(windows),
  });
  const parts: Part[][] = windows.map(() => []);
  for (const { ord, top_up_id, amount } of rows)
    parts[Number(ord) - 1]?.push({
      topUpId: top_up_id === null ? null : BigInt(top_up_id),
      amount: amountOf(amount),
    });
  return parts;
}

/** A window whose excess may have changed. */
interface Changed {
  window: HeldWindow;
  excess: Excess;
}

/** Writes the usage beyond the budget of these windows. */
export async function saveExcess(client: Client, changed: readonly Changed[]): Promise<void> {
  const old = changed.filter(({ excess }) => excess.wasThere).map(({ window }) => window);
  const parts = changed.flatMap(({ window, excess }) =>
    excess.parts.map((part, position) => ({ window, position, ...part })),
  );
  await Promise.all([
    old.length > 0 && deleteExcess(client, old),
    parts.length > 0 && insertExcess(client, parts),
  ]);
}

const deleteExcess = (client: Client, windows: readonly HeldWindow[]) =>
  client.query({
    name: 'delete excess',
    text: `
      delete from usage_excess e using ${windowsSql}
      where e.user_key = i.user_key and e.subscription_id = i.subscription_id and e.feature_id = i.feature_id
        and e.window_start = i.window_start`,
    values: columnsOf(windows),
  });

const insertExcess = (client: Client, parts: readonly (Part & { window: HeldWindow; position: number })[]) =>
  client.query({
    name: 'insert excess',
    text: `
      insert into usage_excess (user_key, subscription_id, feature_id, window_start, environment_id, position, top_up_id,
        amount)
      select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::integer[],
        $7::bigint[], $8::numeric[])`,
    values: [
      ...columnsOf(parts.map(({ window }) => window)),
      parts.map(({ window }) => window.environmentId),
      parts.map(({ position }) => position),
      parts.map(({ topUpId }) => topUpId),
      parts.map(({ amount }) => amountText(amount)),
    ],
  });

/**
 * Writes what was drawn, and what remains of the top-ups.
 *
 * @param eventIds the ids of the usages in the ledger, by the places that draws name
 */
export async function saveDraws(
  client: Client,
  changed: readonly Changed[],
  eventIds: readonly bigint[] = [],
): Promise<void> {
  const draws = changed.flatMap(({ window, excess }) => excess.draws.map((draw) => ({ window, ...draw })));
  if (draws.length === 0) return;
  await client.query({
    name: 'save draws',
    text: `with drawn as (
       insert into top_up_draw (user_key, subscription_id, feature_id, window_start, environment_id, top_up_id, amount,
         usage_event_id)
       select user_key, subscription_id, feature_id, window_start, environment_id, top_up_id, amount, usage_event_id
       from unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::numeric[],
         $8::bigint[]) with ordinality as i(user_key, subscription_id, feature_id, window_start, environment_id,
         top_up_id, amount, usage_event_id, ord)
       order by ord
       returning user_key, top_up_id, environment_id, amount
     ), total as (
       select user_key, top_up_id, environment_id, sum(amount) as amount from drawn group by 1, 2, 3
     ), ${drawCtes('total')} select`,
    values: [
      ...columnsOf(draws.map(({ window }) => window)),
      draws.map(({ window }) => window.environmentId),
      draws.map(({ topUpId }) => topUpId),
      draws.map(({ amount }) => amountText(amount)),
      draws.map(({ usage }) => (usage === null ? null : (eventIds[usage] ?? null))),
    ],
  });
}

/* The limit of the subscription or feature grant that a window belongs to. */
const limitSql = `(
  select h."limit" from ${holdingsOfSql('e.user_key', 'e.subscription_id', '= e.feature_id')} h limit 1
)`;

/** The windows of users with keys from $1 to $2 in which the parts do not add up to the usage beyond the budget. */
const unsettledSql = `
  select e.user_key, e.subscription_id, e.feature_id, e.window_start, e.environment_id, e.covered,
    coalesce(greatest(coalesce(c.used, 0) - ${limitSql}, 0), 0) as excess
  from (
    select user_key, subscription_id, feature_id, window_start, environment_id, sum(amount) as covered from usage_excess
    where user_key between $1 and $2 group by 1, 2, 3, 4, 5
  ) e
  left join usage_counter c using (user_key, subscription_id, feature_id, window_start)
  where e.covered <> coalesce(greatest(coalesce(c.used, 0) - ${limitSql}, 0), 0)`;

/** The top-ups of users with keys from $1 to $2 of which something else remains than their draws say. */
const unprovenSql = `
  select t.user_key, t.id, t.feature_id, t.amount - t.remaining as used_up, coalesce(d.drawn, 0) as drawn,
    coalesce(x.used, 0) as used
  from top_up t
  left join lateral (
    select sum(amount) as drawn from top_up_draw where user_key = t.user_key and top_up_id = t.id
  ) d on true
  left join lateral (
    select sum(amount) as used from usage_excess where user_key = t.user_key and top_up_id = t.id
  ) x on true
  where t.user_key between $1 and $2
    and (t.amount - t.remaining <> coalesce(d.drawn, 0) or coalesce(d.drawn, 0) <> coalesce(x.used, 0))`;

/** The same statements in a transaction of Prisma, one after the other. */
function clientOf(tx: Db): Client {
  let last: Promise<unknown> = Promise.resolve();
  const query = ({ text, values }: { text: string; values: unknown[] }) => {
    const rows = last.then(() => tx.$queryRawUnsafe(text, ...values));
    last = rows;
    return rows.then((found) => ({ rows: found }));
  };
  return { query } as unknown as Client;
}

interface UnsettledRow {
  user_key: bigint;
  subscription_id: bigint;
  feature_id: string;
  window_start: Date;
  environment_id: string;
  excess: { toFixed(): string };
}

/**
 * Follows a recount of a user's counters, after a merge for example. Nothing is drawn: what windows are beyond the budget
 * by it is drawn from nothing, and what they are less is given back. The user's row is locked FOR UPDATE.
 */
export async function settleExcess(tx: Db, userKey: bigint): Promise<void> {
  const client = clientOf(tx);
  const rows = await tx.$queryRawUnsafe<UnsettledRow[]>(unsettledSql, userKey, userKey);
  if (rows.length === 0) return;
  const windows = rows.map((row) => ({
    environmentId: row.environment_id,
    userKey,
    subscriptionId: row.subscription_id,
    featureId: row.feature_id,
    windowStart: row.window_start,
  }));
  const topUps = await readTopUps(client, windows, (_key, featureId) => featureId);
  const parts = await readExcess(client, windows);
  const changed = windows.map((window, index) => {
    const excess = new Excess(parts[index] ?? []);
    excess.settle(amountOf(rows[index]?.excess ?? 0), topUps.get(window.featureId) ?? []);
    return { window, excess };
  });
  await saveExcess(client, changed);
  await saveDraws(client, changed);
}

/** A proof that failed: what top-ups or windows say of what was drawn. */
export interface DrawDifference {
  userKey: bigint;
  what: string;
}

/** Finds what does not add up of the draws of the users with keys from `first` to `last`. */
export async function findDrawDifferences(
  client: Client,
  first: bigint,
  last: bigint,
): Promise<DrawDifference[]> {
  const windows = await client.query(unsettledSql, [first, last]);
  const topUps = await client.query(unprovenSql, [first, last]);
  return [
    ...windows.rows.map((row) => ({
      userKey: BigInt(row.user_key),
      what: `window of ${row.subscription_id} from ${row.window_start.toISOString()}, feature ${row.feature_id}: used beyond the budget ${row.excess}, drawn or uncovered ${row.covered}`,
    })),
    ...topUps.rows.map((row) => ({
      userKey: BigInt(row.user_key),
      what: `top-up ${row.id}, feature ${row.feature_id}: used up ${row.used_up}, draws ${row.drawn}, in windows ${row.used}`,
    })),
  ];
}
