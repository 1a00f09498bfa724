import type { Db } from '../database/client.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { statusNowSql } from '../subscriptions/store.ts';
import { searchQuery } from '../users/rules.ts';
import { isNearSqlOf, nearSharesSql } from './near-limit-store.ts';
import { areFewSql, type Standings, storedKeysSql, storedUsersSql } from './standings/stored-store.ts';
import type { Position, UserFilter, UserOrder } from './user-list-rules.ts';

interface Order {
  by: string;
  type: string;
  /** Decides among those that are equal. */
  id: string;
  idType: string;
  direction: 'asc' | 'desc';
}

const byId = { id: 'u.id', idType: 'text' };
const byName = { by: `lower(coalesce(nullif(u.name, ''), u.id))`, type: 'text', ...byId };
const byCreation = { by: 'u.created_at', type: 'timestamptz', ...byId };

/** What a list is ordered by; each has an index, but for the use that is not stored. */
const orders: Record<UserOrder, Order> = {
  CREATED_ASC: { ...byCreation, direction: 'asc' },
  CREATED_DESC: { ...byCreation, direction: 'desc' },
  NAME_ASC: { ...byName, direction: 'asc' },
  NAME_DESC: { ...byName, direction: 'desc' },
  USE_DESC: { by: 'near.share', type: 'numeric', id: 'near.user_key', idType: 'bigint', direction: 'desc' },
};

const held = heldStatuses.map((status) => `'${status}'`).join(', ');

/** Keeps the planner from reading a whole table instead of looking up each user. */
const eachSql = 'offset 0';

/**
 * The conditions of a list, with their values, and what it is chosen from. $1 is the environment, $2 and $3 are those of near-limit-store.ts.
 *
 * @param lookUp eachSql, or nothing
 */
function conditionsOf(
  environmentId: string,
  { search, packageId, status, featureId, usedPercent, limit }: UserFilter,
  lookUp = '',
) {
  const refused = limit === 'REACHED';
  const values: unknown[] = [environmentId, featureId ?? null, refused ? 100 : (usedPercent ?? 80)];
  const add = (value: unknown) => `$${values.push(value)}`;
  const conditions = ['($2::text is null or $3::int is not null)'];
  const query = searchQuery(search ?? '');
  if (query !== null)
    conditions.push(`u.key in (
      select key from "user" where merged_into is null
        and kana_search_words("id", "name", "email", "billing_id") @@ ${add(query)}::tsquery offset 0)`);
  if (packageId != null || status != null)
    conditions.push(`exists (select from subscription s where s.user_key = u.key
      ${packageId == null ? '' : `and s.environment_id = $1 and s.package_id = ${add(packageId)}`}
      and ${statusNowSql('s')} ${status == null ? `in (${held})` : `= ${add(status)}`} ${lookUp})`);
  const which = !hasLimit({ featureId, limit }) ? null : { anyFeature: featureId == null, refused };
  return { conditions, which, values, add };
}

const isListedSql = 'u.environment_id = $1 and u.merged_into is null';

interface Listed extends Position {
  key: bigint;
}

interface Page {
  order: UserOrder;
  take: number;
  last: Position | null;
}

const usual = {
  /** If no more standings are near a limit, these users are read and sorted. */
  few: 10_000,
  /** Else so many users are looked at first, in the order of the list: that is enough if they are spread evenly. */
  walked: 20_000,
};

/**
 * The keys and positions of at most `take` users after a position.
 *
 * Where standings are stored, those near a limit are found in two ways. If they are few, they are read and sorted. If they
 * are many, they are soon met in the order of the list.
 */
