import type { Db } from '../database/client.ts';
import { findSharedValues } from '../webhooks/outbox/flags-store.ts';
import { eventsOf, eventTypes, newUniqueValues } from '../webhooks/outbox/rules.ts';
import { isWanted, writeEvents } from '../webhooks/outbox/store.ts';
import {
  type AuditSubject,
  type Author,
  type Difference,
  difference,
  type Fields,
  type State,
} from './rules.ts';
import { appendEntries, readStates, type StatefulSubject } from './store.ts';

/** The objects of a change. */
export interface Change {
  /** The name of the mutation, or another action. */
  action: string;
  type: StatefulSubject;
  /** Existing objects that may change: ids, or keys of users. The caller has locked them. */
  handles: readonly (string | bigint)[];
}

type Handles<Result> = (result: Result) => readonly (string | bigint)[];

/** The state of an object before and after; undefined where it did not exist. */
interface StateChange {
  before: State | undefined;
  after: State | undefined;
}

/**
 * Runs `work` and records what it changed, one row for each object, in the same transaction, with the events for
 * webhooks. Unchanged objects get no row.
 *
 * @param made the handles of the created objects
 */
export async function audited<Result>(
  tx: Db,
  author: Author,
  { action, type, handles }: Change,
  work: () => Promise<Result>,
  made: Handles<Result> = () => [],
): Promise<Result> {
  const { environmentId } = author;
  const { result, changes } = await observe(tx, environmentId, { type, handles }, work, made);
  const differences = changes.flatMap(({ before, after }) => difference(before, after) ?? []);
  await appendEntries(tx, author, { action, type }, differences);
  await writeChangeEvents(tx, environmentId, type, changes);
  return result;
}

/**
 * Runs `work` and writes webhook events about what it changed, without entries in the audit log. Costs little if no
 * webhook asked for such events.
 */
export async function withEvents<Result>(
  tx: Db,
  environmentId: string,
  what: Omit<Change, 'action'>,
  work: () => Promise<Result>,
  made: Handles<Result> = () => [],
): Promise<Result> {
  if (!(await isWanted(tx, environmentId, typesAbout(what.type)))) return work();
  const { result, changes } = await observe(tx, environmentId, what, work, made);
  await writeChangeEvents(tx, environmentId, what.type, changes);
  return result;
}

const typesAbout = (type: StatefulSubject) =>
  eventTypes.filter((each) => each.startsWith(`${type.toLowerCase()}.`) || each === 'flag.raised');

/** Runs `work` and returns the states of the objects before and after it. */
async function observe<Result>(
  tx: Db,
  environmentId: string,
  { type, handles }: Omit<Change, 'action'>,
  work: () => Promise<Result>,
  made: Handles<Result>,
): Promise<{ result: Result; changes: StateChange[] }> {
  const known = handles.map(String);
  const before = await readStates(tx, environmentId, type, known);
  const result = await work();
  const all = [...new Set([...known, ...made(result).map(String)])];
  const after = await readStates(tx, environmentId, type, all);
  return { result, changes: all.map((handle) => ({ before: before.get(handle), after: after.get(handle) })) };
}

async function writeChangeEvents(
  tx: Db,
  environmentId: string,
  type: StatefulSubject,
  changes: readonly StateChange[],
): Promise<void> {
  const events = changes.flatMap((change) => eventsOf(type, change));
  const flags = type === 'USER' ? await findSharedValues(tx, environmentId, newUniqueValues(changes)) : [];
  await writeEvents(tx, environmentId, [...events, ...flags]);
}

/** Records an action without a row of its own, such as an import. */
export async function note(
  tx: Db,
  author: Author,
  what: { action: string; type: AuditSubject; id: string },
  after: Fields | null,
): Promise<void> {
  const noted: Difference = { subjectId: what.id, userKey: null, before: null, after, withheld: [] };
  await appendEntries(tx, author, what, [noted]);
}
