import { z } from 'zod';
import { DomainError } from '../../errors.ts';
import { Line, Name, parse } from '../../input.ts';

export const minPasswordLength = 12;
/** What is hashed has a bound. */
const maxPasswordLength = 200;

/** How long an invitation can be accepted. */
export const invitationDays = 7;
/** How long a link to set a new password works. */
export const passwordLinkHours = 24;
/** The most members and open invitations of an environment, together. */
export const maxMembers = 1_000;
/** How long invitations stay in the table after their end. */
export const invitationRetentionDays = 30;

/** An email address as it is stored and compared: without spaces around it, in small letters. */
const Email = Line.transform((text) => text.trim().toLowerCase()).refine(
  (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  'must be an email address',
);

/** The length counts characters as people see them, so that no alphabet is at an advantage. */
const Password = z
  .string('must be a text')
  .max(maxPasswordLength, `must be at most ${maxPasswordLength} characters`)
  .refine(
    (text) => [...text.normalize('NFKC')].length >= minPasswordLength,
    `must be at least ${minPasswordLength} characters`,
  );

/** @throws ValidationError */
export const readEmail = (value: unknown): string => parse(Email, value, 'email');
/** @throws ValidationError */
export const readName = (value: unknown): string => parse(Name, value, 'name').trim();
/** @throws ValidationError */
export const readPassword = (value: unknown, field = 'password'): string => parse(Password, value, field);

/** A link's token: what it is for, then random bytes. The log redacts it by its prefix. */
const prefixes = { invitation: 'inv_', password: 'pwd_' } as const;
export type LinkKind = keyof typeof prefixes;

export const formatLinkToken = (kind: LinkKind, random: Buffer): string =>
  prefixes[kind] + random.toString('base64url');

export const isLinkToken = (kind: LinkKind, token: string): boolean =>
  token.startsWith(prefixes[kind]) && /^[\w-]{43}$/.test(token.slice(prefixes[kind].length));

/** The page that a link opens. Its token stands after the `#`, so that no server and no log sees it. */
export const linkPath = (kind: LinkKind, token: string): string => `/${kind}#${token}`;

/**
 * Whether an admin may make a link that sets somebody's password: only who is an admin wherever the member has a role.
 * Otherwise an admin of `test` could sign in to `live` as somebody else.
 */
export const mayResetPassword = (rolesOfMember: readonly string[], adminOf: readonly string[]): boolean =>
  rolesOfMember.every((environmentId) => adminOf.includes(environmentId));

export const memberNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'MemberNotFoundError', `There is no member with the id "${id}".`);

export const memberAlreadyExists = (email: string) =>
  new DomainError(
    'CONFLICT',
    'MemberAlreadyExistsError',
    `"${email}" is a member already. Change the role instead.`,
  );

export const lastAdmin = () =>
  new DomainError(
    'CONFLICT',
    'LastAdminError',
    'This is the last admin of the environment. Make somebody else an admin first.',
  );

export const tooManyMembers = () =>
  new DomainError(
    'CONFLICT',
    'TooManyMembersError',
    `An environment has at most ${maxMembers} members and open invitations.`,
  );

export const invitationNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'InvitationNotFoundError', `There is no open invitation with the id "${id}".`);

export const sessionNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'SessionNotFoundError', `There is no session with the id "${id}".`);

export const passwordLinkRefused = () =>
  new DomainError(
    'FORBIDDEN',
    'ForbiddenError',
    'This person is also a member of an environment of which you are no admin, so you cannot set the password.',
  );

/** A link that is unknown, used, revoked or too old. */
export const linkNotValid = (kind: LinkKind) =>
  new DomainError(
    'NOT_FOUND',
    'LinkNotValidError',
    `This ${kind === 'invitation' ? 'invitation' : 'link'} is not valid: it was used, withdrawn, or is too old. Ask for a new one.`,
  );
