import { emailKey } from '../rules.ts';

/** A user as an import finds it, or as the rows before have left it. */
export interface KnownUser {
  /** Null for a user whom a row of this file makes. */
  key: bigint | null;
  id: string;
  name: string | null;
  email: string | null;
  billingId: string | null;
  metadata: unknown;
  /** Whether a billing provider brought the user, who has no id of the company's own. */
  imported: boolean;
}

/** All users whom the rows of a file may be about, by what rows name. */
export interface Directory {
  byId: Map<string, KnownUser>;
  /** By emailKey. */
  byEmail: Map<string, Set<KnownUser>>;
  byBillingId: Map<string, Set<KnownUser>>;
}

/** @param signposts the ids of users who were merged, and the keys of the survivors to whom they lead */
export function openDirectory(
  users: readonly KnownUser[],
  signposts: readonly { id: string; survivorKey: bigint }[],
): Directory {
  const directory = { byId: new Map(), byEmail: new Map(), byBillingId: new Map() };
  for (const user of users) enter(user, directory);
  const byKey = new Map(users.map((user) => [user.key, user]));
  for (const { id, survivorKey } of signposts) {
    const survivor = byKey.get(survivorKey);
    if (survivor !== undefined) directory.byId.set(id, survivor);
  }
  return directory;
}

export function enter(user: KnownUser, directory: Directory): void {
  directory.byId.set(user.id, user);
  for (const [value, holders] of facets(user, directory)) {
    if (value) holders.set(value, (holders.get(value) ?? new Set()).add(user));
  }
}

/** Nobody finds the user by email or billing id any more; by id still. */
export function leave(user: KnownUser, directory: Directory): void {
  for (const [value, holders] of facets(user, directory)) {
    if (value) holders.get(value)?.delete(user);
  }
}

export function alter(user: KnownUser, change: Partial<KnownUser>, directory: Directory): void {
  leave(user, directory);
  Object.assign(user, change);
  enter(user, directory);
}

const facets = ({ email, billingId }: KnownUser, { byEmail, byBillingId }: Directory) =>
  [
    [email && emailKey(email), byEmail],
    [billingId, byBillingId],
  ] as const;
