import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { DomainError } from '../errors.ts';
import { forStrangers } from '../http/admission.ts';
import { readJson } from '../http/body.ts';
import type { RequestContext } from '../http/request-context.ts';
import { type Answer, overloaded, type Refusal, refusal, sendJson } from '../http/response.ts';
import type { Handler } from '../http/router.ts';
import type { Slots } from '../http/slots.ts';
import type { RequestIds } from './members/accounts.ts';
import { consoleHeader } from './sessions/rules.ts';
import type { BegunSession, Sessions } from './sessions/sessions.ts';
import type { Session } from './sessions/store.ts';

export const noStore = { 'Cache-Control': 'no-store' };

/** What a page of the console sent. */
export interface Sent {
  request: IncomingMessage;
  /** The fields of the JSON body; none if it is no JSON object. */
  given: Record<string, unknown>;
  context: RequestContext;
}

/**
 * Answers pages of the console, also those of strangers, as many at once as there are slots. Pages of other sites cannot
 * call this: see consoleHeader.
 */
export function forConsole(slots: Slots, answer: (sent: Sent) => Promise<Answer>): Handler {
  const handle = forStrangers(slots, async (request, response, body, context) => {
    const given = readJson(body);
    const isObject = typeof given === 'object' && given !== null;
    const sent = { request, context, given: isObject ? (given as Record<string, unknown>) : {} };
    const { status, body: told, headers } = await answer(sent).catch(refusalOf);
    const whole = { ...noStore, ...headers };
    if (status === 204) response.writeHead(204, whole).end();
    else sendJson(response, { status, body: told, headers: whole });
  });
  return (request, response, context) =>
    headerOf(request) === undefined
      ? sendJson(response, refusal('BAD_REQUEST', `The header ${consoleHeader} is missing.`))
      : handle(request, response, context);
}

export function headerOf(request: IncomingMessage): string | undefined {
  const value = request.headers[consoleHeader];
  return typeof value === 'string' ? value : undefined;
}

const statuses: Record<DomainError['code'], number> = {
  BAD_USER_INPUT: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
};

/** The answer to a mistake of the caller. Rethrows everything else. */
function refusalOf(error: unknown): Answer {
  if (error instanceof GraphQLError && error.extensions.code === 'OVERLOADED') return overloaded;
  if (!(error instanceof DomainError)) throw error;
  const { code, typedName: name, message } = error;
  const body: Refusal['body'] = { errors: [{ message, extensions: { code, exception: { name, message } } }] };
  return { status: statuses[code], body };
}

/** The ids of a request, for the audit log. */
export const idsOf = ({ id, clientId }: RequestContext): RequestIds => ({
  requestId: id,
  clientRequestId: clientId,
});

/** A session, as the console's pages see it. */
export const describeSession = ({ environmentId, lastFour, member, permissions, expiresAt }: Session) => ({
  environment: environmentId,
  lastFour,
  member: member === null ? null : { name: member.name, email: member.email, role: member.role },
  permissions: [...permissions],
  expiresAt: expiresAt.toISOString(),
});

/** Answers new sessions, with a cookie for each. */
export function answerSessions(
  sessions: Sessions,
  { request, context }: Sent,
  begun: BegunSession[],
): Answer {
  const cookies = begun.map(({ environmentId, token }) =>
    sessions.cookies.write(request.headers, environmentId === 'test' ? 'test' : 'live', token),
  );
  const [first] = begun;
  if (first !== undefined) {
    const { environmentId, member, lastFour } = first;
    context.bearer = { environmentId, kind: member === null ? 'PRIVATE' : 'MEMBER', lastFour };
  }
  const body = { sessions: begun.map(describeSession) };
  return { status: 200, body, headers: { 'Set-Cookie': cookies } };
}
