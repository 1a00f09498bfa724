import DataLoader from 'dataloader';
import type { Db } from '../../database/client.ts';
import type { Feature, MappingRule, User } from '../../database/generated/client.ts';

/** Finds what events touched: what many events of a list ask for at once is looked up once, and together. */
export interface Touched {
  feature: DataLoader<string, Feature | null>;
  rule: DataLoader<string, MappingRule | null>;
  /** By the user's key; the survivor of a user who has been merged since. */
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
