/** The codes of callers' mistakes, in `extensions.code`. */
export type ErrorCode = 'BAD_USER_INPUT' | 'NOT_FOUND' | 'CONFLICT' | 'FORBIDDEN';

/** A mistake of the caller. Everything else that is thrown is an internal error and is masked. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  /** The typed name that Kana's SDKs know, such as `UserNotFoundError`. */
  readonly typedName: string;

  constructor(code: ErrorCode, typedName: string, message: string) {
    super(message);
    this.name = typedName;
    this.code = code;
    this.typedName = typedName;
  }
}

export const userNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'UserNotFoundError', `There is no user with the id "${id}".`);

export const featureNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'FeatureNotFoundError', `There is no feature with the id "${id}".`);

export const packageNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'PackageNotFoundError', `There is no package with the id "${id}".`);

export const packageVersionNotFound = (id: string, version: number) =>
  new DomainError('NOT_FOUND', 'PackageNotFoundError', `The package "${id}" has no version ${version}.`);

export const priceNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'PriceNotFoundError', `The package has no price with the id "${id}".`);

export const subscriptionNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'SubscriptionNotFoundError', `There is no subscription with the id "${id}".`);

export const grantNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'GrantNotFoundError', `There is no grant with the id "${id}".`);

export const topUpNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'TopUpNotFoundError', `There is no top-up with the id "${id}".`);

export const reservationNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'ReservationNotFoundError', `There is no reservation with the id "${id}".`);

/** A reservation ends once. */
export const reservationClosed = (id: string, how: 'released' | 'committed') =>
  new DomainError('CONFLICT', 'ReservationClosedError', `The reservation "${id}" was ${how} before.`);

export const mappingRuleNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'MappingRuleNotFoundError', `There is no mapping rule with the id "${id}".`);

export const migrationNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'MigrationNotFoundError', `There is no migration with the id "${id}".`);

/** One migration at a time moves the subscribers of a package. */
export const migrationRunning = (packageId: string) =>
  new DomainError(
    'CONFLICT',
    'MigrationRunningError',
    `A migration of the subscribers of the package "${packageId}" is running. Wait for its end, or stop it.`,
  );

export const webhookNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'WebhookNotFoundError', `There is no webhook with the id "${id}".`);

export const webhookDeliveryNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'WebhookDeliveryNotFoundError', `There is no delivery with the id "${id}".`);

export const apiKeyNotFound = (id: string) =>
  new DomainError('NOT_FOUND', 'ApiKeyNotFoundError', `There is no valid key with the id "${id}".`);

export const featureAlreadyExists = (id: string) =>
  new DomainError('CONFLICT', 'FeatureAlreadyExistsError', `A feature with the id "${id}" already exists.`);

/** A feature that is in use cannot be deleted. */
export const featureInUse = (id: string, use: string) =>
  new DomainError('CONFLICT', 'FeatureInUseError', `The feature "${id}" cannot be deleted: ${use}.`);

export const packageAlreadyExists = (id: string) =>
  new DomainError('CONFLICT', 'PackageAlreadyExistsError', `A package with the id "${id}" already exists.`);

export const userAlreadyExists = (id: string) =>
  new DomainError('CONFLICT', 'UserAlreadyExistsError', `A user with the id "${id}" already exists.`);

/** An imported row conflicts with existing users or with earlier rows. */
export const importConflict = (message: string) =>
  new DomainError('CONFLICT', 'ImportConflictError', message);

/** The plan has changed since the preview. */
export const planChanged = () =>
  new DomainError(
    'CONFLICT',
    'CataloguePlanChangedError',
    'The catalogue or the file has changed since the preview. Preview it again.',
  );

/** What a tool previewed is no longer what it would do. */
export const previewChanged = () =>
  new DomainError(
    'CONFLICT',
    'PreviewChangedError',
    'Nothing was changed: the arguments, or the state, are not those of the preview. Preview it again.',
  );

/** A subscription rule is broken. Kana uses this name and code for all of them. */
export const subscriptionError = (message: string) =>
  new DomainError('BAD_USER_INPUT', 'SubscriptionError', message);

/** A payment link cannot be created. */
export const subscriptionLinkError = (message: string) =>
  new DomainError('BAD_USER_INPUT', 'SubscriptionLinkError', message);

/** The package's status does not allow this, such as publishing it twice. */
export const packageStatusError = (message: string) =>
  new DomainError('BAD_USER_INPUT', 'PackageStatusError', message);

/** An invalid input; `field` is its path in the arguments, such as `input.features.0.id`. */
export const invalidInput = (field: string, problem: string) =>
  new DomainError('BAD_USER_INPUT', 'ValidationError', `${field}: ${problem}`);

/** A start failure that the operator can fix. Only its one-line message is shown. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** The same for calls other than those that record usage. */
export const requestConflict = (key: string) =>
  new DomainError(
    'CONFLICT',
    'IdempotencyKeyConflictError',
    `The idempotency key "${key}" was used before with other values.`,
  );

/** An idempotency key names one call of one user for ever. */
export const idempotencyConflict = (key: string) =>
  new DomainError(
    'CONFLICT',
    'IdempotencyKeyConflictError',
    `The idempotency key "${key}" was used before with another feature, delta or action.`,
  );
