import { z } from 'zod';
import { Id, Metadata } from '../input.ts';

const maxUsers = 100;

/** The users of one merge: at least two, and no id twice. */
export const MergedIds = z
  .array(Id)
  .min(2, 'must name at least two users')
  .max(maxUsers, `must name at most ${maxUsers} users`)
  .superRefine((ids, check) => {
    const repeated = ids.findIndex((id, index) => ids.indexOf(id) !== index);
    if (repeated !== -1) {
      check.addIssue({ code: 'custom', path: [repeated], message: 'names a user that was named before' });
    }
  });

/** What the rules ask about a user who is about to be merged. */
export interface Person {
  key: bigint;
  createdAt: Date;
  name: string | null;
  email: string | null;
  billingId: string | null;
  metadata: unknown;
  imported: boolean;
}

/**
 * The order in which users count in a merge. The first of them survives: the one created first, unless another
 * is chosen to. The rest follow in the order of their creation.
 */
export function inOrder<P extends Person>(people: readonly P[], survivorKey: bigint | null): P[] {
  const rank = ({ key, createdAt }: P) =>
    key === survivorKey ? Number.NEGATIVE_INFINITY : createdAt.getTime();
  return people.toSorted((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
}

/**
 * What the survivor looks like afterwards. What the survivor has wins; a gap, which is null or an empty text, is
 * filled from the first of the others who can. Metadata is filled key by key, in the same order, as long as the
 * whole stays within what metadata may hold; a key that has no room is left out.
 *
 * A user is imported who has no id of its own but the email that a billing provider knew. That stays so only if
 * all of them were: whoever is merged with a user of the company's own has an id of the company's own.
 *
 * @param people in the order of inOrder
 */
export function mergedFacts(people: readonly Omit<Person, 'key' | 'createdAt'>[]) {
  return {
    name: firstFilled(people.map(({ name }) => name)),
    email: firstFilled(people.map(({ email }) => email)),
    billingId: firstFilled(people.map(({ billingId }) => billingId)),
    metadata: mergedMetadata(people.map(({ metadata }) => metadata)),
    imported: people.every(({ imported }) => imported),
  };
}

const firstFilled = (texts: readonly (string | null)[]) => texts.find(Boolean) ?? texts[0] ?? null;

function mergedMetadata(objects: readonly unknown[]): Record<string, unknown> | null {
  const [first, ...others] = objects.filter((object) => object !== null) as Record<string, unknown>[];
  if (first === undefined) return null;
  let merged = first;
  for (const [key, value] of others.flatMap(Object.entries)) {
    const filled = { ...merged, [key]: value };
    if (!Object.hasOwn(merged, key) && Metadata.safeParse(filled).success) merged = filled;
  }
  return merged;
}
