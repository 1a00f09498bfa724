import { type BufferLimits, createBuffer, type Flushed, type UsageBuffer } from './buffer.ts';
import { type KanaError, NetworkError, UnavailableError } from './errors.ts';
import { createFeatures } from './features.ts';
import { createMethod, createRequest } from './method.ts';
import { createPackages } from './packages.ts';
import { createGuard, createReport, type Result } from './result.ts';
import { createPayments, createSubscriptions } from './subscriptions.ts';
import { createSend, type Target } from './transport.ts';
import { createRecorder, createSendUsage, createSendUsages } from './usage.ts';
import { createUsers } from './users.ts';

/** How a `KanaAdmin` works. Only the key is needed. */
export interface KanaAdminOptions extends Target, BufferLimits {
  /** Called with every error that a call answers with. What it throws is ignored. */
  onError?: (error: KanaError) => void | Promise<void>;
  /**
   * Whether to send a call again after an error; `retryNumber` is 1 before the first repeat. A promise makes the
   * repeat wait. By default up to two repeats: on a `NetworkError` at once, on an `UnavailableError` when the
   * server wishes.
   */
  retry?: (error: KanaError, retryNumber: number) => boolean | Promise<boolean>;
}

async function defaultRetry(error: KanaError, retryNumber: number): Promise<boolean> {
  if (retryNumber > 2) return false;
  const unavailable = error instanceof UnavailableError;
  if (unavailable) await new Promise((end) => setTimeout(end, error.retryAfterMs));
  return unavailable || error instanceof NetworkError;
}

/** The options that are numbers, and the least that each may be. */
const leasts = { flushAt: 1, flushInterval: 1, maxBuffered: 1, timeoutMs: 0 };

/** More milliseconds than that a timer takes for one. */
const greatest = 2 ** 31 - 1;

/** Throws a TypeError that names the first option that is there and no whole number, or out of bounds. */
function checkNumbers(options: KanaAdminOptions): void {
  for (const [name, least] of Object.entries(leasts)) {
    const { [name as keyof typeof leasts]: value = least } = options;
    if (!(Number.isInteger(value) && value >= least && value <= greatest))
      throw new TypeError(`"${name}" must be a whole number from ${least} to ${greatest}`);
  }
}

/**
 * The client for servers. Every method answers a promise of `{ data }` or `{ error }`, which never rejects.
 *
 * ```ts
 * const kana = new KanaAdmin({ apiKey: process.env.KANA_API_KEY });
 * const { data, error } = await kana.features.canUse({ userId: '124', featureId: 'api-calls' });
 * ```
 */
export class KanaAdmin {
  /** What customers may use, and what they used. */
  declare readonly features: ReturnType<typeof createFeatures>;
  /** What is sold. */
  declare readonly packages: ReturnType<typeof createPackages>;
  /** Who uses it. */
  declare readonly users: ReturnType<typeof createUsers>;
  /** Which user has which package. */
  declare readonly subscriptions: ReturnType<typeof createSubscriptions>;
  /** Links to pay by. */
  declare readonly payments: ReturnType<typeof createPayments>;

  /**
   * Sends the buffered usages. `data` means that all that had been recorded before this call are on disk, or
   * refused for good; with `error` the rest stays in the buffer, and is sent again after `flushInterval`.
   */
  declare readonly flush: () => Promise<Result<Flushed>>;
  /**
   * Sends the buffered usages like flush, and takes no more. After an `error` the rest is still there, but sent
   * again only when flush or close is called again.
   */
  declare readonly close: () => Promise<Result<Flushed>>;
  /** Sends any operation of the API, and answers its data, for what has no method here. */
  declare readonly request: <Data>(query: string, variables?: object) => Promise<Result<Data>>;

  readonly #buffer: UsageBuffer;

  /** @throws TypeError without an API key, or if a number makes no sense */
  constructor(options: KanaAdminOptions) {
    if (!options.apiKey) throw new TypeError('"apiKey" cannot be empty');
    checkNumbers(options);
    const { onError = () => undefined, retry = defaultRetry } = options;
    const report = createReport(onError);
    const guard = createGuard(report);
    const request = createRequest(createSend(options), retry);
    const query = createMethod('query', request, guard);
    const mutation = createMethod('mutation', request, guard);
    const sendUsages = createSendUsages(request);
    const buffer = createBuffer(options, sendUsages, report, () => new Date());
    const sendUsage = options.flushAt || options.flushInterval ? buffer.add : createSendUsage(request);

    Object.assign(this, {
      features: createFeatures(query, mutation, createRecorder(sendUsage, sendUsages, guard, report)),
      packages: createPackages(query, mutation),
      users: createUsers(query, mutation),
      subscriptions: createSubscriptions(query, mutation),
      payments: createPayments(guard),
      flush: buffer.flush,
      close: buffer.close,
      request: <Data>(document: string, variables?: object) =>
        guard(() => request(document, variables, (data) => data as Data)),
    } satisfies Omit<KanaAdmin, 'pending'>);
    this.#buffer = buffer;
  }

  /** How many buffered usages the server has not judged yet. */
  get pending(): number {
    return this.#buffer.size();
  }
}
