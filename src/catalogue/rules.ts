import type { ResetPeriod } from '../packages/reset-rules.ts';

/** The features and packages of an environment, archived packages included. */
export interface Catalogue {
  features: CatalogueFeature[];
  packages: CataloguePackage[];
  /** The time zone of the environment. */
  timeZone: string;
}

export interface CatalogueFeature {
  id: string;
  name: string;
  type: 'BINARY' | 'CONSUMABLE';
  unitLabel: string | null;
  unitLabelPlural: string | null;
  /** How many fraction digits its amounts may have. */
  precision: number;
  metadata: unknown;
}

export interface CataloguePackage extends Contents {
  id: string;
  name: string;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  /** The current version, which has these contents. */
  version: number;
  metadata: unknown;
  /** The contents of the draft of the next version; null if there is none. */
  draft: Contents | null;
}

/** What a version of a package contains. */
export interface Contents {
  features: PackageFeature[];
  /** The base packages whose subscribers may have this add-on; empty means every base package. */
  bases: string[];
  prices: Price[];
}

/** A feature in one package. Its limit is the number of an exact amount. Limit null is unlimited; reset period null never resets. */
export interface PackageFeature {
  featureId: string;
  name: string;
  limit: number | null;
  resetPeriod: ResetPeriod | null;
  resetEvery: number;
  /** Of windows of the calendar; null: windows are counted from the start of the subscription. */
  timeZone: string | null;
  overageEnabled: boolean;
  /** At how many percent of the limit webhooks get an event. */
  alertAt: number[];
  /** At which usage of a window webhooks get an event: numbers of exact amounts. */
  alertAtAmount: number[];
  /** Whether webhooks get an event when a window ends. */
  alertOnReset: boolean;
}

export interface Price {
  id: string;
  provider: string;
  amount: number;
  currency: string;
  interval: string | null;
}
