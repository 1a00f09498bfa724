import DataLoader from 'dataloader';
import type { Db } from '../../database/client.ts';
import type { Feature, MappingRule, User } from '../../database/generated/client.ts';

/** Loads what events refer to, batched: one query for all events of a list. */
export interface Touched {
  feature: DataLoader<string, Feature | null>;
  rule: DataLoader<string, MappingRule | null>;
  /** By key; for a merged user, the survivor. */
  user: DataLoader<bigint, User | null>;
}

export function createTouched(db: Db, environmentId: string): Touched {
  return {
    feature: loader(
      (ids) => db.feature.findMany({ where: { environmentId, id: { in: ids } } }),
      ({ id }) => id,
    ),
    rule: loader(
      (ids) => db.mappingRule.findMany({ where: { environmentId, id: { in: ids } } }),
      ({ id }) => id,
    ),
    user: new DataLoader(async (keys) => {
      const rows = await db.user.findMany({ where: { key: { in: [...keys] } }, include: { survivor: true } });
      const people = new Map(rows.map(({ survivor, ...user }) => [user.key, survivor ?? user]));
      return keys.map((key) => people.get(key) ?? null);
    }),
  };
}

function loader<Row>(
  find: (ids: string[]) => Promise<Row[]>,
  idOf: (row: Row) => string,
): DataLoader<string, Row | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await find([...ids])).map((row) => [idOf(row), row]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}
