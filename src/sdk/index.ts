// The package's entry "open-kana/sdk".
export type { KanaAdminOptions } from './admin.ts';
export { KanaAdmin } from './admin.ts';
export type { Flushed } from './buffer.ts';
export {
  AuthenticationError,
  BufferFullError,
  ConflictError,
  FeatureNotFoundError,
  InputError,
  KanaError,
  NetworkError,
  PackageNotFoundError,
  SubscriptionError,
  SubscriptionLinkError,
  SubscriptionNotFoundError,
  TimeoutError,
  UnavailableError,
  UserNotFoundError,
} from './errors.ts';
export type * from './inputs.ts';
export type { Result } from './result.ts';
export type { ChangedPackage } from './subscriptions.ts';
export type * from './types.ts';
