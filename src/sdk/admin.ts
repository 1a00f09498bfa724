import { createBuffer, type Flushed, type UsageBuffer } from './buffer.ts';
import { type KanaError, NetworkError, UnavailableError } from './errors.ts';
import { createFeatures } from './features.ts';
import { createMethod, createRequest } from './method.ts';
import { createPackages } from './packages.ts';
import { guard, type Result, report } from './result.ts';
import { createPayments, createSubscriptions } from './subscriptions.ts';
import { createSend } from './transport.ts';
import { createRecorder, createSendUsages } from './usage.ts';
import { createUsers } from './users.ts';

/** How a `KanaAdmin` works. Only the key is needed. */
export interface KanaAdminOptions {
  /** A private key; it selects the environment. */
  apiKey: string;
  /** The address of the GraphQL API. By default `http://127.0.0.1:4000/graphql`. */
  endpoint?: string;
  /** Called with every error that a call answers with. What it throws is ignored. */
  onError?: (error: KanaError) => void | Promise<void>;
  /**
   * Whether to send a call again after an error; `retryNumber` is 1 before the first repeat. A promise makes the
   * repeat wait. By default up to two repeats: on a `NetworkError` at once, on an `UnavailableError` when the
   * server wishes.
   */
  retry?: (error: KanaError, retryNumber: number) => boolean | Promise<boolean>;
  /** How long one attempt may take, in milliseconds: 10,000 by default, 0 for ever. */
  timeoutMs?: number;
  /** Buffers `recordUsage`, and sends as soon as so many usages wait: 100 by default, 400 at most. */
  flushAt?: number;
  /** Buffers `recordUsage`, and sends what waits after so many milliseconds: 1,000 by default. */
  flushInterval?: number;
  /** How many usages may wait in the buffer, 10,000 by default. More are refused with a `BufferFullError`. */
  maxBuffered?: number;
  /** What sends requests, by default the global `fetch`. */
  fetch?: typeof fetch;
}

async function defaultRetry(error: KanaError, retryNumber: number): Promise<boolean> {
  if (retryNumber > 2) return false;
  if (error instanceof UnavailableError) await new Promise((end) => setTimeout(end, error.retryAfterMs));
  else if (!(error instanceof NetworkError)) return false;
  return true;
}

/** More milliseconds than that a timer takes for one. */
const greatest = 2 ** 31 - 1;

/** Throws a TypeError that names the first option that is there and no whole number, or out of bounds. */
function checkNumbers(options: Record<string, number | undefined>, least: number): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= greatest))
      throw new TypeError(`"${name}" must be a whole number from ${least} to ${greatest}`);
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
  readonly features: ReturnType<typeof createFeatures>;
  /** What is sold. */
  readonly packages: ReturnType<typeof createPackages>;
  /** Who uses it. */
  readonly users: ReturnType<typeof createUsers>;
  /** Which user has which package. */
  readonly subscriptions: ReturnType<typeof createSubscriptions>;
  /** Links to pay by. */
  readonly payments: ReturnType<typeof createPayments>;

  /**
   * Sends the buffered usages. `data` means that all that had been recorded before this call are on disk, or
   * refused for good; with `error` the rest stays in the buffer, and is sent again after `flushInterval`.
   */
  readonly flush: () => Promise<Result<Flushed>>;
  /**
   * Sends the buffered usages like flush, and takes no more. After an `error` the rest is still there, but sent
   * again only when flush or close is called again.
   */
  readonly close: () => Promise<Result<Flushed>>;
  /** Sends any operation of the API, and answers its data, for what has no method here. */
  readonly request: <Data>(query: string, variables?: object) => Promise<Result<Data>>;

  readonly #buffer: UsageBuffer;

  /** @throws TypeError without an API key, or if a number makes no sense */
  constructor({
    apiKey,
    endpoint = 'http://127.0.0.1:4000/graphql',
    onError = () => undefined,
    retry = defaultRetry,
    timeoutMs = 10_000,
    flushAt,
    flushInterval,
    maxBuffered,
    fetch = globalThis.fetch,
  }: KanaAdminOptions) {
    if (!apiKey) throw new TypeError('"apiKey" cannot be empty');
    const limits = { flushAt, flushInterval, maxBuffered };
    checkNumbers(limits, 1);
    checkNumbers({ timeoutMs }, 0);
    const policy = { retry, onError };
    const send = createSend({ endpoint, apiKey, timeoutMs, fetch });
    const request = createRequest(send, policy);
    const method = createMethod(request, policy);
    const buffer = createBuffer(
      limits,
      createSendUsages(request),
      (error) => report(policy, error),
      () => new Date(),
    );
    const buffers = flushAt !== undefined || flushInterval !== undefined;

    this.features = createFeatures(method, createRecorder(request, policy, buffers ? buffer.add : undefined));
    this.packages = createPackages(method);
    this.users = createUsers(method);
    this.subscriptions = createSubscriptions(method);
    this.payments = createPayments(policy);
    this.flush = buffer.flush;
    this.close = buffer.close;
    this.request = (document, variables) => guard(policy, () => request(document, variables));
    this.#buffer = buffer;
  }

  /** How many buffered usages the server has not judged yet. */
  get pending(): number {
    return this.#buffer.size();
  }
}
