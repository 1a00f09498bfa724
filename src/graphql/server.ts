import type { GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import { type Authenticated, useAuthentication } from '../auth/plugin.ts';
import { type Transport, useOperationFromBody } from '../http/graphql-request.ts';
import { createDocumentCache, noErrorCache, useModestOperations } from './documents.ts';
import { createErrorMask } from './errors.ts';

export interface Api<Context extends Authenticated> {
  schema: GraphQLSchema;
  /** What every resolver gets, from the headers of the request. */
  contextOf: (headers: Headers) => Promise<Context>;
  /** What a request without valid credentials is told to send. */
  credentials: string;
}

/** Answers the operations of one API; all APIs read, refuse and mask alike. */
export function createGraphqlServer<Context extends Authenticated>(api: Api<Context>, log: Logger) {
  return createYoga<Transport, Context>({
    schema: api.schema,
    context: ({ request }) => api.contextOf(request.headers),
    maskedErrors: { maskError: createErrorMask(log) },
    plugins: [useOperationFromBody(), useModestOperations(), useAuthentication(api.credentials)],
    parserAndValidationCache: { documentCache: createDocumentCache(), errorCache: noErrorCache },
    // What the router and the body's reader do before Yoga is reached.
    maxRequestBodySize: false,
    graphiql: false,
    landingPage: false,
    cors: false,
    multipart: false,
    logging: false,
  });
}
