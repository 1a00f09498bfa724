import { KanaAdmin, type KanaAdminOptions, type KanaError } from '@open-kana/sdk';
import {
  ErrorCode,
  type EvaluationContext,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  ProviderFatalError,
  type ResolutionDetails,
  type TrackingEventDetails,
} from '@openfeature/server-sdk';
import { AnswerCache, type Kept } from './cache.ts';

export interface OpenKanaProviderOptions extends KanaAdminOptions {
  /** For how long an answer is used again, in milliseconds. By default 1,000; 0 asks for every evaluation. */
  cacheMs?: number;
  /** For how long the last answer stands in while the server does not answer, in milliseconds. By default 300,000. */
  staleMs?: number;
  /** Of how many users and features answers are kept. By default 10,000. */
  maxCached?: number;
}

/** What the server says of a user, a feature and an amount. */
export interface Known {
  type: 'BINARY' | 'CONSUMABLE';
  access: boolean;
  reason: string;
  consumption: {
    used: number;
    budget: number | null;
    remaining: number | null;
    overageEnabled: boolean;
  } | null;
  packageId: string | null;
}

/** What remains of an unlimited feature, as a number; `unlimited` in the metadata says so. As in OFREP. */
export const unlimited = 999_999_999_999_999;

const operation = `query Evaluate($userId: String!, $featureId: String!, $amount: Amount) {
  feature(id: $featureId) { type }
  canUseFeature(userId: $userId, featureId: $featureId, amount: $amount) {
    access reason consumption { used budget remaining overageEnabled }
  }
  entitlements(userId: $userId, featureId: $featureId) { subscription { package { id } } }
}`;

interface Answer {
  feature: Pick<Known, 'type'>;
  canUseFeature: Pick<Known, 'access' | 'reason' | 'consumption'>;
  entitlements: { subscription: { package: { id: string } } | null }[];
}

/**
 * OpenFeature's provider for servers. A flag is a feature, the targeting key a user. A boolean says whether the user may
 * use `amount` (of the context, by default 1), a number what remains, an object the whole entitlement. `track` records
 * usage. An answer that was kept has the reason CACHED; one that stands in while the server does not answer, STALE.
 */
export class OpenKanaProvider implements Provider {
  readonly metadata = { name: 'Open Kana' };
  readonly runsOn = 'server';
  readonly events = new OpenFeatureEventEmitter();
  /** The SDK that it asks with. */
  readonly kana: KanaAdmin;

  readonly #cacheMs: number;
  readonly #staleMs: number;
  readonly #cache: AnswerCache<Known>;
  readonly #asking = new Map<string, { key: string; answer: Promise<Known> }>();
  /** Users and features of which usage is not recorded yet, and how many of them. */
  readonly #tracked = new Map<string, number>();
  readonly #onError: NonNullable<KanaAdminOptions['onError']>;
  #isStale = false;

  constructor({
    cacheMs = 1_000,
    staleMs = 300_000,
    maxCached = 10_000,
    ...options
  }: OpenKanaProviderOptions) {
    const { onError = warn } = options;
    // Tracking never waits, so usages are sent together.
    this.kana = new KanaAdmin({ flushInterval: 1_000, ...options, onError: () => undefined });
    this.#cacheMs = cacheMs;
    this.#staleMs = staleMs;
    this.#cache = new AnswerCache(maxCached);
    this.#onError = onError;
  }

  /** Asks whether the key is valid. @throws ProviderFatalError if not; KanaError if the server does not answer */
  async initialize(): Promise<void> {
    const { error } = await this.kana.request('{ features(first: 1) { id } }');
    if (error?.code === 'UNAUTHENTICATED') throw new ProviderFatalError(error.message);
    if (error !== undefined) throw error;
  }

  /** Sends the usage that is not sent yet. */
  async onClose(): Promise<void> {
    const { error } = await this.kana.close();
    if (error !== undefined) await this.#onError(error);
  }

  async resolveBooleanEvaluation(
    featureId: string,
    fallback: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    return this.#resolve(featureId, fallback, context, ({ access }) => access);
  }

