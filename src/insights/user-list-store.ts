import type { Db } from '../database/client.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { statusNowSql } from '../subscriptions/store.ts';
import { searchQuery } from '../users/rules.ts';
import { isNearSqlOf, nearSharesSql } from './near-limit-store.ts';
import { type Standings, storedUsersSql } from './standings/stored-store.ts';
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

/** The conditions of a list, with their values, and what it is chosen from. $1 is the environment, $2 and $3 are those of near-limit-store.ts. */
function conditionsOf(
  environmentId: string,
  { search, packageId, status, featureId, usedPercent, limit }: UserFilter,
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
      and ${statusNowSql('s')} ${status == null ? `in (${held})` : `= ${add(status)}`})`);
  const which = featureId == null && limit == null ? null : { anyFeature: featureId == null, refused };
  return { conditions, which, values, add };
}

const isListedSql = 'u.environment_id = $1 and u.merged_into is null';

interface Listed extends Position {
  key: bigint;
}

/** The keys and positions of at most `take` users after a position. */
export async function findUsers(
  db: Db,
  standings: Standings,
  environmentId: string,
  filter: UserFilter,
  { order, take, last }: { order: UserOrder; take: number; last: Position | null },
): Promise<Listed[]> {
  const { conditions, which, values, add } = conditionsOf(environmentId, filter);
  let from = '"user" u';
  if (which !== null && order === 'USE_DESC')
    from += ` join (${nearSharesSql(standings, which)}) near on near.user_key = u.key`;
  else if (which !== null) conditions.push(isNearSqlOf(standings, 'u.key', which));
  const { by, type, id, idType, direction } = orders[order];
  const after =
    last === null
      ? ''
      : `and (${by}, ${id}) ${direction === 'asc' ? '>' : '<'} (${add(last.value)}::${type}, ${add(last.id)}::${idType})`;
  type Row = { key: bigint; id: string; value: string | Date };
  const rows = await db.$queryRawUnsafe<Row[]>(
    `select u.key, ${id}::text as id, ${order === 'USE_DESC' ? `${by}::text` : by} as value from ${from} where ${[isListedSql, ...conditions].join(' and ')} ${after}
     order by ${by} ${direction}, ${id} ${direction} limit ${add(take)}::int`,
    ...values,
  );
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
