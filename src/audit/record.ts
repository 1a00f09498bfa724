import type { Db } from '../database/client.ts';
import { type AuditSubject, type Author, type Difference, difference, type Fields } from './rules.ts';
import { appendEntries, readStates, type StatefulSubject } from './store.ts';

/** The objects of a change. */
export interface Change {
  /** The name of the mutation, or another action. */
  action: string;
  type: StatefulSubject;
  /** Existing objects that may change: ids, or keys of users. The caller has locked them. */
  handles: readonly (string | bigint)[];
}

/**
 * Runs `work` and records what it changed, one row for each object, in the same transaction.
 * Unchanged objects get no row.
 *
 * @param made the handles of the created objects
 */
export async function audited<Result>(
  tx: Db,
  author: Author,
  { action, type, handles }: Change,
  work: () => Promise<Result>,
  made: (result: Result) => readonly (string | bigint)[] = () => [],
): Promise<Result> {
  const known = handles.map(String);
  const before = await readStates(tx, author.environmentId, type, known);
  const result = await work();
  const all = [...new Set([...known, ...made(result).map(String)])];
  const after = await readStates(tx, author.environmentId, type, all);
  const differences = all.flatMap((handle) => difference(before.get(handle), after.get(handle)) ?? []);
  await appendEntries(tx, author, { action, type }, differences);
  return result;
}

/** Records an action without a row of its own, such as an import. */
export async function note(
  tx: Db,
  author: Author,
  what: { action: string; type: AuditSubject; id: string },
  after: Fields | null,
): Promise<void> {
  const told: Difference = { subjectId: what.id, userKey: null, before: null, after, withheld: [] };
  await appendEntries(tx, author, what, [told]);
}
