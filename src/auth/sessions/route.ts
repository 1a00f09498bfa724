import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { forStrangers } from '../../http/admission.ts';
import type { Gate } from '../../http/gate.ts';
import { refusal, sendJson, unauthenticated } from '../../http/response.ts';
import type { Handler, Route } from '../../http/router.ts';
import { environmentIds, readEnvironmentId } from '../keys/rules.ts';
import { consoleHeader } from './rules.ts';
import type { Session, Sessions } from './sessions.ts';

const SignIn = z.object({ key: z.string().trim() });

/**
 * The sessions of the console. GET lists the sessions of this browser, POST signs in with a private key, DELETE signs
 * out of the environment in the header. Pages of other sites cannot call this: see consoleHeader.
 */
export function createSessionRoute(sessions: Sessions, gate: Gate): Route {
  const { cookies } = sessions;
  return {
    GET: fromConsole(
      forStrangers(gate.signIns, async (request, response) => {
        const found = environmentIds.map(async (id) => {
          const token = cookies.read(request.headers, id);
          return token === null ? null : sessions.find(token, id);
        });
        const signedIn = (await Promise.all(found)).filter((session) => session !== null);
        sendJson(response, { status: 200, body: { sessions: signedIn.map(describe) }, headers: noStore });
      }),
    ),
    POST: fromConsole(
      forStrangers(gate.signIns, async (request, response, body, requestContext) => {
        const key = readKey(body);
        const session = key === null ? null : await sessions.begin(key);
        if (session === null) return sendJson(response, wrongKey);
        const environmentId = readEnvironment(session);
        requestContext.bearer = { environmentId, kind: 'PRIVATE', lastFour: session.identity.lastFour };
        const cookie = cookies.write(request.headers, environmentId, session.token);
        const headers = { ...noStore, 'Set-Cookie': cookie };
        return sendJson(response, { status: 200, body: describe(session), headers });
      }),
    ),
    DELETE: fromConsole(
      forStrangers(gate.signIns, async (request, response) => {
        const environmentId = readEnvironmentId(headerOf(request));
        if (environmentId === null)
          return sendJson(response, refusal('BAD_REQUEST', `Name the environment in ${consoleHeader}.`));
        const token = cookies.read(request.headers, environmentId);
        if (token !== null) await sessions.end(token, environmentId);
        const cookie = cookies.write(request.headers, environmentId, '');
        return response.writeHead(204, { ...noStore, 'Set-Cookie': cookie }).end();
      }),
    ),
  };
}

const noStore = { 'Cache-Control': 'no-store' };

const wrongKey = unauthenticated(
  'This is not a valid private key. Private keys start with prv_test_ or prv_live_.',
);

/** Refuses requests without the console's header, whatever its value. */
function fromConsole(handle: Handler): Handler {
  return (request, response, requestContext) => {
    if (headerOf(request) !== undefined) return handle(request, response, requestContext);
    return sendJson(response, refusal('BAD_REQUEST', `The header ${consoleHeader} is missing.`));
  };
}

function headerOf(request: IncomingMessage): string | undefined {
  const value = request.headers[consoleHeader];
  return typeof value === 'string' ? value : undefined;
}

function readKey(body: Buffer): string | null {
  try {
    return SignIn.safeParse(JSON.parse(body.toString())).data?.key ?? null;
  } catch {
    return null;
  }
}

function readEnvironment({ identity }: Session) {
  const environmentId = readEnvironmentId(identity.environmentId);
  if (environmentId === null) throw new Error(`there is no console for ${identity.environmentId}`);
  return environmentId;
}

const describe = ({ identity, expiresAt }: Session) => ({
  environment: identity.environmentId,
  lastFour: identity.lastFour,
  expiresAt: expiresAt.toISOString(),
});
