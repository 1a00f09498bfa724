import type * as schema from './generated/answers.ts';

export type {
  FeatureType,
  PackageStatus,
  RecordUsageAction,
  ResetAnchor,
  ResetPeriod,
  SubscriptionStatus,
  UsageSource,
} from './generated/operations.ts';

/** Any object that JSON can hold, at most 16 KiB. */
export type Metadata = Record<string, unknown>;

/** An instant as ISO 8601 text in UTC, such as `2022-01-21T16:08:09.640Z`. */
export type DateTime = string;

/** A feature, without the packages that contain it. */
export interface FeatureFacts
  extends Pick<
    schema.Feature,
    'id' | 'name' | 'type' | 'unitLabel' | 'unitLabelPlural' | 'precision' | 'metadata'
  > {}

/** A feature, and the packages that contain it, of every status. */
export interface Feature extends FeatureFacts {
  packages: PackageFacts[];
}

/** A feature as `features.update` answers it: with whole packages. */
export interface UpdatedFeature extends FeatureFacts {
  packages: Package[];
}

/** What a package is, without what it contains and costs. */
export interface PackageFacts
  extends Pick<schema.Package, 'id' | 'name' | 'status' | 'metadata' | 'isAddon' | 'updatedAt'> {}

/** A feature as one package contains it. */
export interface PackageFeature
  extends Omit<FeatureFacts, 'precision'>,
    Pick<
      schema.PackageFeature,
      'limit' | 'resetPeriod' | 'resetEvery' | 'resetAnchor' | 'timeZone' | 'overageEnabled'
    > {}

/** What a package costs at a billing provider. */
export interface PackagePrice
  extends Pick<
    schema.PackagePrice,
    'id' | 'provider' | 'amount' | 'displayAmount' | 'currency' | 'interval'
  > {}

/** A package and its prices. Its features are there only where they were asked for. */
export interface PricedPackage extends PackageFacts {
  prices: PackagePrice[];
}

/** A package, with what it contains and costs. */
export interface Package extends PricedPackage {
  features: PackageFeature[];
}

/** A user of your product. */
export interface User extends Pick<schema.User, 'id' | 'billingId' | 'name' | 'email' | 'metadata'> {}

/** A user's subscription to a package, current or past. */
export interface PackageSubscription
  extends Pick<
    schema.PackageSubscription,
    'id' | 'userId' | 'status' | 'startedAt' | 'endedAt' | 'cancelsAt' | 'trialEnd'
  > {
  package: Package;
}

/** The result for one user of `subscriptions.createMany`. */
export interface SubscribedUser {
  /** Empty if there is an error. */
  subscriptions: PackageSubscription[];
  /** Of this user alone. */
  error: { name: string; message: string; code: string } | null;
}

/** A migration of the subscribers of a package, and its progress. */
export interface Migration extends schema.Migration {}

/** What a migration would do. */
export interface MigrationPreview
  extends Pick<schema.MigrationPreview, 'total' | 'moving' | 'skipped' | 'overLimit'> {
  /** The first 100 users who would not be moved, and why. */
  skippedUsers: schema.MigrationSkippedUser[];
  /** The first 100 users who have used more than the new package allows, each with every such feature. */
  overLimitUsers: schema.MigrationOverLimit[];
  /** The add-ons that would end, and how many subscriptions to each. */
  endingAddons: schema.MigrationEndingAddon[];
}

/** What `subscriptions.changePackage` began and ended. */
export interface ChangedPackage {
  subscription: PackageSubscription;
  /** The former subscription: `CANCELLED`, or until a later change its `cancelsAt` is set. */
  replaced: PackageSubscription;
  /** Subscriptions to add-ons that the new base package does not allow, now `CANCELLED`. */
  cancelledAddons: PackageSubscription[];
}

