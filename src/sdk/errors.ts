/** What is known of an error besides its message. */
export interface ErrorDetails {
  /** Only for an error without a class of its own. */
  name?: string | undefined;
  code?: string | undefined;
  response?: { status: number } | undefined;
  cause?: unknown;
}

/** What every call answers with when it could not be done. Known kinds have a class of their own, below. */
export class KanaError extends Error {
  /** The kind of error, such as `UserNotFoundError`. */
  override readonly name: string = 'KanaError';
  /** The server's code, such as `NOT_FOUND`; undefined if no server spoke. */
  declare readonly code: string | undefined;
  /**
   * The HTTP status that the error means. GraphQL answers mistakes of the caller with status 200; here it is
   * 400, 404 or 409. Undefined when there was no answer.
   */
  declare readonly response: { status: number } | undefined;

  constructor(message: string, details?: ErrorDetails) {
    super(message, details);
    Object.assign(this, details);
  }
}

type Kind<Name extends string> = new (
  message: string,
  details?: ErrorDetails,
  retryAfterMs?: number,
) => KanaError & { readonly name: Name };

/** The kinds that have nothing but a name of their own, by that name. */
export const namedKinds: Record<string, Kind<string>> = {};

function kind<Name extends string>(name: Name): Kind<Name> {
  const Named = class extends KanaError {
    override readonly name = name;
  };
  namedKinds[name] = Named;
  return Named;
}

/** The API key is missing, unknown, revoked, or not a private one. */
export const AuthenticationError = kind('AuthenticationError');
export type AuthenticationError = InstanceType<typeof AuthenticationError>;

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
  declare readonly retryAfterMs: number;

  constructor(message: string, details?: ErrorDetails, retryAfterMs?: number) {
    super(message, details);
    this.retryAfterMs = retryAfterMs || 1_000;
  }
}

/** There is no feature with this id. */
export const FeatureNotFoundError = kind('FeatureNotFoundError');
export type FeatureNotFoundError = InstanceType<typeof FeatureNotFoundError>;

/** There is no package with this id. */
export const PackageNotFoundError = kind('PackageNotFoundError');
export type PackageNotFoundError = InstanceType<typeof PackageNotFoundError>;

/** There is no subscription with this id. */
export const SubscriptionNotFoundError = kind('SubscriptionNotFoundError');
export type SubscriptionNotFoundError = InstanceType<typeof SubscriptionNotFoundError>;

/** There is no user with this id. */
export const UserNotFoundError = kind('UserNotFoundError');
export type UserNotFoundError = InstanceType<typeof UserNotFoundError>;

/** A rule of subscribing is broken, such as two base packages for one user. */
export const SubscriptionError = kind('SubscriptionError');
export type SubscriptionError = InstanceType<typeof SubscriptionError>;

/** A link to pay by cannot be made. */
export const SubscriptionLinkError = kind('SubscriptionLinkError');
export type SubscriptionLinkError = InstanceType<typeof SubscriptionLinkError>;

/** The server refused what was asked for as it stands. Its `name` tells which rule was broken, such as `ValidationError`. */
export class InputError extends KanaError {
  declare readonly code: 'BAD_USER_INPUT' | 'PAYLOAD_TOO_LARGE';
}

/** Something is there already. Its `name` tells what, such as `UserAlreadyExistsError`. */
export class ConflictError extends KanaError {
  declare readonly code: 'CONFLICT';
}

/** As many usages wait to be sent as the buffer may hold. This one is not among them: record it again later. */
export const BufferFullError = kind('BufferFullError');
export type BufferFullError = InstanceType<typeof BufferFullError>;
