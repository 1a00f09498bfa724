import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { StartupError } from '../errors.ts';
import { packageDirectory } from '../installation.ts';
import { migrateQueue } from '../jobs/queue.ts';
import { findMissingRight, findWriteObstacle, refuse } from './requirements.ts';
import { openSession, publicAddress } from './session.ts';

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/** A row of the table in which Prisma records applied migrations. */
interface AppliedRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

const folder = join(packageDirectory, 'prisma/migrations');
/** Prisma's own advisory lock, so that `prisma migrate deploy` and this code wait for each other. */
export const migrationLock = 72_707_369;

/**
 * Migrates the database to the version of this code: applies the new migrations in prisma/migrations in order, each in
 * one transaction. Records them as Prisma does, so that Prisma's commands work afterwards. Instances that start together
 * wait for each other. Throws a StartupError if the database cannot be reached or has a newer version.
 *
 * @param only the migrations to apply, where rows of an earlier version are loaded first; by default all
 */
export async function migrate(url: string, only?: ReadonlySet<string>): Promise<void> {
  const migrations = await readMigrations();
  const session = await openSession(url);
  try {
    refuse(publicAddress(url), await findWriteObstacle(session));
    await session.query('select pg_advisory_lock($1)', [migrationLock]);
    const missing = pending(migrations, await readApplied(session)).filter(
      ({ name }) => only?.has(name) ?? true,
    );
    if (missing.length > 0) {
      refuse(publicAddress(url), await findMissingRight(session));
      await session.query(recordTable);
    }
    for (const migration of missing) await apply(session, migration);
    await migrateQueue(url);
  } finally {
    await session.end();
  }
}

export async function readMigrations(): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      // Line endings of a checkout must not change the checksum.
      const sql = (await readFile(join(folder, name, 'migration.sql'), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function readApplied(session: Client): Promise<AppliedRow[]> {
  const { rows: tables } = await session.query(
    `select to_regclass('_prisma_migrations') is not null as there`,
  );
  if (!tables[0].there) return [];
  const { rows } = await session.query<AppliedRow>(
    'select migration_name, checksum, finished_at from _prisma_migrations where rolled_back_at is null',
  );
  return rows;
}

/** Returns the migrations to apply. Throws if an applied one is unknown, unfinished or was edited. */
function pending(migrations: Migration[], applied: AppliedRow[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of applied) {
    const migration = known.get(row.migration_name);
    if (migration === undefined)
      throw new StartupError(
        `The database has the migration ${row.migration_name}, which this version does not know. ` +
          'It belongs to a newer version or to another application.',
      );
    if (row.finished_at === null)
      throw new StartupError(
        `The migration ${row.migration_name} was started and never finished. Repair the database, then run ` +
          '`prisma migrate resolve`.',
      );
    if (row.checksum !== migration.checksum)
      throw new StartupError(`The migration ${row.migration_name} was edited after it was applied.`);
  }
  const done = new Set(applied.map((row) => row.migration_name));
  return migrations.filter(({ name }) => !done.has(name));
}

async function apply(session: Client, { name, sql, checksum }: Migration): Promise<void> {
  await session.query('begin');
  try {
    await session.query(sql);
    await session.query(
      `insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       values ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    );
    await session.query('commit');
  } catch (error) {
    await session.query('rollback');
    throw new StartupError(`The migration ${name} failed and was rolled back: ${String(error)}`);
  }
}

/** As Prisma creates it. */
const recordTable = `
  create table if not exists _prisma_migrations (
    id                  varchar(36) primary key not null,
    checksum            varchar(64) not null,
    finished_at         timestamptz,
    migration_name      varchar(255) not null,
    logs                text,
    rolled_back_at      timestamptz,
    started_at          timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`;
