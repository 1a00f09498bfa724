import type { PrismaClient } from '../../database/generated/client.ts';
import { invalidInput } from '../../errors.ts';
import { networkOfClient } from '../../http/address.ts';
import type { Gate } from '../../http/gate.ts';
import { type Answer, forbidden, unauthenticated } from '../../http/response.ts';
import type { Route } from '../../http/router.ts';
import { answerSessions, forConsole, headerOf, idsOf, type Sent } from '../console-route.ts';
import { environmentIds, readEnvironmentId } from '../keys/rules.ts';
import { tooManyAttempts, wrongPassword } from '../sessions/route.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { listSessionsOf, revokeSessionsOf, type Session } from '../sessions/store.ts';
import type { Accounts } from './accounts.ts';
import { linkNotValid } from './rules.ts';
import type { SignIn } from './sign-in.ts';
import { type Account, findAccount } from './store.ts';

interface People {
  db: PrismaClient;
  sessions: Sessions;
  accounts: Accounts;
  signIn: SignIn;
}

/**
 * What a person does about the own account. POST reads what a link says, PUT follows it. The links' tokens are in the
 * body, so that no log sees them.
 */
export function createMemberRoutes(people: People, { signIns }: Gate): Record<string, Route> {
  const { accounts, sessions } = people;
  const begin = async (sent: Sent, { id, roles }: Account): Promise<Answer> =>
    answerSessions(sessions, sent, await sessions.beginFor(id, [...roles.keys()]));

  return {
    '/console/invitation': {
      POST: forConsole(signIns, async ({ given }) => {
        const invitation = await accounts.readInvitation(textOf(given.token));
        if (invitation === null) throw linkNotValid('invitation');
        const { email, role, environmentId: environment, hasAccount } = invitation;
        return { status: 200, body: { email, role, environment, hasAccount } };
      }),
      PUT: forConsole(signIns, async (sent) => {
        const { given, context } = sent;
        const token = textOf(given.token);
        const proof = await proveAccount(people, sent, token);
        if ('status' in proof) return proof;
        return begin(sent, await accounts.accept(token, withFields(given), proof.account, idsOf(context)));
      }),
    },
    '/console/password': {
      POST: forConsole(signIns, async ({ given }) => {
        const email = await accounts.readPasswordLink(textOf(given.token));
        if (email === null) throw linkNotValid('password');
        return { status: 200, body: { email } };
      }),
      PUT: forConsole(signIns, async (sent) => {
        const { token, password } = sent.given;
        const { account, ended } = await accounts.setPassword(textOf(token), password, idsOf(sent.context));
        sessions.forget(ended);
        return begin(sent, account);
      }),
    },
    '/console/account': accountRoute(people, { signIns }),
  };
}

/** The own account, of the member who is signed in to the environment in the header. */
function accountRoute({ db, sessions, accounts }: People, { signIns }: Pick<Gate, 'signIns'>): Route {
  const forMember = (answer: (session: Session, memberId: string, sent: Sent) => Promise<Answer>) =>
    forConsole(signIns, async (sent) => {
      const session = await findSession(sessions, sent, readEnvironmentId(headerOf(sent.request)));
      if (session === null) return unauthenticated('Unauthenticated: sign in to the console.');
      if (session.member === null)
        return forbidden('Forbidden: you are signed in with a private key, not as a member.');
      const { environmentId } = session;
      sent.context.bearer = { environmentId, kind: 'MEMBER', lastFour: null };
      return answer(session, session.member.id, sent);
    });
  return {
    GET: forMember(async (session, memberId) => {
      const account = await findAccount(db, { id: memberId });
      const open = await listSessionsOf(db, memberId);
      const body = {
        name: account?.name ?? '',
        email: account?.email ?? '',
        hasPassword: account?.passwordHash != null,
        sessions: open.map((each) => ({ ...each, isThis: each.id === session.id })),
      };
      return { status: 200, body };
    }),
    PATCH: forMember(async (session, memberId, { given, context }) => {
      const { name, current, password } = given;
      if (name === undefined && password === undefined)
        throw invalidInput('name', 'must be given, or password');
      if (name !== undefined) await accounts.rename(memberId, name, idsOf(context));
      if (password !== undefined) {
        const passwords = { current, password };
        const { ended } = await accounts.changePassword(memberId, passwords, session.id, idsOf(context));
        sessions.forget(ended);
      }
      sessions.forget([session.id]);
      return { status: 204, body: null };
    }),
    DELETE: forMember(async (_session, memberId, { request }) => {
      sessions.forget(await revokeSessionsOf(db, memberId));
      const cookies = environmentIds.map((id) => sessions.cookies.write(request.headers, id, ''));
      return { status: 204, body: null, headers: { 'Set-Cookie': cookies } };
    }),
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const withFields = ({ name, password }: Record<string, unknown>) => ({ name, password });

async function findSession(
  sessions: Sessions,
  { request }: Sent,
  environmentId: (typeof environmentIds)[number] | null,
): Promise<Session | null> {
  if (environmentId === null) return null;
  const token = sessions.cookies.read(request.headers, environmentId);
  return token === null ? null : sessions.find(token, environmentId);
}

/**
 * The account that an invitation adds a role to: the one that is signed in, or whose password was sent. Null for an
 * address without an account; an answer if the proof is wrong.
 */
async function proveAccount(
  { db, sessions, accounts, signIn }: People,
  sent: Sent,
  token: string,
): Promise<{ account: Account | null } | Answer> {
  const invitation = await accounts.readInvitation(token);
  if (invitation === null) throw linkNotValid('invitation');
  if (!invitation.hasAccount) return { account: null };
  const signedIn = await Promise.all(environmentIds.map((id) => findSession(sessions, sent, id)));
  if (signedIn.some((session) => session?.member?.email === invitation.email))
    return { account: await findAccount(db, { email: invitation.email }) };
  const tried = await signIn.tryPassword(
    networkOfClient(sent.request),
    invitation.email,
    sent.given.password,
  );
  if ('waitMs' in tried) return tooManyAttempts(tried.waitMs);
  return tried.account === null ? wrongPassword : tried;
}
