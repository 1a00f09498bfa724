import type {
  CreatePackageFeatureInput,
  FeatureType,
  PackageQuery,
  ResetPeriod,
} from '../generated/operations.ts';

/** A feature as the form holds it. A limit of null is unlimited; a period of null never resets. */
export interface DraftGrant {
  id: string;
  name: string;
  type: FeatureType;
  limit: number | null;
  resetPeriod: ResetPeriod | null;
  overageEnabled: boolean;
}

/** What a package is while it is edited. */
export interface Draft {
  name: string;
  id: string;
  isAddon: boolean;
  basePackages: string[];
  features: DraftGrant[];
}

export const blankDraft: Draft = { name: '', id: '', isAddon: false, basePackages: [], features: [] };

export const draftOf = (subject: PackageQuery['package']): Draft => ({
  ...subject,
  basePackages: subject.basePackages.map(({ id }) => id),
});

/** A feature as it first joins a package: limited, unless there is nothing to limit. */
export const newGrant = (feature: { id: string; name: string; type: FeatureType }): DraftGrant => ({
  id: feature.id,
  name: feature.name,
  type: feature.type,
  limit: feature.type === 'CONSUMABLE' ? 1000 : null,
  resetPeriod: feature.type === 'CONSUMABLE' ? 'MONTH' : null,
  overageEnabled: false,
});

/** What the server is told of a feature. Without an entitlement it is unlimited and never resets. */
export function grantInput(grant: DraftGrant): CreatePackageFeatureInput {
  const { id, type, limit, resetPeriod, overageEnabled } = grant;
  if (type === 'BINARY' || resetPeriod === null) return { id };
  return { id, entitlement: { limit, resetPeriod, overageEnabled } };
}
