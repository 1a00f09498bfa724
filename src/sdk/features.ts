import type { ById, Described, FeatureChange, NewFeature, Page } from './inputs.ts';
import { type Method, toInput } from './method.ts';
import { access, feature, featureInPackages, page, period, select, wholePackage } from './operations.ts';
import type { Entitlement, Feature, FeatureFacts, Package, Usage } from './types.ts';
import type { Recorder } from './usage.ts';

type FeatureOfUser = { userId: string; delta?: number } & (
  | { featureId: string; id?: string }
  | { id: string }
);

export const createFeatures = (query: Method, mutation: Method, recorder: Recorder) => ({
  /** Makes a feature. Errors: `ConflictError`, `InputError`. */
  create: mutation<[feature: Described<NewFeature>], Feature>(
    'createFeature',
    'input',
    featureInPackages,
    toInput,
  ),

  /** Changes a feature; its packages come back whole. Errors: `FeatureNotFoundError`, `InputError`. */
  update: mutation<[args: ById & { input: FeatureChange }], FeatureFacts & { packages: Package[] }>(
    'updateFeature',
    'id, input',
    select(feature, 'packages', wholePackage),
  ),

  /** All features, the oldest first. */
  list: query<[page?: Page], Feature[]>('features', page, featureInPackages),

  /** One feature. Errors: `FeatureNotFoundError`. */
  retrieve: query<[args: ById], Feature>('feature', 'id', featureInPackages),

  /**
   * Whether a user may use a feature now, `delta` more of it (by default 1). The feature is named by `featureId`,
   * or by `id` as in older guides. Errors: `UserNotFoundError`, `FeatureNotFoundError`.
   */
  canUse: query<[args: FeatureOfUser], Entitlement>(
    'canUseFeature',
    'userId, featureId, delta: Int',
    select(access),
    (args) => ({ featureId: args.id, ...args }),
  ),

  /**
   * What a user used of a feature, now and in earlier periods: at most 12, or `pastPeriods` (up to 120). Errors:
   * `UserNotFoundError`, `FeatureNotFoundError`.
   */
  showUsage: query<[args: { userId: string; featureId: string; pastPeriods?: number }], Usage>(
    'showUsage',
    'userId, featureId, pastPeriods: Int',
    select('current', period, 'past', period),
  ),

  ...recorder,
});
