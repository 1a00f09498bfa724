import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { type Admission, forCallers, forStrangers } from '../http/admission.ts';
import { refuseBody } from '../http/body.ts';
import { createDutyCycle } from '../http/duty-cycle.ts';
import { type Answer, unauthenticated } from '../http/response.ts';
import { type Route, refuseMethod } from '../http/router.ts';
import { createGraphiqlPage, type GraphiqlPage } from './graphiql.ts';
import { readBodyOperation, readGetOperation } from './request.ts';
import { type Api, type GraphqlServer, unauthenticatedMessage } from './server.ts';

/** The newer media type, by whose rules an answer without data has a status of its own. */
const responseType = 'application/graphql-response+json';

/** An answer to a GET could be kept by caches on the way, but it is for its caller alone, and true only now. */
function forbidCaching(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'private, no-store');
  response.appendHeader('Vary', 'Authorization, X-User-ID, Accept');
}

interface Serving<Caller> extends Pick<Admission<Caller>, 'gate' | 'rateLimit'> {
  api: Pick<Api<Caller, object>, 'identify' | 'allowanceOf' | 'credentials'>;
  server: GraphqlServer<Caller>;
  page: GraphiqlPage;
}

/**
 * Operations are posted; queries may be sent by GET, too, and a browser that comes by gets GraphiQL. Who calls is
 * looked up first: an operation of somebody unknown must be short and ask for the schema only.
 */
export function createGraphqlRoute<Caller extends { environmentId: string }>({
  api,
  server,
  page,
  gate,
  rateLimit,
}: Serving<Caller>): Route {
  const graphiql = createGraphiqlPage(page);
  const admission: Admission<Caller> = { gate, rateLimit, ...api };
  const cycle = createDutyCycle();

  const answerStranger = forStrangers(
    gate.strangers,
    async (request, response, body, requestContext) => {
      const sent = { method: methodOf(request), read: readerOf(request, body), requestContext };
      const refused = await cycle.run(async () => {
        writeResult(request, response, await server.answerStranger(sent));
        return null;
      });
      if (refused !== null) refuse(request, response, refused);
    },
    { tooLong: unauthenticated(unauthenticatedMessage(api)), refuse },
  );
  const answer = forCallers(
    admission,
    async (request, response, { caller, body, context: requestContext }) => {
      const read = readerOf(request, body);
      const method = methodOf(request);
      writeResult(request, response, await server.answer({ method, caller, read, requestContext }));
    },
    answerStranger,
    refuse,
  );

  return {
    GET(request, response, requestContext) {
      if (request.headers.accept?.includes('text/html')) return graphiql(request, response, requestContext);
      if (request.method !== 'GET') return refuseMethod(response, ['GET', 'POST']);
      forbidCaching(response);
      return answer(request, response, requestContext);
    },
    POST: answer,
  };
}

const methodOf = ({ method }: IncomingMessage): 'GET' | 'POST' => (method === 'GET' ? 'GET' : 'POST');

const readerOf = (request: IncomingMessage, body: Buffer) => (): GraphQLParams =>
  methodOf(request) === 'GET'
    ? readGetOperation(request.url ?? '')
    : readBodyOperation(request.headers, body);

const acceptsNewer = ({ headers }: IncomingMessage) => headers.accept?.includes(responseType) ?? false;
const contentTypeOf = (request: IncomingMessage) =>
  `${acceptsNewer(request) ? responseType : 'application/json'}; charset=utf-8`;

function refuse(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const headers = { ...answer.headers, 'Content-Type': contentTypeOf(request) };
  refuseBody(request, response, { ...answer, headers });
}

/** What an error asks of the HTTP answer; with `spec`, only of answers of the newer media type. */
interface HttpExtension {
  status?: number;
  headers?: Record<string, string>;
  spec?: boolean;
}

/**
 * Writes a result. As in the original it is sent with 200, also where the operation failed, unless an error
 * says otherwise; of several errors the highest status counts.
 */
function writeResult(
  request: IncomingMessage,
  response: ServerResponse,
  { errors, ...result }: ExecutionResult,
): void {
  let status = 200;
  for (const { extensions } of errors ?? []) {
    const http = extensions.http as HttpExtension | undefined;
    delete extensions.http;
    for (const [name, value] of Object.entries(http?.headers ?? {})) response.setHeader(name, value);
    if (acceptsNewer(request) || !http?.spec) status = Math.max(status, http?.status ?? 200);
  }
  const text = JSON.stringify(errors === undefined ? result : { errors, ...result });
  response.writeHead(status, {
    'Content-Type': contentTypeOf(request),
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** There is no other page yet. */
export const homeRoute: Route = {
  GET(_request, response) {
    response.writeHead(302, { Location: '/graphql' }).end();
  },
};
