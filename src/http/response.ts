import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';

/** What can be wrong with a request before it is known what is asked for, and the status that says so. */
const statuses = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
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

/** An answer that says why a request is refused, in the one form that GraphQL clients read. */
export interface Refusal extends Answer {
  body: { errors: { message: string; extensions: object }[] };
}

export const statusOf = (code: RequestErrorCode): number => statuses[code];

/** The headers that go with a code: who is told to come back is told when, in seconds. */
export const headersOf = (code: RequestErrorCode): Record<string, string> =>
  statuses[code] === 503 ? { 'Retry-After': '1' } : {};

/** What went wrong, as an answer's status tells it. */
export function codeOf(status: number): RequestErrorCode {
  return codes.get(status) ?? 'INTERNAL_SERVER_ERROR';
}

/** A refusal, whatever the path. */
export function refusal(code: RequestErrorCode, message: string, details: object = {}): Refusal {
  const body = { errors: [{ message, extensions: { code, ...details } }] };
  return { status: statusOf(code), body, headers: headersOf(code) };
}

export const overloadedMessage = 'The server has more to do than it can. Try again in a second.';

/** The process has as much to do as it takes on. */
export const overloaded = refusal('OVERLOADED', overloadedMessage);

/** The same for GraphQL, which makes the answer of it. */
export function refusalError(
  code: RequestErrorCode,
  message: string,
  headers = headersOf(code),
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: statusOf(code), headers } } });
}

/** What every 401 says, whatever the path. */
const authenticationError = (message: string) => ({
  code: 'UNAUTHENTICATED' as const,
  exception: { name: 'AuthenticationError', message },
});

/** The refusal of a request without valid credentials; `scheme` says how they are sent. */
export function unauthenticated(message: string, scheme = 'Bearer'): Refusal {
  const { code, ...details } = authenticationError(message);
  return { ...refusal(code, message, details), headers: { 'WWW-Authenticate': scheme } };
}

/** The same for GraphQL. */
export function unauthenticatedError(message: string): GraphQLError {
  const http = { status: statuses.UNAUTHENTICATED, headers: { 'WWW-Authenticate': 'Bearer' } };
  return new GraphQLError(message, { extensions: { ...authenticationError(message), http } });
}

/** Writes a whole answer as JSON, if its headers name no other type, and leaves the response open. */
export function writeJson(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    ...headers,
    'Content-Length': Buffer.byteLength(text),
  });
  response.write(text);
}

export function sendJson(response: ServerResponse, answer: Answer): void {
  writeJson(response, answer);
  response.end();
}
