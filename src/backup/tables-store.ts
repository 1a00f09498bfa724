import { type ClientBase, escapeIdentifier } from 'pg';
import { findUnvalidated } from '../database/unvalidated.ts';
import type { Facts, Migration } from './facts-rules.ts';

type Session = Pick<ClientBase, 'query'>;

/** Our tables with their columns, without those that PostgreSQL computes; and about how many rows they have. */
export async function findTables(session: Session): Promise<Facts['tables']> {
  const { rows } = await session.query<{ name: string; columns: string[]; estimated: string }>(
    `select relname as name, greatest(reltuples, 0)::bigint as estimated,
       array(select attname::text from pg_attribute
         where attrelid = pg_class.oid and attnum > 0 and not attisdropped and attgenerated = '' order by attnum) as columns
     from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
       and relname <> '_prisma_migrations'
     order by relname`,
  );
  return rows.map(({ name, columns, estimated }) => ({ name, columns, estimatedRows: Number(estimated) }));
}

export async function findMigrations(session: Session): Promise<Migration[]> {
  const { rows } = await session.query<Migration>(
    `select migration_name as name, checksum from _prisma_migrations
     where rolled_back_at is null and finished_at is not null order by 1`,
  );
  return rows.map(({ name, checksum }) => ({ name, checksum }));
}

/** Sequences are outside of every snapshot: what they say is never less than the ids that the snapshot holds. */
export async function findSequences(session: Session): Promise<Facts['sequences']> {
  const { rows } = await session.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S' order by 1`,
  );
  const sequences: Facts['sequences'] = [];
  for (const { name } of rows) {
    const { rows: values } = await session.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${escapeIdentifier(name)}`,
    );
    for (const { last, called } of values) sequences.push({ name, lastValue: last, isCalled: called });
  }
  return sequences;
}

export async function readFacts(session: Session): Promise<Omit<Facts, 'version' | 'takenAt'>> {
  return {
    migrations: await findMigrations(session),
    tables: await findTables(session),
    sequences: await findSequences(session),
    unvalidated: await findUnvalidated(session),
  };
}

/** A list of tables for a statement. */
export const listOf = (tables: Facts['tables']): string =>
  tables.map(({ name }) => `public.${escapeIdentifier(name)}`).join(', ');

/** A table with its columns, as COPY names them. */
export const copyNameOf = ({ name, columns }: Facts['tables'][number]): string =>
  `public.${escapeIdentifier(name)} (${columns.map(escapeIdentifier).join(', ')})`;

/** What COPY reads a table from: of a partitioned one it reads no rows by its name alone. */
export const copySourceOf = ({ name, columns }: Facts['tables'][number]): string =>
  `(select ${columns.map(escapeIdentifier).join(', ')} from public.${escapeIdentifier(name)})`;
