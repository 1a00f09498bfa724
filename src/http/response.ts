import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';

/** What can be wrong with a request before it is known what is asked for, and the status that says so. */
const statuses = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  INTERNAL_SERVER_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
  OVERLOADED: 503,
} as const;

export type RequestErrorCode = keyof typeof statuses;

/** Of two codes with one status, the last: answers that a fault made tell theirs themselves. */
const codes = new Map<number, RequestErrorCode>(
  (Object.keys(statuses) as RequestErrorCode[]).map((code) => [statuses[code], code]),
);

export interface Answer {
  status: number;
  body: unknown;
  headers?: OutgoingHttpHeaders;
}

export const statusOf = (code: RequestErrorCode): number => statuses[code];

/** The headers that go with a code: who is told to come back is told when, in seconds. */
export const headersOf = (code: RequestErrorCode): Record<string, string> =>
  statuses[code] === 503 ? { 'Retry-After': '1' } : {};

/** What went wrong, as an answer's status tells it. */
export function codeOf(status: number): RequestErrorCode {
  return codes.get(status) ?? 'INTERNAL_SERVER_ERROR';
}

/** A refusal in the one form that GraphQL clients read, whatever the path. */
export function refusal(code: RequestErrorCode, message: string, details: object = {}): Answer {
  const body = { errors: [{ message, extensions: { code, ...details } }] };
  return { status: statusOf(code), body, headers: headersOf(code) };
}

/** The same for GraphQL, which makes the answer of it. */
export function refusalError(
  code: RequestErrorCode,
  message: string,
  headers = headersOf(code),
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: statusOf(code), headers } } });
}

/** Writes a whole answer as JSON, and leaves the response open. */
export function writeJson(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.write(text);
}

export function sendJson(response: ServerResponse, answer: Answer): void {
  writeJson(response, answer);
  response.end();
}
