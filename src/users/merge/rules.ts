import { Id, listOf, maxMetadataBytes } from '../../input.ts';

const maxUsers = 100;

/** The users of one merge: at least two, without duplicate ids. */
export const MergedIds = listOf(Id, (id) => id, {
  max: maxUsers,
  tooMany: `must name at most ${maxUsers} users`,
  repeated: 'names a user that was named before',
}).min(2, 'must name at least two users');

/** A user of a merge. */
export interface MergeUser {
  key: bigint;
  createdAt: Date;
  name: string | null;
  email: string | null;
  billingId: string | null;
  metadata: unknown;
  imported: boolean;
}

/**
 * Sorts the users of a merge. The first one survives: the oldest, or the chosen one. The others follow in the order of
 * their creation.
 */
export function inOrder<P extends MergeUser>(people: readonly P[], survivorKey: bigint | null): P[] {
  const rank = ({ key, createdAt }: P) =>
    key === survivorKey ? Number.NEGATIVE_INFINITY : createdAt.getTime();
  return people.toSorted((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
}

/**
 * The fields of the survivor after the merge. Values of the survivor win. A gap (null or an empty text) is filled from
 * the first other user with a value. Metadata is filled key by key, in the same order; keys that would exceed the size
 * limit are omitted.
 *
 * The survivor counts as imported only if all users do: otherwise one of the ids was chosen by the company.
 *
 * @param people in the order of inOrder
 */
export function mergedFacts(people: readonly Omit<MergeUser, 'key' | 'createdAt'>[]) {
  return {
    name: firstFilled(people.map(({ name }) => name)),
    email: firstFilled(people.map(({ email }) => email)),
    billingId: firstFilled(people.map(({ billingId }) => billingId)),
    metadata: mergedMetadata(people.map(({ metadata }) => metadata)),
    imported: people.every(({ imported }) => imported),
  };
}

const firstFilled = (texts: readonly (string | null)[]) => texts.find(Boolean) ?? texts[0] ?? null;

/** Linear in the number of keys, because users are locked meanwhile. */
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

/** The size as JSON, as in the limit for metadata. */
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
