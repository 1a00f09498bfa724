import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';

/** Error codes of requests outside GraphQL execution, and their HTTP statuses. */
const statuses = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
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

/** If two codes share a status, the last one. Failures on the server's side set their code themselves. */
const codes = new Map<number, RequestErrorCode>(
  (Object.keys(statuses) as RequestErrorCode[]).map((code) => [statuses[code], code]),
);

export interface Answer {
  status: number;
  body: unknown;
  headers?: OutgoingHttpHeaders;
}

/** A refusal, in the form that GraphQL clients read. */
export interface Refusal extends Answer {
  body: { errors: { message: string; extensions: object }[] };
}

export const statusOf = (code: RequestErrorCode): number => statuses[code];

/** Returns the headers of a code: Retry-After for 503. */
export const headersOf = (code: RequestErrorCode): Record<string, string> =>
  statuses[code] === 503 ? { 'Retry-After': '1' } : {};

/** Returns the error code of an HTTP status. */
export function codeOf(status: number): RequestErrorCode {
  return codes.get(status) ?? 'INTERNAL_SERVER_ERROR';
}

/** Creates a refusal. It has the same form at every path. */
export function refusal(code: RequestErrorCode, message: string, details: object = {}): Refusal {
  const body = { errors: [{ message, extensions: { code, ...details } }] };
  return { status: statusOf(code), body, headers: headersOf(code) };
}

export const overloadedMessage = 'The server is overloaded. Try again in a second.';

export const overloaded = refusal('OVERLOADED', overloadedMessage);

/** The same as a GraphQL error. */
export function refusalError(
  code: RequestErrorCode,
  message: string,
  headers = headersOf(code),
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: statusOf(code), headers } } });
}

/** The extensions of every 401, at every path. */
const authenticationError = (message: string) => ({
  code: 'UNAUTHENTICATED' as const,
  exception: { name: 'AuthenticationError', message },
});

/** Creates the refusal of a request without valid credentials. `scheme` is their scheme in the header. */
export function unauthenticated(message: string, scheme = 'Bearer'): Refusal {
  const { code, ...details } = authenticationError(message);
  return { ...refusal(code, message, details), headers: { 'WWW-Authenticate': scheme } };
}

/** The same as a GraphQL error, for authentication. */
export function unauthenticatedError(message: string): GraphQLError {
  const http = { status: statuses.UNAUTHENTICATED, headers: { 'WWW-Authenticate': 'Bearer' } };
  return new GraphQLError(message, { extensions: { ...authenticationError(message), http } });
}

/** Creates the refusal of a caller whose credentials are valid, but not for this. */
export const forbidden = (message: string): Refusal =>
  refusal('FORBIDDEN', message, { exception: { name: 'ForbiddenError', message } });

/** Writes an answer as JSON, and leaves the response open. Its headers may set another content type. */
export function writeJson(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    ...headers,
    'Content-Length': Buffer.byteLength(text),
  });
  response.write(text);
}

/**
 * Ends a response with its last text. `end(text)` hands the operating system two pieces, of which the second is empty; so
 * the first one is sent at once.
 */
export function endWith(response: ServerResponse, text: string): void {
  response.write(text);
  response.socket?.uncork();
  response.end();
}

export function sendJson(response: ServerResponse, answer: Answer): void {
  writeJson(response, answer);
  response.end();
}
