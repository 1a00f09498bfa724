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

/** Operations are posted; a browser that comes by gets GraphiQL. */
export function createGraphqlRoute(yoga: Yoga, page: GraphiqlPage): Route {
  const graphiql = createGraphiqlPage(page);
  return {
    GET(request, response) {
      if (request.headers.accept?.includes('text/html')) return graphiql(request, response);
      return refuseMethod(response, ['POST']);
    },
    POST: withBody((request, response, body) => {
      // Yoga takes parts of an address for what they say, and would answer in types that no client reads.
      request.url = '/graphql';
      if (!request.headers.accept?.includes(responseType)) delete request.headers.accept;
      return yoga(request, response, { body });
    }),
  };
}

/** There is no other page yet. */
export const homeRoute: Route = {
  GET(_request, response) {
    response.writeHead(302, { Location: '/graphql' }).end();
  },
};
