import type { RequestListener } from 'node:http';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import { useAuthentication } from './auth/plugin.ts';
import { readAuthorization } from './auth/rules.ts';
import type { Keyring } from './auth/store.ts';
import type { Database } from './database/client.ts';
import { createStandingFinder } from './entitlements/store.ts';
import type { Context } from './graphql/context.ts';
import { createDocumentCache, noErrorCache, useModestOperations } from './graphql/documents.ts';
import { createErrorMask } from './graphql/errors.ts';
import { schema } from './graphql/schema.ts';
import { type Transport, useOperationFromBody } from './http/graphql-request.ts';
import { createGraphqlRoute, homeRoute } from './http/graphql-route.ts';
import { createReadyRoute, liveRoute } from './http/health.ts';
import { createRouter } from './http/router.ts';
import { createUsageRecorder } from './usage/actions.ts';

export interface Dependencies {
  database: Database;
  keyring: Keyring;
  log: Logger;
}

export interface App {
  /** Handles every request of an HTTP server. */
  listener: RequestListener;
}

/** Composes the server out of its parts; it does not listen. */
export function createApp({ database, keyring, log }: Dependencies): App {
  return {
    listener: createRouter(
      {
        '/': homeRoute,
        '/graphql': createGraphqlRoute(createGraphql({ database, keyring, log })),
        '/health/live': liveRoute,
        '/health/ready': createReadyRoute(database),
      },
      log,
    ),
  };
}

/** The admin API. */
function createGraphql({ database, keyring, log }: Dependencies) {
  const findStanding = createStandingFinder(database.hot);
  const recordUsage = createUsageRecorder(database.hot);
  return createYoga<Transport, Context>({
    schema,
    context: async ({ request }) => {
      const key = readAuthorization(request.headers.get('authorization'));
      const identity = key === null ? null : await keyring.identify(key);
      return {
        db: database.prisma,
        environmentId: identity?.kind === 'PRIVATE' ? identity.environmentId : '',
        findStanding,
        recordUsage,
      };
    },
    maskedErrors: { maskError: createErrorMask(log) },
    plugins: [useOperationFromBody(), useModestOperations(), useAuthentication()],
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
