import type { ClientBase, Pool } from 'pg';

/** An invariant that binds every new row, while rows from before it was added break it. */
export interface Unproven {
  table: string;
  constraint: string;
}

/** The invariants that a migration could not validate, because rows of earlier versions break them. */
export async function findUnproven(db: Pick<ClientBase, 'query'> | Pick<Pool, 'query'>): Promise<Unproven[]> {
  const { rows } = await (db as Pick<Pool, 'query'>).query<Unproven>(
    `select relname as "table", conname as "constraint"
     from pg_constraint join pg_class on pg_class.oid = conrelid
     where not convalidated and contype in ('c', 'f')
       and connamespace = (select oid from pg_namespace where nspname = current_schema())
     order by 1, 2`,
  );
  return rows;
}
