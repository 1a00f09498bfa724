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

/** The kinds that have a class of their own. */
const kinds = [
  AuthenticationError,
  FeatureNotFoundError,
  PackageNotFoundError,
  SubscriptionError,
  SubscriptionLinkError,
  SubscriptionNotFoundError,
  UserNotFoundError,
];

/**
 * What a code means: the class of kinds without one of their own, and the HTTP status, since GraphQL answers
 * mistakes of the caller with 200.
 */
const meanings: Record<string, [kind: typeof KanaError, status: number]> = {
  BAD_USER_INPUT: [InputError, 400],
  PAYLOAD_TOO_LARGE: [InputError, 413],
  NOT_FOUND: [KanaError, 404],
  CONFLICT: [ConflictError, 409],
  INTERNAL_SERVER_ERROR: [KanaError, 500],
  OVERLOADED: [UnavailableError, 503],
  RATE_LIMITED: [UnavailableError, 429],
  SERVICE_UNAVAILABLE: [UnavailableError, 503],
};

/**
 * The error that the server told.
 *
 * @param name the kind of error, where the server told one
 * @param httpStatus the status of the response
 * @param retryAfterMs when the server wishes to be asked again
 */
export function createError(
  name: string | undefined,
  message: string,
  code = '',
  httpStatus = 200,
  retryAfterMs?: number,
): KanaError {
  const [General, status] = meanings[code] ?? [KanaError, httpStatus];
  const Kind = kinds.find((kind) => new kind('').name === name) ?? General;
  return new Kind(message, { name, code, status, retryAfterMs });
}
