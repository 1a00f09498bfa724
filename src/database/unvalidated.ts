import type { ClientBase, Pool } from 'pg';

/** A constraint that holds for new rows only: rows of an earlier version break it. */
export interface UnvalidatedConstraint {
  table: string;
  constraint: string;
}

/** Returns the constraints, once for all partitions of a table, that a migration could not validate, because rows of earlier versions break them. */
export async function findUnvalidated(
  db: Pick<ClientBase, 'query'> | Pick<Pool, 'query'>,
): Promise<UnvalidatedConstraint[]> {
  const { rows } = await (db as Pick<Pool, 'query'>).query<UnvalidatedConstraint>(
    `select relname as "table", conname as "constraint"
     from pg_constraint join pg_class on pg_class.oid = conrelid
     where not convalidated and contype in ('c', 'f') and coninhcount = 0
       and connamespace = (select oid from pg_namespace where nspname = current_schema())
     order by 1, 2`,
  );
  return rows;
}
