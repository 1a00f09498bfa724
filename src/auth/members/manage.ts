import { audited, note } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import type { Role } from '../permission-rules.ts';
import type { Links } from './links.ts';
import {
  invitationNotFound,
  lastAdmin,
  maxMembers,
  mayResetPassword,
  memberAlreadyExists,
  memberNotFound,
  passwordLinkRefused,
  tooManyMembers,
} from './rules.ts';
import {
  closeInvitations,
  countAdmins,
  countPeople,
  findAccount,
  findRole,
  insertInvitation,
  insertPasswordLink,
  lockInvitationsTo,
  lockMembers,
  removeRole,
  setRole,
} from './store.ts';

/* What an admin does about the members of an environment. Each change leaves its entry in the audit log. */

/**
 * Invites a person. An earlier open invitation of the same address is withdrawn.
 *
 * @throws MemberAlreadyExistsError, TooManyMembersError
 */
export function invite(
  db: PrismaClient,
  author: Author,
  links: Links,
  { email, role }: { email: string; role: Role },
): Promise<{ id: string; token: string }> {
  const { environmentId } = author;
  const { token, tokenHash } = links.create('invitation');
  return db.$transaction(async (tx) => {
    await lockMembers(tx, environmentId);
    if ((await findAccount(tx, { email }))?.roles.has(environmentId)) throw memberAlreadyExists(email);
    const earlier = await lockInvitationsTo(tx, environmentId, email);
    if ((await countPeople(tx, environmentId)) - earlier.length >= maxMembers) throw tooManyMembers();
    const change = { action: 'inviteMember', type: 'INVITATION', handles: earlier } as const;
    const work = async () => {
      await closeInvitations(tx, environmentId, earlier);
      return insertInvitation(tx, author, { email, role, tokenHash });
    };
    const id = await audited(tx, author, change, work, (made) => [made]);
    return { id, token };
  });
}

/** @throws InvitationNotFoundError */
export function revokeInvitation(db: PrismaClient, author: Author, id: string): Promise<void> {
  return db.$transaction(async (tx) => {
    await lockMembers(tx, author.environmentId);
    const change = { action: 'revokeInvitation', type: 'INVITATION', handles: [id] } as const;
    const close = () => closeInvitations(tx, author.environmentId, [id]);
    if ((await audited(tx, author, change, close)) === 0) throw invitationNotFound(id);
  });
}

/** @throws MemberNotFoundError, LastAdminError */
export function changeRole(
  db: PrismaClient,
  author: Author,
  { memberId, role }: { memberId: string; role: Role },
): Promise<void> {
  const { environmentId } = author;
  return db.$transaction(async (tx) => {
    await lockMembers(tx, environmentId);
    if (role !== 'ADMIN') await keepAnAdmin(tx, environmentId, memberId);
    else if ((await findRole(tx, environmentId, memberId)) === null) throw memberNotFound(memberId);
    const change = { action: 'changeMemberRole', type: 'MEMBER', handles: [memberId] } as const;
    await audited(tx, author, change, () => setRole(tx, environmentId, memberId, role));
  });
}

/**
 * Takes a member out of the environment; the sessions there end. The account stays: entries of the audit log name it.
 *
 * @throws MemberNotFoundError, LastAdminError
 */
export function removeMember(db: PrismaClient, author: Author, memberId: string): Promise<void> {
  const { environmentId } = author;
  return db.$transaction(async (tx) => {
    await lockMembers(tx, environmentId);
    await keepAnAdmin(tx, environmentId, memberId);
    const change = { action: 'removeMember', type: 'MEMBER', handles: [memberId] } as const;
    await audited(tx, author, change, () => removeRole(tx, environmentId, memberId));
  });
}

/** @throws MemberNotFoundError, and LastAdminError if nobody else is an admin */
async function keepAnAdmin(tx: Db, environmentId: string, memberId: string): Promise<void> {
  const role = await findRole(tx, environmentId, memberId);
  if (role === null) throw memberNotFound(memberId);
  if (role === 'ADMIN' && (await countAdmins(tx, environmentId)) === 1) throw lastAdmin();
}

/**
 * Makes a link with which this member sets a new password.
 *
 * @throws MemberNotFoundError, ForbiddenError
 */
export function createPasswordLink(
  db: PrismaClient,
  author: Author,
  links: Links,
  memberId: string,
): Promise<{ token: string; expiresAt: Date }> {
  const { environmentId } = author;
  const { token, tokenHash } = links.create('password');
  return db.$transaction(async (tx) => {
    const account = await findAccount(tx, { id: memberId });
    if (account === null || !account.roles.has(environmentId)) throw memberNotFound(memberId);
    if (!mayResetPassword([...account.roles.keys()], await adminOf(tx, author))) throw passwordLinkRefused();
    const expiresAt = await insertPasswordLink(tx, { environmentId, memberId }, tokenHash);
    await note(tx, author, { action: 'createPasswordLink', type: 'MEMBER', id: memberId }, null);
    return { token, expiresAt };
  });
}

/** The environments of which the author is an admin: of a key, its own. */
async function adminOf(tx: Db, { environmentId, memberId }: Author): Promise<string[]> {
  if (memberId === null) return [environmentId];
  const roles = (await findAccount(tx, { id: memberId }))?.roles ?? new Map();
  return [...roles].filter(([, role]) => role === 'ADMIN').map(([id]) => id);
}
