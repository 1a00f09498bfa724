import type { IncomingMessage, ServerResponse } from 'node:http';
import { withBody } from './body-limit.ts';
import { createGraphiqlPage, type GraphiqlPage } from './graphiql.ts';
import type { Transport } from './graphql-request.ts';
import { type Route, refuseMethod } from './router.ts';

type Yoga = (
  request: IncomingMessage,
  response: ServerResponse,
  transport: Pick<Transport, 'body'>,
) => unknown;

const responseType = 'application/graphql-response+json';

/** Operations are posted, but for introspection; a browser that comes by gets GraphiQL. */
export function createGraphqlRoute(yoga: Yoga, page: GraphiqlPage): Route {
  const graphiql = createGraphiqlPage(page);
  function answer(request: IncomingMessage, response: ServerResponse, body: Buffer) {
    // Yoga takes parts of the address for what they say, and answers a host that is none with a stack trace;
    // it would also answer in types that no client reads.
    request.url = '/graphql';
    request.headers.host = 'localhost';
    if (!request.headers.accept?.includes(responseType)) delete request.headers.accept;
    return yoga(request, response, { body });
  }
  return {
    GET(request, response) {
      if (request.headers.accept?.includes('text/html')) return graphiql(request, response);
      const operation = parametersOf(request);
      if (request.method !== 'GET' || operation.query === undefined) return refuseMethod(response, ['POST']);
      return answer(request, response, Buffer.from(JSON.stringify(operation)));
    },
    POST: withBody(answer),
  };
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
