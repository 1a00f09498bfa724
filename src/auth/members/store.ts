import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { Role } from '../permission-rules.ts';
import { invitationDays, invitationRetentionDays, passwordLinkHours } from './rules.ts';

/** An account, with what it needs to sign in. */
export interface Account {
  id: string;
  email: string;
  name: string;
  passwordHash: string | null;
  oidcSubject: string | null;
  /** The roles, by environment. */
  roles: Map<string, Role>;
}

const withRoles = { roles: { select: { environmentId: true, role: true } } } as const;

type AccountRow = Omit<Account, 'roles'> & { roles: { environmentId: string; role: Role }[] };

const accountOf = ({ roles, ...row }: AccountRow): Account => ({
  ...row,
  roles: new Map(roles.map(({ environmentId, role }) => [environmentId, role])),
});

export async function findAccount(
  db: Db,
  by: { email: string } | { id: string } | { oidcSubject: string },
): Promise<Account | null> {
  const row = await db.member.findUnique({ where: by as { id: string }, include: withRoles });
  return row === null ? null : accountOf(row);
}

export async function createAccount(
  tx: Db,
  { email, name, passwordHash }: { email: string; name: string; passwordHash: string | null },
): Promise<Account> {
  const row = await tx.member.create({ data: { email, name, passwordHash }, include: withRoles });
  return accountOf(row);
}

export async function changeAccount(
  tx: Db,
  id: string,
  facts: Partial<Pick<Account, 'name' | 'passwordHash' | 'oidcSubject'>>,
): Promise<void> {
  await tx.member.update({ where: { id }, data: facts });
}

/** Locks the membership of an environment until the transaction ends: who invites, changes and removes takes turns. */
export async function lockMembers(tx: Db, environmentId: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('open-kana members'), hashtext(${environmentId}))`;
}

export async function findRole(tx: Db, environmentId: string, memberId: string): Promise<Role | null> {
  const found = await tx.memberRole.findUnique({
    where: { environmentId_memberId: { environmentId, memberId } },
    select: { role: true },
  });
  return found?.role ?? null;
}

export const countAdmins = (tx: Db, environmentId: string): Promise<number> =>
  tx.memberRole.count({ where: { environmentId, role: 'ADMIN' } });

export async function setRole(tx: Db, environmentId: string, memberId: string, role: Role): Promise<void> {
  await tx.memberRole.upsert({
    where: { environmentId_memberId: { environmentId, memberId } },
    create: { environmentId, memberId, role },
    update: { role },
  });
}

/** Removes a role, and with it the sessions and links of the member in this environment. */
export async function removeRole(tx: Db, environmentId: string, memberId: string): Promise<void> {
  await tx.memberRole.delete({ where: { environmentId_memberId: { environmentId, memberId } } });
}

const isOpenSql = 'closed_at IS NULL AND expires_at > now()';

/** The number of members and open invitations. */
export async function countPeople(tx: Db, environmentId: string): Promise<number> {
  const [{ count }] = await tx.$queryRawUnsafe<[{ count: number }]>(
    `SELECT ((SELECT count(*) FROM member_role WHERE environment_id = $1)
       + (SELECT count(*) FROM invitation WHERE environment_id = $1 AND ${isOpenSql}))::int AS count`,
    environmentId,
  );
  return count;
}

/** Inserts an invitation; returns its id. Removes some that ended long ago. */
export async function insertInvitation(
  tx: Db,
  { environmentId, kind, keyId, lastFour, memberId }: Author,
  facts: { email: string; role: Role; tokenHash: string },
): Promise<string> {
  await tx.$executeRaw`
    DELETE FROM invitation WHERE environment_id = ${environmentId}
      AND expires_at < now() - make_interval(days => ${invitationRetentionDays})`;
  const { id } = await tx.invitation.create({
    data: {
      environmentId,
      ...{ authorKind: kind, keyId, lastFour, memberId },
      ...facts,
      expiresAt: new Date(Date.now() + invitationDays * 86_400_000),
    },
    select: { id: true },
  });
  return id;
}

/** An invitation that can be accepted. */
export interface OpenInvitation {
  id: string;
  environmentId: string;
  email: string;
  role: Role;
}

const openColumns = 'id::text, environment_id AS "environmentId", email, role::text AS role';

/** The ids of the open invitations of this email address, which are locked. */
export async function lockInvitationsTo(tx: Db, environmentId: string, email: string): Promise<string[]> {
  const rows = await tx.$queryRawUnsafe<OpenInvitation[]>(
    `SELECT ${openColumns} FROM invitation WHERE environment_id = $1 AND email = $2 AND ${isOpenSql} FOR UPDATE`,
    environmentId,
    email,
  );
  return rows.map(({ id }) => id);
}

/** The open invitations of an email address, in every environment. */
export function findInvitationsTo(db: Db, email: string): Promise<OpenInvitation[]> {
  return db.$queryRawUnsafe<OpenInvitation[]>(
    `SELECT ${openColumns} FROM invitation WHERE email = $1 AND ${isOpenSql} ORDER BY created_at LIMIT 10`,
    email,
  );
}

/** The open invitation with this token. */
export async function findInvitation(db: Db, tokenHash: string): Promise<OpenInvitation | null> {
  const [found] = await db.$queryRawUnsafe<OpenInvitation[]>(
    `SELECT ${openColumns} FROM invitation WHERE token_hash = $1 AND ${isOpenSql}`,
    tokenHash,
  );
  return found ?? null;
}

/** Closes open invitations. Returns how many were open. */
export function closeInvitations(tx: Db, environmentId: string, ids: readonly string[]): Promise<number> {
  return tx.$executeRawUnsafe(
    `UPDATE invitation SET closed_at = now() WHERE environment_id = $1 AND id = ANY ($2::uuid[]) AND ${isOpenSql}`,
    environmentId,
    [...ids],
  );
}

/** Inserts a link to set a password; earlier ones of the member, from this environment, stop working. */
export async function insertPasswordLink(
  tx: Db,
  owner: { environmentId: string; memberId: string },
  tokenHash: string,
): Promise<Date> {
  await tx.passwordReset.deleteMany({ where: owner });
  const expiresAt = new Date(Date.now() + passwordLinkHours * 3_600_000);
  await tx.passwordReset.create({ data: { ...owner, tokenHash, expiresAt } });
  return expiresAt;
}

/** The member whose password this link sets. */
export async function findPasswordLink(db: Db, tokenHash: string): Promise<string | null> {
  const found = await db.passwordReset.findFirst({
    where: { tokenHash, expiresAt: { gt: new Date() } },
    select: { memberId: true },
  });
  return found?.memberId ?? null;
}

/** Uses up a link, and every other one of this member. False if it was used meanwhile. */
export async function usePasswordLink(tx: Db, tokenHash: string, memberId: string): Promise<boolean> {
  const { count } = await tx.passwordReset.deleteMany({
    where: { tokenHash, memberId, expiresAt: { gt: new Date() } },
  });
  await tx.passwordReset.deleteMany({ where: { memberId } });
  return count > 0;
}
