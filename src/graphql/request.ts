import type { IncomingHttpHeaders } from 'node:http';
import { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { z } from 'zod';
import { parseExactJson } from '../exact-json.ts';
import { parseJson, readEncoding } from '../http/body.ts';
import { refusalError } from '../http/response.ts';

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
export function readBodyOperation(headers: IncomingHttpHeaders, body: Buffer): GraphQLParams {
  checkHeaders(headers);
  return readOperation(parseBody(body));
}

/** Reads the operation from the address of a GET request. */
export function readGetOperation(url: string): GraphQLParams {
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
