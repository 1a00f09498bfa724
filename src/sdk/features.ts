import type { ById, Described, FeatureChange, NewFeature, Page } from './inputs.ts';
import { type Method, toInput } from './method.ts';
import {
  access,
  feature,
  featureInPackages,
  mutation,
  page,
  period,
  query,
  select,
  wholePackage,
} from './operations.ts';
import type { Entitlement, Feature, FeatureFacts, Package, Usage } from './types.ts';
import type { Recorder } from './usage.ts';

type FeatureOfUser = { userId: string; delta?: number } & ({ featureId: string } | { id: string });

export const createFeatures = (method: Method, recorder: Recorder) => ({
  /** Makes a feature. Errors: `ConflictError`, `InputError`. */
  create: method<[feature: Described<NewFeature>], Feature>(
    mutation('createFeature', 'input: CreateFeatureInput!', featureInPackages),
    toInput,
  ),

  /** Changes a feature; its packages come back whole. Errors: `FeatureNotFoundError`, `InputError`. */
  update: method<[args: ById & { input: FeatureChange }], FeatureFacts & { packages: Package[] }>(
    mutation('updateFeature', 'id, input: UpdateFeatureInput!', select(feature, 'packages', wholePackage)),
  ),

  /** All features, the oldest first. */
  list: method<[page?: Page], Feature[]>(query('features', page, featureInPackages)),

  /** One feature. Errors: `FeatureNotFoundError`. */
  retrieve: method<[args: ById], Feature>(query('feature', 'id', featureInPackages)),

  /**
   * Whether a user may use a feature now, `delta` more of it (by default 1). The feature is named by `featureId`,
   * or by `id` as in older guides. Errors: `UserNotFoundError`, `FeatureNotFoundError`.
   */
  canUse: method<[args: FeatureOfUser], Entitlement>(
    query('canUseFeature', 'userId, featureId, delta: Int', select(access)),
    (args) => ('id' in args ? { ...args, featureId: args.id } : args),
  ),

  /**
   * What a user used of a feature, now and in earlier periods: at most 12, or `pastPeriods` (up to 120). Errors:
   * `UserNotFoundError`, `FeatureNotFoundError`.
   */
  showUsage: method<[args: { userId: string; featureId: string; pastPeriods?: number }], Usage>(
    query('showUsage', 'userId, featureId, pastPeriods: Int', select('current', period, 'past', period)),
  ),

  /**
   * Records a usage, exactly once however often it has to be sent: every usage has an idempotency key, which its
   * repeats keep. Answered once it is on disk. With buffering it is sent together with others; the answer comes
   * when the server has judged it, so those who do not want to wait do not `await`. Errors: `UserNotFoundError`,
   * `FeatureNotFoundError`, `InputError`, `ConflictError`, `BufferFullError`.
   */
  recordUsage: recorder.one,

  /**
   * Records up to 1,000 usages in one call, which is never buffered, and answers for each of them, in order. One
   * that is refused leaves the others alone.
   */
  recordUsages: recorder.several,
});