export async function findUsers(
  db: Db,
  standings: Standings,
  environmentId: string,
  filter: UserFilter,
  page: Page,
  { few, walked } = usual,
): Promise<Listed[]> {
  const isSorted = standings.isStored && hasLimit(filter) && page.order !== 'USE_DESC';
  const areFew = isSorted && (await areFewNear(db, environmentId, filter, few));
  if (isSorted && !areFew && searchQuery(filter.search ?? '') === null) {
    const found = await walk(db, environmentId, filter, page, walked);
    if (found.length === page.take) return found;
  }
  const { conditions, which, values, add } = conditionsOf(environmentId, filter, areFew ? eachSql : '');
  let from = '"user" u';
  if (which !== null && page.order === 'USE_DESC')
    from += ` join (${nearSharesSql(standings, which)}) near on near.user_key = u.key`;
  else if (which !== null && isSorted)
    from = `(${storedUsersSql(which)} ${eachSql}) near join "user" u on u.key = near.key`;
  else if (which !== null) conditions.push(isNearSqlOf(standings, 'u.key', which));
  const { by, id, direction } = orders[page.order];
  return readRows(
    db,
    `select u.key, ${id}::text as id, ${page.order === 'USE_DESC' ? `${by}::text` : by} as value from ${from}
     where ${[isListedSql, ...conditions].join(' and ')} ${afterSql(page, add)}
     order by ${by} ${direction}, ${id} ${direction} limit ${add(page.take)}::int`,
    values,
  );
}

const hasLimit = ({ featureId, limit }: UserFilter) => featureId != null || limit != null;

async function areFewNear(db: Db, environmentId: string, filter: UserFilter, few: number): Promise<boolean> {
  const { which, values } = conditionsOf(environmentId, filter);
  if (which === null) return false;
  const [row] = await db.$queryRawUnsafe<[{ few: boolean }]>(
    areFewSql(which, '$4'),
    ...[...values.slice(0, 3), few],
  );
  return row.few;
}

/** Looks at the next users of the list one by one. The list goes on if fewer than `take` are found. */
function walk(
  db: Db,
  environmentId: string,
  filter: UserFilter,
  page: Page,
  walked: number,
): Promise<Listed[]> {
  const { conditions, which, values, add } = conditionsOf(environmentId, filter, eachSql);
  if (which !== null) conditions.push(`exists (${storedKeysSql('u.key', which)} ${eachSql})`);
  const { by, direction } = orders[page.order];
  return readRows(
    db,
    `select u.key, u.id, u.value from (
       select u.key, u.id, ${by} as value from "user" u where ${isListedSql} ${afterSql(page, add)}
       order by ${by} ${direction}, u.id ${direction} limit ${add(walked)}::int
     ) u
     where ${conditions.join(' and ')} order by u.value ${direction}, u.id ${direction} limit ${add(page.take)}::int`,
    values,
  );
}

function afterSql({ order, last }: Page, add: (value: unknown) => string): string {
  if (last === null) return '';
  const { by, type, id, idType, direction } = orders[order];
  return `and (${by}, ${id}) ${direction === 'asc' ? '>' : '<'} (${add(last.value)}::${type}, ${add(last.id)}::${idType})`;
}

async function readRows(db: Db, sql: string, values: readonly unknown[]): Promise<Listed[]> {
  type Row = { key: bigint; id: string; value: string | Date };
  const rows = await db.$queryRawUnsafe<Row[]>(sql, ...values);
  return rows.map(({ value, ...row }) => ({
    ...row,
    value: value instanceof Date ? value.toISOString() : value,
  }));
}

/** How many users a list has. */
export async function countUsers(
  db: Db,
  standings: Standings,
  environmentId: string,
  filter: UserFilter,
): Promise<number> {
  const { conditions, which, values } = conditionsOf(environmentId, filter);
  // What is stored is of users who are listed.
  const isStored = which !== null && standings.isStored;
  if (!isStored) conditions.push(isListedSql);
  if (which !== null && !isStored) conditions.push(isNearSqlOf(standings, 'u.key', which));
  const from = isStored ? `(${storedUsersSql(which)})` : '"user"';
  const [row] = await db.$queryRawUnsafe<[{ count: number }]>(
    `select count(*)::int as count from ${from} u where ${conditions.join(' and ')}`,
    ...values,
  );
  return row.count;
}
