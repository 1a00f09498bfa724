import { DomainError, invalidInput } from '../errors.ts';
import type { KeyKind } from './keys/rules.ts';

/** What a private key may do. */
export const scopes = ['read', 'usage', 'ingest', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** What a caller may do. `admin` includes the others. */
export type Permissions = ReadonlySet<Scope>;

export const mayDo = (permissions: Permissions, needed: Scope): boolean =>
  permissions.has('admin') || permissions.has(needed);

export const forbiddenMessage = (needed: Scope, what: string) =>
  `Forbidden: ${what} needs the scope "${needed}", which this key does not have.`;

/** @throws ForbiddenError */
export function requirePermission(permissions: Permissions, needed: Scope, what: string): void {
  if (mayDo(permissions, needed)) return;
  throw new DomainError('FORBIDDEN', 'ForbiddenError', forbiddenMessage(needed, what));
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
