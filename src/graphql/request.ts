import type { IncomingHttpHeaders } from 'node:http';
import type { GraphQLParams } from 'graphql-yoga';
import { z } from 'zod';
import { parseExactJson } from '../exact-json.ts';
import { parseJson } from '../http/json-body.ts';
import { refusalError } from '../http/response.ts';

/** The original's older cURL examples name no type, and cURL then says that the body is a form. */
const jsonTypes = ['', 'application/json', 'application/x-www-form-urlencoded'];

// Clients of the original may send a string that holds the object, as each of its cURL examples does.
const JsonObject = z.preprocess(
  (value) => (typeof value === 'string' ? parseObject(value) : value),
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

/** Reads the operation off the body. A request that holds none is refused before GraphQL begins. */
export function readRequest({
  headers,
  body,
}: {
  headers: IncomingHttpHeaders;
  body: Buffer;
}): GraphQLParams {
  checkHeaders(headers);
  return readOperation(parseBody(body));
}

function checkHeaders(headers: IncomingHttpHeaders): void {
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  if (!jsonTypes.includes(type.trim().toLowerCase()))
    throw refusalError(
      'UNSUPPORTED_MEDIA_TYPE',
      'Send JSON, with the header Content-Type: application/json.',
    );
  if (headers['content-encoding'] !== undefined)
    throw refusalError('UNSUPPORTED_MEDIA_TYPE', 'Send the body without a Content-Encoding.');
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
  const [issue] = error.issues;
  throw refusalError('BAD_REQUEST', `${issue?.path.join('.') || 'The body'} ${issue?.message}.`);
}

function parseObject(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
