import { networkOfClient } from '../../http/address.ts';
import type { Gate } from '../../http/gate.ts';
import { refusal, unauthenticated } from '../../http/response.ts';
import type { Route } from '../../http/router.ts';
import { answerSessions, describeSession, forConsole, headerOf } from '../console-route.ts';
import { environmentIds, readEnvironmentId } from '../keys/rules.ts';
import type { SignIn } from '../members/sign-in.ts';
import { consoleHeader } from './rules.ts';
import type { Sessions } from './sessions.ts';

/**
 * The sessions of the console. GET lists the sessions of this browser, and how one may sign in. POST signs in with a
 * private key, or with email and password. DELETE signs out of the environment in the header.
 */
export function createSessionRoute(
  { sessions, signIn, ways }: { sessions: Sessions; signIn: SignIn; ways: () => Promise<object> },
  gate: Gate,
): Route {
  const { cookies } = sessions;
  return {
    GET: forConsole(gate.signIns, async ({ request }) => {
      const found = environmentIds.map(async (id) => {
        const token = cookies.read(request.headers, id);
        return token === null ? null : sessions.find(token, id);
      });
      const signedIn = (await Promise.all(found)).filter((session) => session !== null);
      return { status: 200, body: { sessions: signedIn.map(describeSession), ways: await ways() } };
    }),
    POST: forConsole(gate.signIns, async (sent) => {
      const { key, email, password } = sent.given;
      if (key === undefined && email !== undefined) {
        const tried = await signIn.tryPassword(networkOfClient(sent.request), email, password);
        if ('waitMs' in tried) return tooManyAttempts(tried.waitMs);
        if (tried.account === null) return wrongPassword;
        const environments = [...tried.account.roles.keys()];
        return answerSessions(sessions, sent, await sessions.beginFor(tried.account.id, environments));
      }
      const session = typeof key === 'string' ? await sessions.begin(key.trim()) : null;
      return session === null ? wrongKey : answerSessions(sessions, sent, [session]);
    }),
    DELETE: forConsole(gate.signIns, async ({ request }) => {
      const environmentId = readEnvironmentId(headerOf(request));
      if (environmentId === null) return refusal('BAD_REQUEST', `Name the environment in ${consoleHeader}.`);
      const token = cookies.read(request.headers, environmentId);
      if (token !== null) await sessions.end(token, environmentId);
      const cookie = cookies.write(request.headers, environmentId, '');
      return { status: 204, body: null, headers: { 'Set-Cookie': cookie } };
    }),
  };
}

const wrongKey = unauthenticated(
  'This is not a valid private key. Private keys start with prv_test_ or prv_live_.',
);
export const wrongPassword = unauthenticated('The email address or the password is wrong.');

export const tooManyAttempts = (waitMs: number) => ({
  ...refusal('RATE_LIMITED', `Too many wrong attempts. Try again in ${Math.ceil(waitMs / 1_000)} seconds.`),
  headers: { 'Retry-After': `${Math.ceil(waitMs / 1_000)}` },
});
