import { DomainError, invalidInput } from '../errors.ts';
import type { KeyKind } from './keys/rules.ts';

/** What a private key may do. */
export const scopes = ['read', 'usage', 'ingest', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** What a call needs: a scope, or `edit`, which people can have but no key alone; of keys it needs `admin`. */
export type Permission = Scope | 'edit';

/** What a caller may do. `admin` includes the others. */
export type Permissions = ReadonlySet<Permission>;

export const mayDo = (permissions: Permissions, needed: Permission): boolean =>
  permissions.has('admin') || permissions.has(needed);

/** What a person may do in an environment. Each role includes the ones before it. */
export const roles = ['VIEWER', 'EDITOR', 'ADMIN'] as const;
export type Role = (typeof roles)[number];

/** VIEWER reads; EDITOR also changes what is sold and who has it; ADMIN does everything. */
const permissionsOfRoles: Record<Role, Permissions> = {
  VIEWER: new Set(['read']),
  EDITOR: new Set(['read', 'usage', 'ingest', 'edit']),
  ADMIN: new Set(['admin']),
};

export const permissionsOf = (role: Role): Permissions => permissionsOfRoles[role];

/** The least role that may do this. */
export const roleFor = (needed: Permission): Role =>
  roles.find((role) => mayDo(permissionsOfRoles[role], needed)) ?? 'ADMIN';

export const forbiddenMessage = (needed: Permission, what: string) =>
  `Forbidden: ${what} needs the scope "${needed === 'edit' ? 'admin' : needed}", which this key does not have.`;

const forbiddenForRole = (needed: Permission, what: string) =>
  `Forbidden: ${what} needs the role ${roleFor(needed)}. Ask an admin of this environment for it.`;

/** @throws ForbiddenError */
export function requirePermission(
  { permissions, isMember }: { permissions: Permissions; isMember: boolean },
  needed: Permission,
  what: string,
): void {
  if (mayDo(permissions, needed)) return;
  const messageOf = isMember ? forbiddenForRole : forbiddenMessage;
  throw new DomainError('FORBIDDEN', 'ForbiddenError', messageOf(needed, what));
}

/** The scopes of the kinds of keys that can do one thing only. */
const scopeOfKind = { PUBLIC: 'read', WRITE: 'ingest' } as const;

/** The scopes of a key, without repeats and in their order. */
export function scopesOf(kind: KeyKind, stored: readonly Scope[]): Scope[] {
  return kind === 'PRIVATE' ? scopes.filter((scope) => stored.includes(scope)) : [scopeOfKind[kind]];
}

/**
 * The scopes to store for a key; without any it may do everything that its kind may.
 *
 * @throws ValidationError
 */
export function readScopes(kind: KeyKind, given: readonly Scope[] | null | undefined): Scope[] {
  const all: readonly Scope[] = kind === 'PRIVATE' ? scopes : [scopeOfKind[kind]];
  if (given == null) return [...all];
  if (given.length === 0) throw invalidInput('scopes', 'must name at least one scope');
  const other = given.find((scope) => !all.includes(scope));
  if (other !== undefined)
    throw invalidInput('scopes', `a ${kind.toLowerCase()} key can only have the scope "${all[0]}"`);
  return scopesOf(kind, given);
}
