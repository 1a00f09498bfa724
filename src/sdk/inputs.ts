import type { FeatureType, Metadata, PackageStatus, ResetPeriod } from './types.ts';

/** What names one feature, package, user or subscription. */
export interface ById {
  id: string;
}

/** A page of a list. Without it, lists answer everything, up to 10,000 items. */
export interface Page {
  /** How many to return at most, up to 1,000. */
  first?: number;
  /** Return what follows the item with this id. */
  after?: string;
}

/** A new thing is described alone, or as `input`. */
export type Described<Input> = Input | { input: Input };

/** A new feature. */
export interface NewFeature {
  /** 1 to 255 characters. */
  id: string;
  /** Without it, the id. */
  name?: string | null;
  /** It cannot be changed later. */
  type: FeatureType;
  /** Only for `CONSUMABLE` features. */
  unitLabel?: string | null;
  /** Only for `CONSUMABLE` features. */
  unitLabelPlural?: string | null;
  metadata?: Metadata | null;
}

/** What to change of a feature: an omitted field stays, null clears. */
export type FeatureChange = Partial<Pick<NewFeature, 'unitLabel' | 'unitLabelPlural' | 'metadata'>> & {
  name?: string;
};

/** A feature that joins a package. */
export interface NewPackageFeature {
  /** The id of the feature. */
  id: string;
  /** Only for `CONSUMABLE` features. Without it, unlimited and never reset. */
  entitlement?: {
    /** Without it, unlimited. */
    limit?: number | null;
    resetPeriod: ResetPeriod;
    overageEnabled?: boolean | null;
  } | null;
}

/** A new package: a `DRAFT` until it is published. */
export interface NewPackage {
  /** 1 to 255 characters. */
  id: string;
  /** Without it, the id. */
  name?: string | null;
  isAddon?: boolean | null;
  /** One feature, or several. */
  features: NewPackageFeature | NewPackageFeature[];
  /** Only for an add-on: the base packages whose subscribers may have it. Without: all. */
  basePackages?: string[] | null;
  metadata?: Metadata | null;
}

/** What to change of a package of any status. */
export interface PackageChange {
  metadata?: Metadata | null;
}

/** Which packages to list. */
export interface PackageList extends Page {
  /** Without it, `PUBLISHED`. */
  status?: PackageStatus | 'ALL';
  /** Whether each comes with its features. Without it, false. */
  includeFeatures?: boolean;
}

/** A new user. */
export interface NewUser {
  /** 1 to 255 characters. */
  id: string;
  billingId?: string | null;
  name?: string | null;
  email?: string | null;
  metadata?: Metadata | null;
}

/** What to change of a user: an omitted field stays, null clears. Email and billing id stay. */
export interface UserChange {
  /** The new id; without it, the present one. */
  id?: string;
  name?: string | null;
  metadata?: Metadata | null;
}

/** One use of a `CONSUMABLE` feature by a user. */
export interface UsageInput {
  userId: string;
  featureId: string;
  /** How much was used, as a number or its text; without it, 1. With `ADD`, a negative one reverts. */
  delta?: number | string;
  /** Whether `delta` is added (the default) or replaces the usage of the period. */
  action?: 'ADD' | 'SET';
  /** Names this usage, so that it counts once however often it is sent. Without it, the client makes one. */
  idempotencyKey?: string;
  /** When it was used; without it, now, as the server's clock tells, or this machine's if usages are buffered. */
  timestamp?: Date | string;
  /** Record only if the user is entitled to it at this instant. */
  enforce?: boolean;
  /** Whether to answer where the user stands right after it. */
  includeEntitlement?: boolean;
}
