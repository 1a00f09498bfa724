import { emailKey } from '../rules.ts';

/** A user during an import, with the changes of earlier rows. */
export interface DirectoryUser {
  /** Null for a user whom this file creates. */
  key: bigint | null;
  id: string;
  name: string | null;
  email: string | null;
  billingId: string | null;
  metadata: unknown;
  /** Whether the user comes from a billing provider and has no id chosen by the company. */
  imported: boolean;
}

/** All users whom the rows of a file may refer to, by id, email and billing id. */
export interface Directory {
  byId: Map<string, DirectoryUser>;
  /** By emailKey. */
  byEmail: Map<string, Set<DirectoryUser>>;
  byBillingId: Map<string, Set<DirectoryUser>>;
}

/** @param mergedIds the ids of merged users, with the keys of their survivors */
export function openDirectory(
  users: readonly DirectoryUser[],
  mergedIds: readonly { id: string; survivorKey: bigint }[],
): Directory {
  const directory = { byId: new Map(), byEmail: new Map(), byBillingId: new Map() };
  for (const user of users) enter(user, directory);
  const byKey = new Map(users.map((user) => [user.key, user]));
  for (const { id, survivorKey } of mergedIds) {
    const survivor = byKey.get(survivorKey);
    if (survivor !== undefined) directory.byId.set(id, survivor);
  }
  return directory;
}

export function enter(user: DirectoryUser, directory: Directory): void {
  directory.byId.set(user.id, user);
  for (const [value, holders] of lookupsOf(user, directory)) {
    if (value) holders.set(value, (holders.get(value) ?? new Set()).add(user));
  }
}

/** Removes the user from the look-ups by email and billing id; the id stays. */
export function leave(user: DirectoryUser, directory: Directory): void {
  for (const [value, holders] of lookupsOf(user, directory)) {
    if (value) holders.get(value)?.delete(user);
  }
}

export function alter(user: DirectoryUser, change: Partial<DirectoryUser>, directory: Directory): void {
  leave(user, directory);
  Object.assign(user, change);
  enter(user, directory);
}

const lookupsOf = ({ email, billingId }: DirectoryUser, { byEmail, byBillingId }: Directory) =>
  [
    [email && emailKey(email), byEmail],
    [billingId, byBillingId],
  ] as const;