/** How much of a `CONSUMABLE` feature is used and granted in one period. */
export interface Consumption
  extends Pick<schema.Consumption, 'used' | 'budget' | 'overageEnabled' | 'remaining'> {
  /** The top-ups that can be used now, together. Null without one. */
  topUp: Pick<schema.TopUpBalance, 'granted' | 'remaining'> | null;
}

/** Whether a user may use a feature, and what is left. */
export interface Entitlement extends Pick<schema.Entitlement, 'access' | 'reason'> {
  /** Null for a `BINARY` feature, and when nothing is granted. */
  consumption: Consumption | null;
}

/** What a user has of one feature, and the subscription or grant that counts for it. */
export interface UserEntitlement extends Entitlement {
  feature: FeatureFacts;
  /** Null when a feature grant counts. */
  subscription: PackageSubscription | null;
  /** Null when a subscription counts. */
  grant: FeatureGrant | null;
}

/** Consumption in one period of a subscription. */
export interface ConsumptionInPeriod extends Pick<schema.ConsumptionInPeriod, 'periodStart' | 'periodEnd'> {
  consumption: Consumption;
}

/** A user's usage of a `CONSUMABLE` feature. */
export interface Usage {
  /** The current period. Null when nothing is granted, or the feature is `BINARY`. */
  current: ConsumptionInPeriod | null;
  /** Earlier periods, newest first. */
  past: ConsumptionInPeriod[];
}

/** The result for one usage. */
export interface RecordedUsage extends Pick<schema.RecordedUsage, 'recorded' | 'reason' | 'duplicate'> {
  /** The entitlement right after this usage. Only with `includeEntitlement`. */
  entitlement?: Entitlement | null;
}

/** One recorded usage, a row of the ledger. */
export interface UsageEvent
  extends Pick<
    schema.UsageEvent,
    'id' | 'action' | 'delta' | 'occurredAt' | 'recordedAt' | 'source' | 'note' | 'idempotencyKey'
  > {
  feature: FeatureFacts;
}

/** A feature that was given to one user, beside packages. */
export interface FeatureGrant
  extends Pick<
    schema.FeatureGrant,
    | 'id'
    | 'userId'
    | 'limit'
    | 'resetPeriod'
    | 'resetEvery'
    | 'overageEnabled'
    | 'startsAt'
    | 'endsAt'
    | 'reason'
    | 'revokedAt'
    | 'revokeReason'
    | 'createdAt'
  > {
  feature: FeatureFacts;
}

/** A one-off amount of a feature for one user, used once the budget of the period is spent. */
export interface TopUp
  extends Pick<
    schema.TopUp,
    | 'id'
    | 'userId'
    | 'amount'
    | 'remaining'
    | 'priority'
    | 'expiresAt'
    | 'reason'
    | 'voidedAt'
    | 'voidReason'
    | 'createdAt'
  > {
  feature: FeatureFacts;
}

/** What one usage drew from a top-up; a negative amount was given back. */
export interface TopUpDraw extends Pick<schema.TopUpDraw, 'id' | 'amount' | 'createdAt' | 'periodStart'> {
  /** Null: what a merge gave back, and what earlier versions drew. */
  usageEvent: Pick<schema.UsageEvent, 'id' | 'action' | 'delta' | 'occurredAt' | 'note'> | null;
}

interface AfterReservation {
  /** Right after this call. */
  entitlement: Entitlement;
}

/** An amount that is held. */
export interface HeldReservation extends AfterReservation {
  reserved: true;
  reason: null;
  id: string;
  /** When it lapses. */
  expiresAt: DateTime;
}

/** An amount that was refused, and why. */
export interface RefusedReservation extends AfterReservation {
  reserved: false;
  reason: string;
  id: null;
  expiresAt: null;
}

/** The result of `reservations.create`. Check `reserved` first. */
export type Reservation = HeldReservation | RefusedReservation;

/** A reservation that is over. */
export interface ReleasedReservation extends AfterReservation {
  reserved: false;
  reason: null;
  id: string;
  expiresAt: DateTime;
}
