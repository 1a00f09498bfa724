// The package's entry, "@open-kana/sdk".
export type { KanaAdminOptions } from './admin.ts';
export { KanaAdmin } from './admin.ts';
export type { Flushed } from './buffer.ts';
export type { Result } from './caller.ts';
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
export type {
  AwaitedSubscription,
  ById,
  ByUser,
  CommittedUsage,
  Described,
  Ending,
  FeatureChange,
  FeatureOfUser,
  ListOfTopUp,
  ListOfUser,
  NewBasePackage,
  NewFeature,
  NewGrant,
  NewMigration,
  NewPackage,
  NewPackageFeature,
  NewPaymentLink,
  NewPortalLink,
  NewReservation,
  NewSubscriptions,
  NewTopUp,
  NewUser,
  PackageChange,
  PackageList,
  Page,
  UsageInput,
  UserChange,
  When,
} from './inputs.ts';
export type * from './types.ts';
export type { WebhookData, WebhookEvent, WebhookHeaders } from './webhooks.ts';
export { verifyWebhook, WebhookVerificationError } from './webhooks.ts';
