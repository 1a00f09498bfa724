import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { z } from 'zod';
import { parseExactJson } from '../exact-json.ts';
import { type Admission, forCallers, forStrangers } from '../http/admission.ts';
import { parseJson, readEncoding, refuseBody } from '../http/body.ts';
import { createDutyCycle } from '../http/duty-cycle.ts';
import { isLong, writeLongJson } from '../http/long-json.ts';
import { type Answer, endWith, refusalError, unauthenticated } from '../http/response.ts';
import { type Route, refuseMethod } from '../http/router.ts';
import { createGraphiqlPage, type GraphiqlPage } from './graphiql.ts';
import { type Answered, type Api, type GraphqlServer, isShort, unauthenticatedMessage } from './server.ts';

/** The newer media type. With it, an answer without data has its own HTTP status. */
const responseType = 'application/graphql-response+json';

/** Answers to GET must not be cached: they are for their caller only, and may change. */
function forbidCaching(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'private, no-store');
  response.appendHeader('Vary', 'Authorization, X-User-ID, Accept');
}

interface Serving<Caller> extends Pick<Admission<Caller>, 'gate' | 'rateLimit'> {
  api: Pick<Api<Caller, object>, 'identify' | 'allowanceOf' | 'knownUntil' | 'credentials'>;
  server: GraphqlServer<Caller>;
  page: GraphiqlPage;
}

/**
 * Serves operations by POST, queries also by GET, and GraphiQL to browsers. The caller is identified first:
 * unauthenticated operations must be short and query only the schema.
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
        await writeResult(request, response, await server.answerStranger(sent));
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
      const result = await server.answer({ method, caller, read, requestContext });
      await writeResult(request, response, result, caller.environmentId);
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

/** Kana's older cURL examples set no type. Then cURL sends the type of a form. */
const jsonTypes = ['', 'application/json', 'application/x-www-form-urlencoded'];

// Kana's clients may send a string that contains the object, as each of its cURL examples does.
const JsonObject = z.preprocess(
  fromText,
  z.custom<Record<string, unknown>>(isObject, 'must be a JSON object, or a string that holds one'),
);

const Operation = z.object(
  {
    query: z.string('must be a string that holds the operation'),
    variables: JsonObject.nullish(),
    operationName: z.string('must be a string').nullish(),
    extensions: JsonObject.nullish(),
  },
  'must be a JSON object such as { "query": "…", "variables": { … } }',
);

const PersistedOperation = z.object({
  query: z.null().or(z.literal('')).optional(),
  extensions: z.preprocess(fromText, z.object({ persistedQuery: z.looseObject({}) })),
});

/** Reads the operation from a body. Throws a refusal if there is none. */
function readBodyOperation(headers: IncomingHttpHeaders, body: Buffer): GraphQLParams {
  checkHeaders(headers);
  return readOperation(parseBody(body));
}

/** Reads the operation from the address of a GET request. */
function readGetOperation(url: string): GraphQLParams {
  const parameters = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const given = [...parameters].filter(([name, value]) => name === 'query' || value !== '');
  return readOperation(Object.fromEntries(url.includes('?') ? given : []));
}

function checkHeaders(headers: IncomingHttpHeaders): void {
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  if (!jsonTypes.includes(type.trim().toLowerCase()))
    throw refusalError(
      'UNSUPPORTED_MEDIA_TYPE',
      'Send JSON, with the header Content-Type: application/json.',
    );
  if (readEncoding(headers['content-encoding']) !== 'identity')
    throw refusalError('UNSUPPORTED_MEDIA_TYPE', 'Send the body without a Content-Encoding.', {
      'Accept-Encoding': 'identity',
    });
}

function parseBody(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch (error) {
    throw refusalError('BAD_REQUEST', `The body is not JSON: ${(error as Error).message}.`);
  }
}

function readOperation(request: unknown): GraphQLParams {
  const { data, error } = Operation.safeParse(request);
  if (error === undefined) {
    const { query, variables, operationName } = data;
    return { query, variables: variables ?? undefined, operationName: operationName ?? undefined };
  }
  if (PersistedOperation.safeParse(request).success) throw persistedQueryNotSupported();
  const [issue] = error.issues;
  throw refusalError('BAD_REQUEST', `${issue?.path.join('.') || 'The body'} ${issue?.message}.`);
}

/** Apollo's clients first send the hash of an operation. After this error they send the operation itself. */
const persistedQueryNotSupported = () =>
  new GraphQLError('PersistedQueryNotSupported', {
    extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
  });

function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return parseExactJson(value);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const acceptsNewer = ({ headers }: IncomingMessage) => headers.accept?.includes(responseType) ?? false;
const contentTypeOf = (request: IncomingMessage) =>
  `${acceptsNewer(request) ? responseType : 'application/json'}; charset=utf-8`;

function refuse(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const headers = { ...answer.headers, 'Content-Type': contentTypeOf(request) };
  refuseBody(request, response, { ...answer, headers });
}

/** How an error changes the HTTP answer. With `spec`, only for the newer media type. */
interface HttpExtension {
  status?: number;
  headers?: Record<string, string>;
  spec?: boolean;
}

/**
 * Writes a result. As in Kana, the status is 200 even if the operation failed, unless an error sets another one. With
 * several errors, the highest status is used.
 *
 * @param owner whom the work of writing is for; see loopTurn
 */
function writeResult(
  request: IncomingMessage,
  response: ServerResponse,
  result: Answered,
  owner?: string,
): Promise<void> | void {
  const { errors } = result;
  let status = 200;
  for (const { extensions } of errors ?? []) {
    const http = extensions.http as HttpExtension | undefined;
    delete extensions.http;
    for (const [name, value] of Object.entries(http?.headers ?? {})) response.setHeader(name, value);
    if (acceptsNewer(request) || !http?.spec) status = Math.max(status, http?.status ?? 200);
  }
  // Errors first, as the specification advises.
  const answer = errors === undefined ? result : { errors, ...result };
  if (!result[isShort] && isLong(result.data)) {
    response.writeHead(status, { 'Content-Type': contentTypeOf(request) });
    return writeLongJson(response, answer, owner);
  }
  const text = JSON.stringify(answer);
  response.writeHead(status, {
    'Content-Type': contentTypeOf(request),
    'Content-Length': Buffer.byteLength(text),
  });
  endWith(response, text);
}

/** The home page without the console: redirects to GraphiQL. */
export const createHomeRoute = (basePath: string): Route => ({
  GET(_request, response) {
    response.writeHead(302, { Location: `${basePath}/graphql` }).end();
  },
});