  async resolveNumberEvaluation(
    featureId: string,
    fallback: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    return this.#resolve(featureId, fallback, context, ({ type, access, consumption }) => {
      if (type === 'BINARY') return null;
      if (consumption === null) return 0;
      return consumption.remaining ?? (access ? unlimited : 0);
    });
  }

  async resolveObjectEvaluation<Value extends JsonValue>(
    featureId: string,
    fallback: Value,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<Value>> {
    return this.#resolve(
      featureId,
      fallback,
      context,
      ({ type: _, ...entitlement }) => entitlement as JsonValue as Value,
    );
  }

  async resolveStringEvaluation(_featureId: string, fallback: string): Promise<ResolutionDetails<string>> {
    return failure(fallback, ErrorCode.TYPE_MISMATCH, 'Ask for a boolean, a number or an object.');
  }

  /**
   * Records usage: of the feature with the id of the event, by the user of the context, `value` of it or 1.
   * `idempotencyKey`, `timestamp` and `note` of the details go along. What fails is told to `onError`.
   */
  track(featureId: string, context: EvaluationContext, details: TrackingEventDetails = {}): void {
    const { targetingKey: userId } = context;
    if (userId === undefined || userId === '') {
      void this.#onError(new TypeError(`track("${featureId}"): ${noUser}`) as unknown as KanaError);
      return;
    }
    const key = keyOf(userId, featureId);
    this.#tracked.set(key, (this.#tracked.get(key) ?? 0) + 1);
    this.#outdate(key);
    const { value: delta = 1, idempotencyKey, timestamp, note } = details;
    const more = { idempotencyKey, timestamp, note } as { idempotencyKey?: string };
    void this.kana.features.recordUsage({ userId, featureId, delta, ...more }).then(({ error }) => {
      const left = (this.#tracked.get(key) ?? 1) - 1;
      if (left > 0) this.#tracked.set(key, left);
      else this.#tracked.delete(key);
      this.#outdate(key);
      if (error !== undefined) return this.#onError(error);
    });
  }

  /** @param read takes the value; null if the feature has none of this type */
  async #resolve<Value>(
    featureId: string,
    fallback: Value,
    { targetingKey: userId, amount = 1 }: EvaluationContext,
    read: (known: Known) => Value | null,
  ): Promise<ResolutionDetails<Value>> {
    if (userId === undefined || userId === '')
      return failure(fallback, ErrorCode.TARGETING_KEY_MISSING, noUser);
    if (typeof amount !== 'number')
      return failure(fallback, ErrorCode.INVALID_CONTEXT, 'The amount must be a number.');
    const found = await this.#find(userId, featureId, amount);
    if ('error' in found) return failure(fallback, codeOf(found.error), found.error.message);
    const value = read(found.known);
    if (value === null)
      return failure(
        fallback,
        ErrorCode.TYPE_MISMATCH,
        `"${featureId}" is on or off: nothing of it remains.`,
      );
    const { access } = found.known;
    const variant = access ? 'granted' : 'denied';
    return { value, variant, reason: found.reason, flagMetadata: metadataOf(found.known) };
  }

  async #find(
    userId: string,
    featureId: string,
    amount: number,
  ): Promise<{ known: Known; reason: string } | { error: KanaError }> {
    const key = keyOf(userId, featureId);
    const kept = this.#cache.get(key, amount);
    if (kept !== undefined && !kept.isOutdated && Date.now() - kept.at < this.#cacheMs)
      return { known: kept.value, reason: 'CACHED' };
    try {
      const known = await this.#ask(userId, featureId, amount);
      this.#become(false);
      return { known, reason: 'TARGETING_MATCH' };
    } catch (thrown) {
      const error = thrown as KanaError;
      return this.#standIn(error, kept) ?? { error };
    }
  }

  /** The last answer, if the server does not answer now. */
  #standIn(error: KanaError, kept: Kept<Known> | undefined) {
    if (isAnswer(error)) return null;
    this.#become(true, error.message);
    if (kept === undefined || Date.now() - kept.at > this.#staleMs) return null;
    return { known: kept.value, reason: 'STALE' };
  }

  /** Asks the server. Those who ask for the same at once share the answer. */
  async #ask(userId: string, featureId: string, amount: number): Promise<Known> {
    const key = keyOf(userId, featureId);
    // What was tracked before counts.
    if (this.#tracked.has(key)) await this.kana.flush();
    const question = `${amount} ${key}`;
    const shared = this.#asking.get(question);
    if (shared !== undefined) return shared.answer;
    const asking = { key, answer: this.#send(userId, featureId, amount) };
    this.#asking.set(question, asking);
    const isCurrent = () => this.#asking.get(question) === asking;
    try {
      const value = await asking.answer;
      this.#cache.set(key, amount, { value, at: Date.now(), isOutdated: !isCurrent() });
      return value;
    } finally {
      if (isCurrent()) this.#asking.delete(question);
    }
  }

  /** The usage has changed: no answer to an earlier question is kept as the current one, or shared. */
  #outdate(key: string): void {
    this.#cache.outdate(key);
    for (const [question, asking] of this.#asking) if (asking.key === key) this.#asking.delete(question);
  }

  async #send(userId: string, featureId: string, amount: number): Promise<Known> {
    const { data, error } = await this.kana.request<Answer>(operation, { userId, featureId, amount });
    if (error !== undefined) throw error;
    const { feature, canUseFeature, entitlements } = data;
    const packageId = entitlements[0]?.subscription?.package.id ?? null;
    return { type: feature.type, ...canUseFeature, packageId };
  }

  /** Tells OpenFeature whether answers are the server's. */
  #become(isStale: boolean, message = ''): void {
    if (isStale === this.#isStale) return;
    this.#isStale = isStale;
    this.events.emit(isStale ? ProviderEvents.Stale : ProviderEvents.Ready, { message });
  }
}

const noUser = 'the targetingKey must be the id of a user.';

const keyOf = (userId: string, featureId: string) => JSON.stringify([userId, featureId]);

/** Whether the server has answered, so that no other answer may stand in. */
const isAnswer = ({ code, response }: KanaError) =>
  response !== undefined && response.status < 500 && response.status !== 429 && code !== undefined;

const failure = <Value>(value: Value, errorCode: ErrorCode, errorMessage: string) => ({
  value,
  reason: 'ERROR',
  errorCode,
  errorMessage,
});

function codeOf({ name, code }: KanaError): ErrorCode {
  if (name === 'FeatureNotFoundError') return ErrorCode.FLAG_NOT_FOUND;
  if (code === 'NOT_FOUND' || code === 'BAD_USER_INPUT') return ErrorCode.INVALID_CONTEXT;
  return ErrorCode.GENERAL;
}

/** Metadata of OpenFeature has no null: what is not there is left out. */
function metadataOf({ consumption, packageId, reason: description }: Known) {
  const isUnlimited = consumption !== null && consumption.budget === null;
  const facts = { ...consumption, packageId, description, unlimited: isUnlimited || null };
  const told = Object.entries(facts).filter(([, fact]) => fact !== null);
  return Object.fromEntries(told) as Record<string, string | number | boolean>;
}

function warn({ message }: KanaError): void {
  console.warn(`Open Kana: ${message}`);
}
