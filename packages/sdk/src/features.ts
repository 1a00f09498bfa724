import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type {
  ById,
  ByUser,
  Described,
  FeatureChange,
  FeatureOfUser,
  ListOfUser,
  NewFeature,
  Page,
  UsageInput,
} from './inputs.ts';
import { inputOf } from './inputs.ts';
import type { Recorder } from './recorder.ts';
import type { Entitlement, Feature, RecordedUsage, UpdatedFeature, Usage, UsageEvent } from './types.ts';

/** What fits no Int goes as an amount. JSON has no NaN: as text the server refuses it. */
function deltaOf(delta: number | undefined): { delta?: number; amount?: number } {
  if (delta == null || (Number.isInteger(delta) && Math.abs(delta) < 2 ** 31)) return {};
  return { delta: undefined, amount: Number.isFinite(delta) ? delta : (String(delta) as unknown as number) };
}

/** What customers may use, and what they used. */
export class Features {
  readonly #caller: Caller;
  readonly #recorder: Recorder;

  constructor(caller: Caller, recorder: Recorder) {
    this.#caller = caller;
    this.#recorder = recorder;
  }

  /** Creates a feature. Errors: `ConflictError`, `InputError`. */
  create = (feature: Described<NewFeature>): Promise<Result<Feature>> =>
    this.#caller.call(
      operations.CreateFeature,
      () => ({ input: inputOf(feature) }),
      (data) => data.createFeature,
    );

  /** Changes a feature. Its packages come back whole. Errors: `FeatureNotFoundError`, `InputError`. */
  update = (args: ById & { input: FeatureChange }): Promise<Result<UpdatedFeature>> =>
    this.#caller.call(
      operations.UpdateFeature,
      () => args,
      (data) => data.updateFeature,
    );

  /** All features, oldest first. */
  list = (page?: Page): Promise<Result<Feature[]>> =>
    this.#caller.call(
      operations.ListFeatures,
      () => page,
      (data) => data.features,
    );

  /** One feature. Errors: `FeatureNotFoundError`. */
  retrieve = (args: ById): Promise<Result<Feature>> =>
    this.#caller.call(
      operations.RetrieveFeature,
      () => args,
      (data) => data.feature,
    );

  /**
   * Whether a user may use `delta` more of a feature now (by default 1). `featureId` names the feature, or `id` as in
   * older guides. Errors: `UserNotFoundError`, `FeatureNotFoundError`.
   */
  canUse = (args: FeatureOfUser): Promise<Result<Entitlement>> =>
    this.#caller.call(
      operations.CanUseFeature,
      () => ({ featureId: args.id as string, ...args, ...deltaOf(args.delta) }),
      (data) => data.canUseFeature,
    );

  /**
   * What a user used of a feature, in the current period and in earlier ones: at most 12, or `pastPeriods` (up to
   * 120). Errors: `UserNotFoundError`, `FeatureNotFoundError`.
   */
  showUsage = (args: ByUser & { featureId: string; pastPeriods?: number }): Promise<Result<Usage>> =>
    this.#caller.call(
      operations.ShowUsage,
      () => args,
      (data) => data.showUsage as Usage, // Kana's schema lets `past` be null. It never is.
    );

  /**
   * The recorded usage of a user in the order in which it counts, oldest first unless `newestFirst` is true. Errors:
   * `UserNotFoundError`, `FeatureNotFoundError`.
   */
  usageEvents = (args: ListOfUser & { newestFirst?: boolean }): Promise<Result<UsageEvent[]>> =>
    this.#caller.call(
      operations.ListUsageEvents,
      () => args,
      (data) => data.usageEvents,
    );

  /**
   * Records a usage, exactly once however often it is sent: each usage has an idempotency key, which its repeats keep.
   * Answers once it is on disk. With buffering it is sent together with others and answers when the server has
   * decided it: do not `await` it if you do not want to wait. Errors: `UserNotFoundError`, `FeatureNotFoundError`,
   * `InputError`, `ConflictError`, `BufferFullError`.
   */
  recordUsage = (usage: UsageInput): Promise<Result<RecordedUsage>> => this.#recorder.recordUsage(usage);

  /**
   * Records up to 1,000 usages in one call, which is never buffered, and answers each of them, in order. A refused one
   * leaves the others alone. After an `error`, some may be recorded: send all of them again. That is exact with your
   * own `idempotencyKey`s.
   */
  recordUsages = (usages: UsageInput[]): Promise<Result<Result<RecordedUsage>[]>> =>
    this.#recorder.recordUsages(usages);
}
