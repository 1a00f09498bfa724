/** What an environment sells: all that a configuration file can say, and what is archived. */
export interface Catalogue {
  features: CatalogueFeature[];
  packages: CataloguePackage[];
}

export interface CatalogueFeature {
  id: string;
  name: string;
  type: 'BINARY' | 'CONSUMABLE';
  unitLabel: string | null;
  unitLabelPlural: string | null;
  metadata: unknown;
}

export interface CataloguePackage {
  id: string;
  name: string;
  isAddon: boolean;
  status: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  metadata: unknown;
  features: PackageFeature[];
  /** The base packages whose subscribers an add-on is open to; none: those of every base. */
  bases: string[];
  prices: Price[];
}

/** A feature as one package grants it: a limit of null is unlimited, a period of null never resets. */
export interface PackageFeature {
  featureId: string;
  name: string;
  limit: number | null;
  resetPeriod: 'YEAR' | 'MONTH' | 'DAY' | null;
  overageEnabled: boolean;
}

export interface Price {
  id: string;
  provider: string;
  amount: number;
  currency: string;
  interval: string | null;
}
