/** Any object that JSON can hold, at most 16 KiB. */
export type Metadata = Record<string, unknown>;

/** Had or not had (`BINARY`), or used up and counted (`CONSUMABLE`). */
export type FeatureType = 'BINARY' | 'CONSUMABLE';

/** Where a package is in its life. */
export type PackageStatus = 'ARCHIVED' | 'DRAFT' | 'PUBLISHED';

/** After which time usage counts from zero again, from the moment of the subscription on. */
export type ResetPeriod = 'YEAR' | 'MONTH' | 'DAY';

/** Where a subscription is in its life. Only `ACTIVE` and `TRIALING` give access. */
export type SubscriptionStatus =
  | 'ACTIVE'
  | 'TRIALING'
  | 'CANCELLED'
  | 'PAST_DUE'
  | 'UNPAID'
  | 'INCOMPLETE'
  | 'INCOMPLETE_EXPIRED';

/** An instant as ISO 8601 text in UTC, such as `2022-01-21T16:08:09.640Z`. */
export type DateTime = string;

/** Something that a customer may use, without the packages that contain it. */
export interface FeatureFacts {
  id: string;
  name: string;
  type: FeatureType;
  /** Only for `CONSUMABLE` features. */
  unitLabel: string | null;
  /** Only for `CONSUMABLE` features. */
  unitLabelPlural: string | null;
  metadata: Metadata | null;
}

/** A feature, and the packages that contain it, of every status. */
export interface Feature extends FeatureFacts {
  packages: PackageFacts[];
}

/** What a package is, without what it contains and costs. */
export interface PackageFacts {
  id: string;
  name: string;
  status: PackageStatus;
  metadata: Metadata | null;
  isAddon: boolean;
  updatedAt: DateTime;
}

/** A feature as one package contains it. */
export interface PackageFeature extends FeatureFacts {
  /** How much may be used in one period; null is unlimited. */
  limit: number | null;
  /** Null is never. */
  resetPeriod: ResetPeriod | null;
  /** Whether more than the limit may be used. */
  overageEnabled: boolean;
}

/** What a package costs at a billing provider. */
export interface PackagePrice {
  id: string;
  provider: string;
  /** In minor units: 5000 is 50.00 pounds. */
  amount: number;
  /** In major units, such as `50.00`. */
  displayAmount: string;
  currency: string;
  /** How often it is charged, such as `month`; null for once. */
  interval: string | null;
}

/** A package and its prices; its features only where they were asked for. */
export interface PricedPackage extends PackageFacts {
  prices: PackagePrice[];
}

/** A package, with what it contains and costs. */
export interface Package extends PricedPackage {
  features: PackageFeature[];
}

/** A person who uses what the company sells. */
export interface User {
  id: string;
  /** The id of the customer at the billing provider. */
  billingId: string | null;
  name: string | null;
  email: string | null;
  metadata: Metadata | null;
}

/** That a user has a package, or had it. */
export interface PackageSubscription {
  id: string;
  userId: string;
  status: SubscriptionStatus;
  startedAt: DateTime;
  /** Null while it has not ended. */
  endedAt: DateTime | null;
  trialEnd: DateTime | null;
  package: Package;
}

/** How much of a `CONSUMABLE` feature is used and granted in one period. */
export interface Consumption {
  used: number;
  /** Null is unlimited. */
  budget: number | null;
  overageEnabled: boolean;
}

/** Whether a user may use a feature, and what is left. */
export interface Entitlement {
  access: boolean;
  /** Why access is given or not, as a sentence. */
  reason: string;
  /** Null for a `BINARY` feature, and when nothing is granted. */
  consumption: Consumption | null;
}

/** What a user has of one feature, and the subscription that counts for it. */
export interface UserEntitlement extends Entitlement {
  feature: FeatureFacts;
  subscription: PackageSubscription;
}

/** Consumption in one period of a subscription. */
export interface ConsumptionInPeriod {
  periodStart: DateTime;
  /** Null when usage never resets. */
  periodEnd: DateTime | null;
  consumption: Consumption;
}

/** The usage of a `CONSUMABLE` feature by a user. */
export interface Usage {
  /** The running period; null when nothing is granted, or the feature is `BINARY`. */
  current: ConsumptionInPeriod | null;
  /** The periods before it, the newest first. */
  past: ConsumptionInPeriod[];
}

/** What became of one usage. */
export interface RecordedUsage {
  /** Whether it is recorded. If so, it is on disk and survives any crash. */
  recorded: boolean;
  /** Why it was not recorded, as a sentence; null if it was. */
  reason: string | null;
  /** Whether its idempotency key had been recorded before, so that nothing was recorded now. */
  duplicate: boolean;
  /** Where the user stands right after it; only with `includeEntitlement`. */
  entitlement?: Entitlement | null;
}
