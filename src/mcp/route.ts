import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { allowanceOf, type Caller, identifyHolder } from '../auth/caller.ts';
import { readKey } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import type { GraphqlServer } from '../graphql/server.ts';
import { forCallers } from '../http/admission.ts';
import { readJson, refuseBody } from '../http/body.ts';
import { reportFault } from '../http/faults.ts';
import type { Gate } from '../http/gate.ts';
import type { RateLimit } from '../http/rate-limit.ts';
import type { RequestContext } from '../http/request-context.ts';
import { sendJson, unauthenticated } from '../http/response.ts';
import type { Route } from '../http/router.ts';
import type { Failure } from './call.ts';
import type { Serving } from './serve.ts';

interface RouteDependencies {
  keyring: Keyring;
  /** Answers the GraphQL operations of tools. */
  server: GraphqlServer<Caller>;
  gate: Gate;
  rateLimit: RateLimit | null;
  log: Logger;
}

/**
 * The Model Context Protocol over streamable HTTP, without sessions: each request is answered on its own, with a private
 * key. Tools are GraphQL operations, so they have the same rules, limits and entries in the audit log.
 */
export function createMcpRoute({ keyring, server, gate, rateLimit, log }: RouteDependencies): Route {
  const POST = forCallers<Caller>(
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
    async ({ headers }, response, { caller, body, context }) => {
      const sent = readJson(body);
      if (sent === undefined || Array.isArray(sent)) {
        sendJson(response, { status: 400, body: invalidRequest });
        return;
      }
      const { answerMcp } = await import('./serve.ts');
      const request = new Request('http://localhost/mcp', {
        method: 'POST',
        headers: known(headers),
        signal: context.untilLeft(),
      });
      const serving = servingOf(caller, { server, log }, context);
      await send(response, await answerMcp(request, sent, serving));
    },
    (request, response) => refuseBody(request, response, wrongKey),
  );
  return { POST };
}

/** A list of requests would count as one against the limits. The protocol has none since 2025. */
const invalidRequest = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32600, message: 'The body must be one JSON-RPC message, and not a list.' },
};

const wrongKey = unauthenticated('Unauthenticated: send a valid private key in the Authorization header.');

/** The headers that the protocol reads. */
function known(headers: IncomingHttpHeaders): Headers {
  const read = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (/^(accept|content-type|mcp-.+)$/.test(name) && value !== undefined) read.set(name, `${value}`);
  return read;
}

function servingOf(
  caller: Caller,
  { server, log }: Pick<RouteDependencies, 'server' | 'log'>,
  requestContext: RequestContext,
): Serving {
  return {
    environmentId: caller.environmentId,
    report: (error) => reportFault(log, error, requestContext),
    async ask(query, variables) {
      // The last operation decides the outcome of the request.
      requestContext.outcome = null;
      const read = () => ({ query, variables });
      const { data, errors } = await server.answer({ method: 'POST', caller, read, requestContext });
      const [error] = errors ?? [];
      return error === undefined ? { data } : { failure: failureOf(error) };
    },
  };
}

function failureOf({
  message,
  extensions,
}: {
  message: string;
  extensions: Record<string, unknown>;
}): Failure {
  const { code, exception } = extensions as { code: string; exception?: { name: string } };
  return { code, name: exception?.name, message };
}

/** Sends the whole answer at once: nothing is streamed, because tools report no progress. */
async function send(response: ServerResponse, answer: Response): Promise<void> {
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    'Cache-Control': 'private, no-store',
    'Content-Length': body.length,
  });
  response.end(body);
}
