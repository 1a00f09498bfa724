import { Id, listOf, maxMetadataBytes } from '../../input.ts';

const maxUsers = 100;

/** The users of one merge: at least two, and no id twice. */
export const MergedIds = listOf(Id, (id) => id, {
  max: maxUsers,
  tooMany: `must name at most ${maxUsers} users`,
  again: 'names a user that was named before',
}).min(2, 'must name at least two users');

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
 * whole stays as short as metadata may be; a key that has no room is left out. Each of the objects is valid
 * metadata, so all but the length of the whole is as it should be.
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

/** Each value is looked at once, however many keys there are: users are locked meanwhile. */
function mergedMetadata(objects: readonly unknown[]): Record<string, unknown> | null {
  const [first, ...others] = objects.filter((object) => object !== null) as Record<string, unknown>[];
  if (first === undefined) return null;
  const merged = new Map(Object.entries(first));
  let bytes = bytesOf(first);
  for (const [key, value] of others.flatMap((object) => Object.entries(object))) {
    if (merged.has(key)) continue;
    const filled = bytes + bytesOf(key) + ':'.length + bytesOf(value) + (merged.size === 0 ? 0 : ','.length);
    if (filled > maxMetadataBytes) continue;
    merged.set(key, value);
    bytes = filled;
  }
  return Object.fromEntries(merged);
}

/** As metadata is measured: the bytes of its text in JSON. */
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
