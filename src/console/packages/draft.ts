import type {
  CreatePackageFeatureInput,
  FeatureType,
  ResetAnchor,
  ResetPeriod,
  VersionFragment,
} from '../generated/operations.ts';

/** A feature in the form. Limit null means unlimited, and '' that none is chosen yet; period null means it never resets. */
export interface DraftGrant {
  id: string;
  name: string;
  type: FeatureType;
  limit: number | null | '';
  resetPeriod: ResetPeriod | null;
  resetEvery: number;
  resetAnchor: ResetAnchor | null;
  /** Null is the time zone of the environment. */
  timeZone: string | null;
  overageEnabled: boolean;
  /** At how many percent of the limit webhooks get an event. */
  alertAt: readonly number[];
  alertAtAmount: readonly number[];
  alertOnReset: boolean;
}

/** A package while it is edited. */
export interface Draft {
  name: string;
  id: string;
  isAddon: boolean;
  basePackages: string[];
  features: DraftGrant[];
}

export const blankDraft: Draft = { name: '', id: '', isAddon: false, basePackages: [], features: [] };

export const draftOf = (subject: VersionFragment): Draft => ({
  ...subject,
  basePackages: subject.basePackages.map(({ id }) => id),
});

/** A feature that was just added: its limit is to be chosen. */
export const newGrant = (feature: { id: string; name: string; type: FeatureType }): DraftGrant => ({
  id: feature.id,
  name: feature.name,
  type: feature.type,
  limit: feature.type === 'CONSUMABLE' ? '' : null,
  resetPeriod: feature.type === 'CONSUMABLE' ? 'MONTH' : null,
  resetEvery: 1,
  resetAnchor: null,
  timeZone: null,
  overageEnabled: false,
  alertAt: [],
  alertAtAmount: [],
  alertOnReset: false,
});

/** A feature as API input. Without an entitlement it is unlimited and never resets. */
export function grantInput(grant: DraftGrant): CreatePackageFeatureInput {
  const { id, type, limit, resetPeriod, resetEvery, resetAnchor, timeZone, overageEnabled } = grant;
  if (type === 'BINARY' || resetPeriod === null) return { id };
  const zone = resetAnchor === 'CALENDAR' ? timeZone : null;
  return {
    id,
    entitlement: {
      // The form is not sent before a limit is chosen.
      limit: limit === '' ? 0 : limit,
      resetPeriod,
      resetEvery,
      resetAnchor,
      timeZone: zone,
      overageEnabled,
      alertAt: limit === null ? [] : [...grant.alertAt],
      alertAtAmount: [...grant.alertAtAmount],
      alertOnReset: grant.alertOnReset,
    },
  };
}
