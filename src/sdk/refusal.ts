import { ConflictError, InputError, KanaError, namedKinds, UnavailableError } from './errors.ts';

/**
 * What a code means: the class of kinds without one of their own, and the HTTP status where GraphQL may answer with
 * 200.
 */
const meanings: Record<string, [kind: typeof KanaError | typeof UnavailableError, status?: number]> = {
  BAD_USER_INPUT: [InputError, 400],
  PAYLOAD_TOO_LARGE: [InputError],
  NOT_FOUND: [KanaError, 404],
  CONFLICT: [ConflictError, 409],
  INTERNAL_SERVER_ERROR: [KanaError, 500],
  OVERLOADED: [UnavailableError],
  RATE_LIMITED: [UnavailableError],
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
  name = 'KanaError',
  message: string,
  code = '',
  httpStatus = 200,
  retryAfterMs?: number,
): KanaError {
  const [General, status = httpStatus] = meanings[code] ?? [KanaError];
  const Kind = namedKinds[name] ?? General;
  return new Kind(message, { name, code, response: { status } }, retryAfterMs);
}
