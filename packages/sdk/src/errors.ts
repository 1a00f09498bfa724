/** What is known of an error besides its message. */
export interface ErrorDetails {
  /** Only for an error without a class of its own. */
  name?: string | undefined;
  code?: string | undefined;
  response?: { status: number } | undefined;
  cause?: unknown;
}

/** The error of a failed call. Known kinds have a class of their own, below. */
export class KanaError extends Error {
  /** The kind of error, such as `UserNotFoundError`. */
  override readonly name: string;
  /** The server's code, such as `NOT_FOUND`. Undefined if no server answered. */
  readonly code: string | undefined;
  /**
   * The HTTP status that the error means. GraphQL answers the caller's mistakes with status 200; here the status is
   * 400, 404 or 409. Undefined if there was no answer.
   */
  readonly response: { status: number } | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = details.name ?? 'KanaError';
    this.code = details.code;
    this.response = details.response;
  }
}

/** The API key is missing, unknown, revoked, or not a private one. */
export class AuthenticationError extends KanaError {
  override readonly name = 'AuthenticationError';
}

/** The server did not answer: it cannot be reached, or something else answered in its place. */
export class NetworkError extends KanaError {
  override readonly name: 'NetworkError' | 'TimeoutError' = 'NetworkError';
}

/** There was no answer within `timeoutMs`. Whether the call took effect is not known. */
export class TimeoutError extends NetworkError {
  override readonly name = 'TimeoutError';
}

/**
 * The server cannot serve the call now: it is overloaded, the rate limit is reached, or its database is away. The
 * same call may succeed a moment later.
 */
export class UnavailableError extends KanaError {
  override readonly name = 'UnavailableError';
  declare readonly code: 'OVERLOADED' | 'RATE_LIMITED' | 'SERVICE_UNAVAILABLE';
  /** When to send the call again, in milliseconds from now. */
  readonly retryAfterMs: number;

  constructor(message: string, details?: ErrorDetails, retryAfterMs?: number) {
    super(message, details);
    this.retryAfterMs = retryAfterMs || 1_000;
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

/** A payment link cannot be made. */
export class SubscriptionLinkError extends KanaError {
  override readonly name = 'SubscriptionLinkError';
}

/** The server refused the input. `name` is the broken rule, such as `ValidationError`. */
export class InputError extends KanaError {
  declare readonly code: 'BAD_USER_INPUT' | 'PAYLOAD_TOO_LARGE';
}

/** It exists already. `name` says what, such as `UserAlreadyExistsError`. */
export class ConflictError extends KanaError {
  declare readonly code: 'CONFLICT';
}

/** The buffer is full. This usage is not in it: record it again later. */
export class BufferFullError extends KanaError {
  override readonly name = 'BufferFullError';
}
