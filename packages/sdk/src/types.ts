import type * as schema from './generated/answers.ts';

export type {
  FeatureType,
  PackageStatus,
  ResetAnchor,
  ResetPeriod,
  SubscriptionStatus,
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
    'id' | 'userId' | 'status' | 'startedAt' | 'endedAt' | 'trialEnd'
  > {
  package: Package;
}

/** What `subscriptions.changePackage` began and ended. */
export interface ChangedPackage {
  subscription: PackageSubscription;
  /** The former subscription, now `CANCELLED`. */
  replaced: PackageSubscription;
  /** Subscriptions to add-ons that the new base package does not allow, now `CANCELLED`. */
  cancelledAddons: PackageSubscription[];
}

/** How much of a `CONSUMABLE` feature is used and granted in one period. */
export interface Consumption extends Pick<schema.Consumption, 'used' | 'budget' | 'overageEnabled'> {}

/** Whether a user may use a feature, and what is left. */
export interface Entitlement extends Pick<schema.Entitlement, 'access' | 'reason'> {
  /** Null for a `BINARY` feature, and when nothing is granted. */
  consumption: Consumption | null;
}

/** What a user has of one feature, and the subscription that counts for it. */
export interface UserEntitlement extends Entitlement {
  feature: FeatureFacts;
  /** Null when a feature grant counts. */
  subscription: PackageSubscription | null;
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
