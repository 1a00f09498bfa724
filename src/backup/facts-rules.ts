import { z } from 'zod';

/** What a database says of itself, apart from its rows. */
export const Facts = z.object({
  /** The version of Open Kana that read it. */
  version: z.string(),
  takenAt: z.iso.datetime(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })),
  /** In the order in which their rows follow. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()), estimatedRows: z.number() })),
  sequences: z.array(z.object({ name: z.string(), lastValue: z.string(), isCalled: z.boolean() })),
  /** Constraints that rows of an earlier version break. They bind new rows only, here and there. */
  unvalidated: z.array(z.object({ table: z.string(), constraint: z.string() })),
});
export type Facts = z.infer<typeof Facts>;

/** What `verify` says of a database: how many users it saw, and its lines as one hash. */
export const Proof = z.object({ users: z.number(), differences: z.number(), sha256: z.string() });
export type Proof = z.infer<typeof Proof>;

/** The jobs that wait. They are in tables of the queue, whose form is the queue's own. */
export const jobsName = 'graphile_worker.jobs';

export interface Migration {
  name: string;
  checksum: string;
}

/** Why rows with these migrations cannot be read by a version that knows `known`, or null. */
export function migrationProblem(given: readonly Migration[], known: readonly Migration[]): string | null {
  const checksums = new Map(known.map(({ name, checksum }) => [name, checksum]));
  for (const { name, checksum } of given) {
    const expected = checksums.get(name);
    if (expected === undefined)
      return `has the migration ${name}, which this version does not know: use the version that it comes from, or a newer one`;
    if (expected !== checksum) return `has another migration ${name} than this version`;
  }
  return given.length === 0 ? 'has no migrations' : null;
}

/** Why the tables of a source do not fit those of a target, or null. */
export function tableProblem(
  given: readonly Pick<Facts['tables'][number], 'name' | 'columns'>[],
  target: readonly Pick<Facts['tables'][number], 'name' | 'columns'>[],
): string | null {
  const columnsOf = (tables: typeof given) =>
    new Map(tables.map(({ name, columns }) => [name, [...columns].sort().join()]));
  const [ours, theirs] = [columnsOf(given), columnsOf(target)];
  for (const [name, columns] of ours) {
    if (!theirs.has(name)) return `the table ${name} is not one of Open Kana's: it can not be taken along`;
    if (theirs.get(name) !== columns) return `the table ${name} has other columns there`;
  }
  const missing = [...theirs.keys()].find((name) => !ours.has(name));
  return missing === undefined ? null : `the table ${missing} is missing`;
}
