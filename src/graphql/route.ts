import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { withBody } from '../http/body.ts';
import { type Gate, throughGate } from '../http/gate.ts';
import type { RequestContext } from '../http/request-context.ts';
import { type Route, refuseMethod } from '../http/router.ts';
import { createGraphiqlPage, type GraphiqlPage } from './graphiql.ts';

/** Answers one operation. Whatever goes wrong is in the result. */
export type AnswerOperation = (sent: {
  method: 'GET' | 'POST';
  headers: IncomingHttpHeaders;
  /** The operation and its variables, as JSON. */
  body: Buffer;
  requestContext: RequestContext;
}) => Promise<ExecutionResult>;

/** The newer media type, by whose rules an answer without data has a status of its own. */
const responseType = 'application/graphql-response+json';

/** Operations are posted, but for introspection; a browser that comes by gets GraphiQL. */
export function createGraphqlRoute(answerAny: AnswerOperation, page: GraphiqlPage, gate: Gate): Route {
  const answer = throughGate(gate, answerAny);
  const graphiql = createGraphiqlPage(page);
  return {
    async GET(request, response, requestContext) {
      const { headers } = request;
      if (headers.accept?.includes('text/html')) return graphiql(request, response, requestContext);
      const operation = parametersOf(request);
      if (request.method !== 'GET' || operation.query === undefined) return refuseMethod(response, ['POST']);
      const body = Buffer.from(JSON.stringify(operation));
      return writeResult(request, response, await answer({ method: 'GET', headers, body, requestContext }));
    },
    POST: withBody(gate, async (request, response, body, requestContext) => {
      const { headers } = request;
      return writeResult(request, response, await answer({ method: 'POST', headers, body, requestContext }));
    }),
  };
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
  { headers: { accept } }: IncomingMessage,
  response: ServerResponse,
  { errors, ...result }: ExecutionResult,
): void {
  const isNewer = accept?.includes(responseType) ?? false;
  let status = 200;
  for (const { extensions } of errors ?? []) {
    const http = extensions.http as HttpExtension | undefined;
    delete extensions.http;
    for (const [name, value] of Object.entries(http?.headers ?? {})) response.setHeader(name, value);
    if (isNewer || !http?.spec) status = Math.max(status, http?.status ?? 200);
  }
  const text = JSON.stringify(errors === undefined ? result : { errors, ...result });
  response.writeHead(status, {
    'Content-Type': `${isNewer ? responseType : 'application/json'}; charset=utf-8`,
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function parametersOf({ url = '' }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(url.slice(url.indexOf('?') + 1)));
}

/** There is no other page yet. */
export const homeRoute: Route = {
  GET(_request, response) {
    response.writeHead(302, { Location: '/graphql' }).end();
  },
};
