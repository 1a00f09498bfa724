import type { Db } from '../database/client.ts';
import { defaultTimeZone } from './rules.ts';

export async function findTimeZone(db: Db, environmentId: string): Promise<string> {
  const where = { id: environmentId };
  const { timeZone } = await db.environment.findUniqueOrThrow({ where, select: { timeZone: true } });
  return timeZone ?? defaultTimeZone;
}

/** Those of the time zones that the database does not know: its data may be older than that of Node.js. */
export async function findUnknownTimeZones(db: Db, names: readonly string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  const rows = await db.$queryRaw<{ name: string }[]>`
    SELECT name FROM unnest(${[...new Set(names)]}::text[]) AS name WHERE NOT is_time_zone(name)`;
  return new Set(rows.map(({ name }) => name));
}

/** The public id of the environment, such as `test_fhjdijhs`. */
export async function findAppId(db: Db, environmentId: string): Promise<string> {
  const { appId } = await db.environment.findUniqueOrThrow({ where: { id: environmentId } });
  return appId;
}
