import { isDeepStrictEqual } from 'node:util';
import { DomainError, importConflict } from '../../errors.ts';
import { NewId, parse } from '../../input.ts';
import { mergedFacts } from '../merge/rules.ts';
import type { UserFacts } from '../rules.ts';
import type { Facts, Row } from './csv-rules.ts';
import { alter, type Directory, type DirectoryUser, enter, leave } from './directory-rules.ts';
import { type Match, matchRow } from './match-rules.ts';

/** The planned action of one row. */
export type ImportStep =
  | { outcome: 'CREATED'; line: number; id: string; imported: boolean; facts: UserFacts }
  | { outcome: 'UPDATED'; line: number; key: bigint; change: UserFacts }
  | { outcome: 'CLAIMED'; line: number; key: bigint; id: string; change: UserFacts }
  | { outcome: 'MERGED'; line: number; survivorId: string; otherId: string; change: UserFacts }
  | { outcome: 'UNCHANGED'; line: number; key: bigint }
  | { outcome: 'FAILED'; line: number; error: DomainError };

/**
 * Plans all rows in order; see matchRow. A second row about the same user fails. So created users can be inserted last,
 * in batches, and importing the same file again changes nothing.
 *
 * @param directory the users whom rows may refer to; it is updated with each row
 */
export function planImport(rows: readonly Row[], directory: Directory): ImportStep[] {
  const seen = new Map<DirectoryUser, number>();
  return rows.map(({ line, facts }) => {
    try {
      if (facts instanceof DomainError) throw facts;
      const match = matchRow(facts, directory);
      const users = match.kind === 'merge' ? [match.user, match.other] : [match.user];
      const before = users.map((user) => seen.get(user)).find((other) => other !== undefined);
      if (before !== undefined) throw importConflict(`The row is about the same user as line ${before}.`);
      for (const user of users) seen.set(user, line);
      return applyMatch(match, line, facts, directory);
    } catch (error) {
      if (error instanceof DomainError) return { outcome: 'FAILED', line, error };
      throw error;
    }
  });
}

/** Applies a match to the directory and returns its step. */
function applyMatch(
  match: Match,
  line: number,
  { id: _id, ...facts }: Facts,
  directory: Directory,
): ImportStep {
  const { user } = match;
  switch (match.kind) {
    case 'create':
      parse(NewId, user.id, 'row.id');
      enter(user, directory);
      return { outcome: 'CREATED', line, id: user.id, imported: user.imported, facts };
    case 'update': {
      const change = differing(facts, user);
      if (Object.keys(change).length === 0) return { outcome: 'UNCHANGED', line, key: keyOf(user) };
      alter(user, change, directory);
      return { outcome: 'UPDATED', line, key: keyOf(user), change };
    }
    case 'claim':
      parse(NewId, match.id, 'row.id');
      directory.byId.delete(user.id);
      alter(user, { ...facts, id: match.id, imported: false }, directory);
      return { outcome: 'CLAIMED', line, key: keyOf(user), id: match.id, change: facts };
    case 'merge':
      leave(match.other, directory);
      directory.byId.set(match.other.id, user);
      alter(user, { ...mergedFacts([user, match.other]), ...facts }, directory);
      return { outcome: 'MERGED', line, survivorId: user.id, otherId: match.other.id, change: facts };
  }
}

/** The fields of the row that differ from the user. */
function differing(facts: UserFacts, user: DirectoryUser): UserFacts {
  const known: Record<string, unknown> = { ...user };
  return Object.fromEntries(
    Object.entries(facts).filter(([name, value]) => !isDeepStrictEqual(value, known[name])),
  );
}

function keyOf({ id, key }: DirectoryUser): bigint {
  if (key === null) throw new Error(`the user "${id}" is created by this file and has no key yet`);
  return key;
}

/** The number of rows in one statement. */
export const batchSize = 500;

/** Splits items into batches of at most `size`, in order. */
export function batches<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
