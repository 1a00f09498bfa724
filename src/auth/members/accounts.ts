import { audited, note } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { DomainError, invalidInput } from '../../errors.ts';
import { revokeSessionsOf } from '../sessions/store.ts';
import type { Links } from './links.ts';
import type { Passwords } from './passwords.ts';
import { linkNotValid, readName, readPassword } from './rules.ts';
import {
  type Account,
  changeAccount,
  closeInvitations,
  createAccount,
  findAccount,
  findInvitation,
  findPasswordLink,
  lockMembers,
  type OpenInvitation,
  setRole,
  usePasswordLink,
} from './store.ts';

/** By which request a person does something. */
export type RequestIds = Pick<Author, 'requestId' | 'clientRequestId'>;

/** What a person does about the own account, without a role that allows it. */
export interface Accounts {
  /** Returns the account. Null if the password is wrong, or nobody has this address; both take as long. */
  signIn(email: string, password: string): Promise<Account | null>;
  /** What an invitation says; null if it is not valid. */
  readInvitation(token: string): Promise<(OpenInvitation & { hasAccount: boolean }) | null>;
  /**
   * Accepts an invitation: creates the account, or adds the role to the account that the person proved to be.
   *
   * @param proven the account that is signed in, or whose password was right; null for a new one
   * @throws LinkNotValidError, ValidationError
   */
  accept(
    token: string,
    given: { name: unknown; password: unknown },
    proven: Account | null,
    ids: RequestIds,
  ): Promise<Account>;
  /** The email address of the account whose password this link sets; null if it is not valid. */
  readPasswordLink(token: string): Promise<string | null>;
  /** Sets the password by a link, and ends all sessions. @throws LinkNotValidError, ValidationError */
  setPassword(
    token: string,
    password: unknown,
    ids: RequestIds,
  ): Promise<{ account: Account; ended: string[] }>;
  /** Changes the name. @throws ValidationError */
  rename(id: string, name: unknown, ids: RequestIds): Promise<void>;
  /**
   * Changes the password, and ends all sessions but the one with the id `kept`.
   *
   * @throws ValidationError, also if the current password is wrong
   */
  changePassword(
    id: string,
    given: { current: unknown; password: unknown },
    kept: string,
    ids: RequestIds,
  ): Promise<{ ended: string[] }>;
}

export function createAccounts(db: PrismaClient, passwords: Passwords, links: Links): Accounts {
  return {
    async signIn(email, password) {
      const account = await findAccount(db, { email });
      const isRight = await passwords.verify(password, account?.passwordHash ?? null);
      // An account without a role opens nothing: it is answered like one that does not exist.
      return account !== null && isRight && account.roles.size > 0 ? account : null;
    },
    ...byInvitation(db, passwords, links),
    ...byPasswordLink(db, passwords, links),
    ...ofOneself(db, passwords),
  };
}

function byInvitation(
  db: PrismaClient,
  passwords: Passwords,
  links: Links,
): Pick<Accounts, 'readInvitation' | 'accept'> {
  async function invitationOf(token: string): Promise<OpenInvitation | null> {
    const tokenHash = links.hashOf('invitation', token);
    return tokenHash === null ? null : findInvitation(db, tokenHash);
  }
  /** The password itself goes no further than this. */
  async function readFacts(email: string, name: unknown, password: unknown) {
    const known = { email, name: readName(name) };
    return { ...known, passwordHash: await passwords.hash(readPassword(password)) };
  }
  return {
    async readInvitation(token) {
      const invitation = await invitationOf(token);
      if (invitation === null) return null;
      const account = await findAccount(db, { email: invitation.email });
      return { ...invitation, hasAccount: isInUse(account) };
    },
    async accept(token, given, proven, ids) {
      const invitation = await invitationOf(token);
      if (invitation === null) throw linkNotValid('invitation');
      const facts = proven === null ? await readFacts(invitation.email, given.name, given.password) : null;
      const accept = (tx: Db) => acceptWithin(tx, invitation, proven, facts, ids);
      return db.$transaction(accept);
    },
  };
}

