/** Something that users may use. */
export interface Feature {
  id: string;
  name: string;
  /** On or off, or counted. */
  type: 'BINARY' | 'CONSUMABLE';
  unitLabel: string | null;
  unitLabelPlural: string | null;
  metadata: Record<string, unknown> | null;
}

/** Usage and budget of a CONSUMABLE feature in the current period. */
export interface Consumption {
  used: number;
  /** Null is unlimited. */
  budget: number | null;
  /** What is left of the budget and of top-ups. Null is unlimited. */
  remaining: number | null;
  /** Whether usage beyond the budget is allowed. */
  overageEnabled: boolean;
}

/** A feature that the user is entitled to. */
export interface Entitlement {
  feature: Feature;
  /** Whether the user may use the feature at least once. */
  access: boolean;
  /** Why, as a sentence. */
  reason: string;
  /** Null for a BINARY feature. */
  consumption: Consumption | null;
  periodStart: string | null;
  /** When usage resets. Null if it never does. */
  periodEnd: string | null;
  /** The package that counts. Null if something that was given to this user counts. */
  packageId: string | null;
}

/** A subscription that has not ended. Only ACTIVE and TRIALING give access. */
export interface Subscription {
  id: string;
  packageId: string;
  version: number;
  isAddon: boolean;
  status: 'ACTIVE' | 'TRIALING' | 'SCHEDULED' | 'PAST_DUE' | 'UNPAID' | 'INCOMPLETE';
  startedAt: string;
  trialEnd: string | null;
  /** The scheduled end. */
  cancelsAt: string | null;
}

/** What a user has, as JSON: a server may read it, and hand it to the page. */
export interface UserData {
  user: { id: string; name: string | null; email: string | null };
  entitlements: Entitlement[];
  subscriptions: Subscription[];
}

/** What a package costs. */
export interface Price {
  id: string;
  /** In minor units. */
  amount: number;
  /** In major units, such as "50.00". */
  displayAmount: string;
  /** In lower case, such as "eur". */
  currency: string;
  /** Such as "month". Null for a one-time price. */
  interval: string | null;
}

export type ResetPeriod = 'YEAR' | 'QUARTER' | 'MONTH' | 'WEEK' | 'DAY' | 'HOUR';

/** What a package gives of a feature. */
export interface PackageFeature {
  featureId: string;
  name: string;
  type: Feature['type'];
  unitLabel: string | null;
  unitLabelPlural: string | null;
  metadata: Record<string, unknown> | null;
  /** Null is unlimited, and for a BINARY feature. */
  limit: number | null;
  /** Null never resets. */
  resetPeriod: ResetPeriod | null;
  resetEvery: number;
  overageEnabled: boolean;
}

/** A published package: a plan, or an add-on. */
export interface Package {
  id: string;
  name: string;
  isAddon: boolean;
  version: number;
  metadata: Record<string, unknown> | null;
  prices: Price[];
  packageFeatures: PackageFeature[];
}
