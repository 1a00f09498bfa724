import type { IncomingMessage, ServerResponse } from 'node:http';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import { useAuthentication } from './auth/plugin.ts';
import { readAuthorization } from './auth/rules.ts';
import type { Keyring } from './auth/store.ts';
import type { Database } from './database/client.ts';
import { createStandingFinder } from './entitlements/store.ts';
import type { Context } from './graphql/context.ts';
import { createErrorMask } from './graphql/errors.ts';
import { schema } from './graphql/schema.ts';
import { useStringVariables } from './http/string-variables.ts';
import { createUsageRecorder } from './usage/actions.ts';

export interface Dependencies {
  database: Database;
  keyring: Keyring;
  log: Logger;
}

export interface App {
  /** Handles every request of an HTTP server. */
  listener: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** Composes the server out of its parts; it does not listen. */
export function createApp({ database, keyring, log }: Dependencies): App {
  const findStanding = createStandingFinder(database.hot);
  const recordUsage = createUsageRecorder(database.hot);
  const yoga = createYoga<object, Context>({
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
    plugins: [useStringVariables(), useAuthentication()],
    renderGraphiQL,
    landingPage: false,
    logging: false,
    cors: false,
    multipart: false,
  });
  return { listener: yoga };
}