function byPasswordLink(
  db: PrismaClient,
  passwords: Passwords,
  links: Links,
): Pick<Accounts, 'readPasswordLink' | 'setPassword'> {
  return {
    async readPasswordLink(token) {
      const tokenHash = links.hashOf('password', token);
      const memberId = tokenHash === null ? null : await findPasswordLink(db, tokenHash);
      return memberId === null ? null : ((await findAccount(db, { id: memberId }))?.email ?? null);
    },
    async setPassword(token, password, ids) {
      const tokenHash = links.hashOf('password', token);
      const memberId = tokenHash === null ? null : await findPasswordLink(db, tokenHash);
      if (tokenHash === null || memberId === null) throw linkNotValid('password');
      const passwordHash = await passwords.hash(readPassword(password));
      return db.$transaction(async (tx) => {
        const account = await findAccount(tx, { id: memberId });
        if (account === null || !(await usePasswordLink(tx, tokenHash, memberId)))
          throw linkNotValid('password');
        await replacePassword(tx, account, passwordHash, 'setPassword', ids);
        return { account, ended: await revokeSessionsOf(tx, memberId) };
      });
    },
  };
}

function ofOneself(db: PrismaClient, passwords: Passwords): Pick<Accounts, 'rename' | 'changePassword'> {
  return {
    async rename(id, name, ids) {
      const known = readName(name);
      await db.$transaction(async (tx) => {
        const account = await findAccount(tx, { id });
        if (account === null || account.name === known) return;
        await changeAccount(tx, id, { name: known });
        await noteInAll(tx, account, 'changeOwnName', ids);
      });
    },
    async changePassword(id, given, kept, ids) {
      const password = readPassword(given.password, 'password');
      const account = await findAccount(db, { id });
      if (account === null) throw invalidInput('current', 'is not the current password');
      // Who signs in by OIDC only has none.
      const isRight =
        account.passwordHash === null ||
        (typeof given.current === 'string' && (await passwords.verify(given.current, account.passwordHash)));
      if (!isRight) throw invalidInput('current', 'is not the current password');
      const passwordHash = await passwords.hash(password);
      return db.$transaction(async (tx) => {
        await replacePassword(tx, account, passwordHash, 'changeOwnPassword', ids);
        return { ended: await revokeSessionsOf(tx, id, kept) };
      });
    },
  };
}

async function replacePassword(
  tx: Db,
  account: Account,
  passwordHash: string,
  action: string,
  ids: RequestIds,
): Promise<void> {
  await changeAccount(tx, account.id, { passwordHash });
  await noteInAll(tx, account, action, ids);
}

/** Adds the role of an invitation to an account, which is created if it is new. */
export async function acceptWithin(
  tx: Db,
  { id, environmentId, role, email }: OpenInvitation,
  proven: Account | null,
  facts: { email: string; name: string; passwordHash: string | null } | null,
  ids: RequestIds,
): Promise<Account> {
  await lockMembers(tx, environmentId);
  if ((await closeInvitations(tx, environmentId, [id])) === 0) throw linkNotValid('invitation');
  const existing = await findAccount(tx, { email });
  const isProven = existing !== null && existing.id === proven?.id;
  if (!isProven && isInUse(existing)) throw accountExists(email);
  if (!isProven && facts === null) throw linkNotValid('invitation');
  const account = facts === null || isProven ? proven : await renewAccount(tx, existing, facts);
  if (account === null) throw linkNotValid('invitation');
  const author = authorAs(account.id, environmentId, ids);
  const change = { action: 'acceptInvitation', type: 'MEMBER', handles: [account.id] } as const;
  await audited(tx, author, change, () => setRole(tx, environmentId, account.id, role));
  return { ...account, roles: new Map([...account.roles, [environmentId, role]]) };
}

/** An account without a role opens nothing. Who is invited again begins anew with it. */
const isInUse = (account: Account | null): boolean => account !== null && account.roles.size > 0;

async function renewAccount(
  tx: Db,
  existing: Account | null,
  facts: { email: string; name: string; passwordHash: string | null },
): Promise<Account> {
  if (existing === null) return createAccount(tx, facts);
  const { name, passwordHash } = facts;
  await changeAccount(tx, existing.id, { name, passwordHash, oidcSubject: null });
  return { ...existing, name, passwordHash, oidcSubject: null };
}

/** An account is of the environments in which it has a role, so each of their logs tells of it. */
export async function noteInAll(
  tx: Db,
  { id, roles }: Pick<Account, 'id' | 'roles'>,
  action: string,
  ids: RequestIds,
): Promise<void> {
  for (const environmentId of roles.keys())
    await note(tx, authorAs(id, environmentId, ids), { action, type: 'MEMBER', id }, null);
}

const authorAs = (memberId: string, environmentId: string, ids: RequestIds): Author => ({
  environmentId,
  kind: 'CONSOLE',
  keyId: null,
  lastFour: null,
  memberId,
  ...ids,
});

const accountExists = (email: string) =>
  new DomainError(
    'CONFLICT',
    'AccountExistsError',
    `"${email}" has an account already: accept with its password.`,
  );
