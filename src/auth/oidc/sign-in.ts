import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { acceptWithin, noteInAll, type RequestIds } from '../members/accounts.ts';
import { type Account, changeAccount, findAccount, findInvitationsTo } from '../members/store.ts';
import { revokeSessionsOf } from '../sessions/store.ts';
import type { Person } from './rules.ts';

/**
 * Signs in whom the provider names: a member, or a person who is invited, whose open invitations are accepted by it.
 * Null for everybody else.
 *
 * @returns the account, and the sessions that ended
 */
export function signInPerson(
  db: PrismaClient,
  person: Person,
  ids: RequestIds,
): Promise<{ account: Account; ended: string[] } | null> {
  return db.$transaction(async (tx) => {
    const known = await findOwn(tx, person);
    if (known === 'ANOTHER') return null;
    const { email, name } = known ?? person;
    let account = known;
    for (const invitation of await findInvitationsTo(tx, email))
      account = await acceptWithin(tx, invitation, account, { email, name, passwordHash: null }, ids);
    if (account === null || account.roles.size === 0) return null;
    const ended = account.oidcSubject === null ? await link(tx, account, person, ids) : [];
    return { account, ended };
  });
}

/** The account of this person; ANOTHER if the address is one of somebody else at the provider. */
async function findOwn(tx: Db, { subject, email }: Person): Promise<Account | 'ANOTHER' | null> {
  const bySubject = await findAccount(tx, { oidcSubject: subject });
  if (bySubject !== null) return bySubject;
  const byEmail = await findAccount(tx, { email });
  return byEmail !== null && byEmail.oidcSubject !== null ? 'ANOTHER' : byEmail;
}

/**
 * From now on the account is this person's. A password that was set before is removed, and its sessions end: it was set
 * by a link, which does not prove who owns the address.
 */
async function link(tx: Db, account: Account, { subject }: Person, ids: RequestIds): Promise<string[]> {
  await changeAccount(tx, account.id, { oidcSubject: subject, passwordHash: null });
  await noteInAll(tx, account, 'linkOidc', ids);
  return revokeSessionsOf(tx, account.id);
}
