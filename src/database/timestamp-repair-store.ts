import type { ClientBase } from 'pg';

/*
 * Until version e7a1189, Prisma wrote instants without their zone: 18:00 UTC became 18:00 in the time zone of the
 * session. Prisma wrote these columns, with the process's clock. Everything that decides about
 * usage and windows was written by SQL, or read and written back with two errors that cancel each other, and is right.
 */
const columns: Readonly<Record<string, readonly string[]>> = {
  environment: ['created_at'],
  user_token_secret: ['created_at'],
  api_key: ['created_at', 'revoked_at'],
  feature: ['created_at', 'updated_at'],
  package: ['created_at', 'updated_at'],
  package_price: ['created_at'],
  user: ['created_at', 'updated_at'],
  mapping_rule: ['created_at', 'updated_at'],
};

export const repairAction = 'repairTimestamps';

/** What was found in one column of one environment. */
export interface Finding {
  environmentId: string;
  column: string;
  /** Values of the earlier version, which are wrong. */
  wrong: number;
  /** Values that the earlier or the present version may have written. They are not changed. */
  unclear: number;
}

/** The zone in which the wrong values were written, and the instant from which on values are right. */
interface Period {
  zone: string;
  until: Date;
}

export async function isKnownZone(db: ClientBase, zone: string): Promise<boolean> {
  const { rowCount } = await db.query('select 1 from pg_timezone_names where name = $1', [zone]);
  return rowCount === 1;
}

/** When this database first met a version that writes right values; now if it has not yet. */
export async function findUpgrade(db: ClientBase): Promise<Date> {
  const { rows } = await db.query<{ instant: Date }>(`
    select coalesce(min(started_at), now()) as instant from _prisma_migrations
    where migration_name > '20261121001300_usage_rollup'`);
  return rows[0]?.instant ?? new Date();
}

/** When the repair was made; null if it was not. */
export async function findRepair(db: ClientBase): Promise<Date | null> {
  const { rows } = await db.query<{ instant: Date | null }>(
    'select min(created_at) as instant from audit_entry where action = $1',
    [repairAction],
  );
  return rows[0]?.instant ?? null;
}

const meantSql = (column: string) => `(${column} at time zone $1) at time zone 'UTC'`;
/** West of UTC wrong values lie ahead: those between the upgrade and now may be right ones of the present version. */
const unclearSql = (column: string) => `${column} >= $2 and ${column} <= now()`;
const environmentOf = (table: string) => (table === 'environment' ? 'id' : 'environment_id');

/** Counts the wrong values of every column. */
export async function findWrong(db: ClientBase, { zone, until }: Period): Promise<Finding[]> {
  const counts = Object.entries(columns).flatMap(([table, names]) =>
    names.map(
      (name) => `
        select ${environmentOf(table)} as "environmentId", '${table}.${name}' as "column",
          (count(*) filter (where not (${unclearSql(name)})))::int as wrong,
          (count(*) filter (where ${unclearSql(name)}))::int as unclear
        from "${table}" where ${meantSql(name)} < $2 and ${meantSql(name)} <> ${name} group by 1`,
    ),
  );
  const { rows } = await db.query<Finding>(`${counts.join(' union all ')} order by 1, 2`, [zone, until]);
  return rows;
}

/** Corrects what `findWrong` counts as wrong, and records that in the audit log. The caller's transaction holds both. */
export async function repairWrong(db: ClientBase, period: Period, findings: Finding[]): Promise<void> {
  const { zone, until } = period;
  for (const [table, names] of Object.entries(columns))
    for (const name of names)
      await db.query(
        `update "${table}" set ${name} = ${meantSql(name)}
          where ${meantSql(name)} < $2 and ${meantSql(name)} <> ${name} and not (${unclearSql(name)})`,
        [zone, until],
      );
  for (const id of new Set(findings.map(({ environmentId }) => environmentId))) {
    const own = findings.filter(({ environmentId }) => environmentId === id);
    const after = { zone, until, ...Object.fromEntries(own.map(({ column, wrong }) => [column, wrong])) };
    await db.query(
      `insert into audit_entry (environment_id, action, subject_type, author_kind, after, withheld)
        values ($1, $2, 'IMPORT', 'COMMAND', $3, '{}')`,
      [id, repairAction, after],
    );
  }
}
