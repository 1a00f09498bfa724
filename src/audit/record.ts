import type { Db } from '../database/client.ts';
import { type AuditSubject, type Author, type Difference, difference, type Fields } from './rules.ts';
import { appendEntries, readStates, type StatefulSubject } from './store.ts';

/** What is about to be changed. */
export interface Change {
  /** The name of the mutation, or what else people would call it. */
  action: string;
  type: StatefulSubject;
  /** What is there already and may change: ids, and of users the keys. Locked, so that nobody else changes it. */
  handles: readonly (string | bigint)[];
}

/**
 * Runs `work`, and writes down what it changed of these subjects, a row each: in the transaction `tx`, so that
 * there is never one without the other. What stays as it was leaves no row.
 *
 * @param made the handles of what `work` has made
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

/** Writes down something that is no row of its own, such as the import of a file. */
export async function note(
  tx: Db,
  author: Author,
  what: { action: string; type: AuditSubject; id: string },
  after: Fields | null,
): Promise<void> {
  const told: Difference = { subjectId: what.id, userKey: null, before: null, after, withheld: [] };
  await appendEntries(tx, author, what, [told]);
}
