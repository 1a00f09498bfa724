import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { z } from 'zod';
import { allowanceOf, type Caller, identifyHolder } from '../auth/caller.ts';
import { readKey } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import { DomainError, invalidInput } from '../errors.ts';
import type { GraphqlServer } from '../graphql/server.ts';
import { forCallers } from '../http/admission.ts';
import { readEncoding, readJson, refuseBody } from '../http/body.ts';
import type { Gate } from '../http/gate.ts';
import { noStore, problem, problemOf } from '../http/problem.ts';
import type { RateLimit } from '../http/rate-limit.ts';
import type { RequestContext } from '../http/request-context.ts';
import { type Answer, refusal, sendJson, unauthenticated } from '../http/response.ts';
import type { Handler, Route } from '../http/router.ts';
import { parse } from '../input.ts';
import { openApiOf } from './openapi-rules.ts';
import type { Given, RestOperation } from './operation-rules.ts';
import { operations } from './operations-rules.ts';

interface RouteDependencies {
  keyring: Keyring;
  /** Answers the GraphQL operation of a route. */
  server: GraphqlServer<Caller>;
  gate: Gate;
  rateLimit: RateLimit | null;
  basePath: string;
}

/** The REST API: a private key, JSON, and errors as RFC 9457 says. `/v1/openapi.json` describes it, and needs no key. */
export function createRestRoutes(dependencies: RouteDependencies): Record<string, Route> {
  const description = openApiOf(operations, dependencies.basePath);
  const sendDescription: Handler = (_request, response) =>
    sendJson(response, { status: 200, body: description, headers: { 'Access-Control-Allow-Origin': '*' } });
  const routes: Record<string, Route> = { '/v1/openapi.json': { GET: sendDescription } };
  for (const operation of operations) {
    const path = `/v1${operation.path}`;
    routes[path] = { ...routes[path], [operation.method]: createHandler(dependencies, operation) };
  }
  return routes;
}

function createHandler(
  { keyring, server, gate, rateLimit }: RouteDependencies,
  operation: RestOperation,
): Handler {
  return forCallers<Caller>(
    {
      gate,
      rateLimit,
      allowanceOf,
      async identify({ authorization }, context) {
        const caller = await identifyHolder(keyring, readKey(authorization));
        context.bearer = caller;
        return caller;
      },
    },
    async (request, response, { caller, body, context }) => {
      if (body.length > 0 && readEncoding(request.headers['content-encoding']) !== 'identity')
        return refuse(request, response, compressed);
      try {
        const given = readGiven(operation, request, body, context);
        const params = { query: operation.document, variables: operation.variables(given) };
        const sent = { method: 'POST', caller, read: () => params, requestContext: context } as const;
        const result = await server.answer(sent);
        sendJson(response, answerOf(operation, result, given));
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        const { code, typedName: name, message: detail } = error;
        context.outcome = code;
        sendJson(response, problem(statuses[code], { code, name, detail }));
      }
    },
    (request, response) => refuse(request, response, wrongKey),
    refuse,
  );
}

/** Reads a request. @throws ValidationError that names the part of the query or the field of the body */
function readGiven(
  { query, body: bodyShape }: RestOperation,
  { url = '', headers }: IncomingMessage,
  body: Buffer,
  { params }: RequestContext,
): Given {
  const asked = Object.fromEntries(new URL(url, 'http://localhost').searchParams);
  const sent = body.length === 0 ? {} : readJson(body);
  if (sent === undefined) throw invalidInput('body', 'must be JSON in UTF-8');
  return {
    params,
    query: parse((query ?? z.object({})).strict(), asked, 'query') as Given['query'],
    body: parse(bodyShape ?? z.unknown(), sent, 'body') as Given['body'],
    idempotencyKey: headers['idempotency-key']?.toString(),
  };
}

/** The HTTP status of a mistake of the caller. */
const statuses: Record<DomainError['code'], number> = {
  BAD_USER_INPUT: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
};

function answerOf(operation: RestOperation, { data, errors }: ExecutionResult, given: Given): Answer {
  const [error] = errors ?? [];
  if (error === undefined)
    return { status: operation.status ?? 200, body: operation.answer(data, given), headers: noStore };
  const { message: detail, extensions } = error;
  const { code, exception, http, requestId } = extensions as unknown as ErrorExtensions;
  const status = statuses[code as DomainError['code']] ?? http?.status ?? 500;
  const answer = problem(status, { code, name: exception?.name, detail, requestId });
  return { ...answer, headers: { ...http?.headers, ...answer.headers } };
}

interface ErrorExtensions {
  code: string;
  exception?: { name: string };
  http?: { status?: number; headers?: Record<string, string> };
  requestId?: string;
}

/** Sends a refusal of the HTTP layer as RFC 9457 says. */
function refuse(request: IncomingMessage, response: ServerResponse, refused: Answer): void {
  refuseBody(request, response, problemOf(refused));
}

const wrongKey = unauthenticated('Unauthenticated: send a valid private key in the Authorization header.');

const compressed: Answer = {
  ...refusal('UNSUPPORTED_MEDIA_TYPE', 'Send the body without a Content-Encoding.'),
  headers: { 'Accept-Encoding': 'identity' },
};
