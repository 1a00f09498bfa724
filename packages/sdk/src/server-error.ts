import {
  AuthenticationError,
  ConflictError,
  FeatureNotFoundError,
  InputError,
  KanaError,
  PackageNotFoundError,
  SubscriptionError,
  SubscriptionLinkError,
  SubscriptionNotFoundError,
  UnavailableError,
  UserNotFoundError,
} from './errors.ts';

/** Errors that have a class of their own, by the name that the server gives them. */
const classByName = new Map<string, typeof KanaError>([
  ['AuthenticationError', AuthenticationError],
  ['FeatureNotFoundError', FeatureNotFoundError],
  ['PackageNotFoundError', PackageNotFoundError],
  ['SubscriptionError', SubscriptionError],
  ['SubscriptionLinkError', SubscriptionLinkError],
  ['SubscriptionNotFoundError', SubscriptionNotFoundError],
  ['UserNotFoundError', UserNotFoundError],
]);

/** The class of all other errors, by their code. */
const classByCode = new Map<string, typeof KanaError | typeof UnavailableError>([
  ['BAD_USER_INPUT', InputError],
  ['PAYLOAD_TOO_LARGE', InputError],
  ['CONFLICT', ConflictError],
  ['OVERLOADED', UnavailableError],
  ['RATE_LIMITED', UnavailableError],
  ['SERVICE_UNAVAILABLE', UnavailableError],
]);

/** The HTTP status that a code means, where GraphQL may answer with 200. */
const statusByCode = new Map([
  ['BAD_USER_INPUT', 400],
  ['NOT_FOUND', 404],
  ['CONFLICT', 409],
  ['INTERNAL_SERVER_ERROR', 500],
  ['SERVICE_UNAVAILABLE', 503],
]);

/** An error as the server writes it. */
export interface ServerError {
  message: string;
  name?: string | undefined;
  code?: string | undefined;
}

/**
 * The error that the server answered.
 *
 * @param httpStatus the status of the response
 * @param retryAfterMs when the server asks to be called again
 */
export function createServerError(
  { message, name = 'KanaError', code = '' }: ServerError,
  httpStatus = 200,
  retryAfterMs?: number,
): KanaError {
  const status = statusByCode.get(code) ?? httpStatus;
  const ErrorClass = classByName.get(name) ?? classByCode.get(code) ?? KanaError;
  return new ErrorClass(message, { name, code, response: { status } }, retryAfterMs);
}
