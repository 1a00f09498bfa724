/** The error of a caller's mistake as clients read it; for `toMatchObject`. */
export const callerError = (
  code: 'BAD_USER_INPUT' | 'NOT_FOUND' | 'CONFLICT',
  name: string,
  message: string,
) => ({
  message,
  extensions: { code, exception: { name, message } },
});

/** The error of an input that breaks a rule: the field's path, and what is wrong with it. */
export const invalidInput = (message: string) => callerError('BAD_USER_INPUT', 'ValidationError', message);

export const featureNotFound = (id: string) =>
  callerError('NOT_FOUND', 'FeatureNotFoundError', `There is no feature with the id "${id}".`);

export const packageNotFound = (id: string) =>
  callerError('NOT_FOUND', 'PackageNotFoundError', `There is no package with the id "${id}".`);
