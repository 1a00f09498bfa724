interface Details {
  /** Only for an error without a class of its own. */
  name?: string | undefined;
  code?: string | undefined;
  status?: number | undefined;
  cause?: unknown;
  retryAfterMs?: number | undefined;
}

/** What every call answers with when it could not be done. Known kinds have a class of their own, below. */
export class KanaError extends Error {
  /** The kind of error, such as `UserNotFoundError`. */
  override readonly name: string;
  /** The server's code, such as `NOT_FOUND`; undefined if no server spoke. */
  readonly code: string | undefined;
  /**
   * The HTTP status that the error means. GraphQL answers mistakes of the caller with status 200; here it is
   * 400, 404 or 409. Undefined when there was no answer.
   */
  readonly response: { status: number } | undefined;

  constructor(message: string, details: Details = {}) {
    super(message, details);
    const { name = 'KanaError', code, status } = details;
    this.name = name;
    this.code = code;
    this.response = status === undefined ? undefined : { status };
  }
}

/** The API key is missing, unknown, revoked, or not a private one. */
export class AuthenticationError extends KanaError {
  override readonly name = 'AuthenticationError';
}

/** The server did not answer: it could not be reached, or something else answered in its place. */
export class NetworkError extends KanaError {
  override readonly name: 'NetworkError' | 'TimeoutError' = 'NetworkError';
}

/** There was no answer within `timeoutMs`. Whether the call was carried out is not known. */
export class TimeoutError extends NetworkError {
  override readonly name = 'TimeoutError';
}

/**
 * The server cannot serve the call now: it has more to do than it can, or its database is away. The same call may
 * succeed a moment later.
 */
export class UnavailableError extends KanaError {
  override readonly name = 'UnavailableError';
  declare readonly code: 'OVERLOADED' | 'RATE_LIMITED' | 'SERVICE_UNAVAILABLE';
  /** When to send the call again, in milliseconds from now. */
  readonly retryAfterMs: number;

  constructor(message: string, details: Details = {}) {
    super(message, details);
    this.retryAfterMs = details.retryAfterMs ?? 1_000;
  }
}

/** There is no feature with this id. */
export class FeatureNotFoundError extends KanaError {
  override readonly name = 'FeatureNotFoundError';
}

/** There is no package with this id. */
export class PackageNotFoundError extends KanaError {
  override readonly name = 'PackageNotFoundError';
}

/** There is no subscription with this id. */
export class SubscriptionNotFoundError extends KanaError {
  override readonly name = 'SubscriptionNotFoundError';
}

/** There is no user with this id. */
export class UserNotFoundError extends KanaError {
  override readonly name = 'UserNotFoundError';
}

/** A rule of subscribing is broken, such as two base packages for one user. */
export class SubscriptionError extends KanaError {
  override readonly name = 'SubscriptionError';
}

/** A link to pay by cannot be made. */
export class SubscriptionLinkError extends KanaError {
  override readonly name = 'SubscriptionLinkError';
}

/** The server refused what was asked for as it stands. Its `name` tells which rule was broken, such as `ValidationError`. */
export class InputError extends KanaError {
  declare readonly code: 'BAD_USER_INPUT' | 'PAYLOAD_TOO_LARGE';
}

/** Something is there already. Its `name` tells what, such as `UserAlreadyExistsError`. */
export class ConflictError extends KanaError {
  declare readonly code: 'CONFLICT';
}

/** As many usages wait to be sent as the buffer may hold. This one is not among them: record it again later. */
export class BufferFullError extends KanaError {
  override readonly name = 'BufferFullError';
}
