import { Grants, Reservations, TopUps } from './allowances.ts';
import { type BufferLimits, type Flushed, UsageBuffer } from './buffer.ts';
import { Caller, type OnError, type Result, type Retry } from './caller.ts';
import { type KanaError, NetworkError, UnavailableError } from './errors.ts';
import { Features } from './features.ts';
import { Migrations } from './migrations.ts';
import { Packages } from './packages.ts';
import { Payments } from './payments.ts';
import { Recorder, UsageSender } from './recorder.ts';
import { Subscriptions } from './subscriptions.ts';
import { type Target, Transport } from './transport.ts';
import { createUsers, type Users } from './users.ts';

/** How a `KanaAdmin` works. Only the key is needed. */
export interface KanaAdminOptions extends Target, BufferLimits {
  /** Called with every error that a call answers. What it throws is ignored. */
  onError?: OnError;
  /**
   * Whether to send a call again after an error. `retryNumber` is 1 before the first repeat. A promise delays the
   * repeat. By default up to two repeats: on a `NetworkError` at once, on an `UnavailableError` when the server asks
   * for it.
   */
  retry?: Retry;
}

async function defaultRetry(error: KanaError, retryNumber: number): Promise<boolean> {
  if (retryNumber > 2) return false;
  const unavailable = error instanceof UnavailableError;
  if (unavailable) await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
  return unavailable || error instanceof NetworkError;
}

/** The options that are numbers, and the least that each may be. */
const minimums = { flushAt: 1, flushInterval: 1, maxBuffered: 1, timeoutMs: 0 };

/** A timer takes more milliseconds than this for one. */
const maximum = 2 ** 31 - 1;

/** Throws a TypeError that names the first option that is set and no whole number, or out of bounds. */
function checkNumbers(options: KanaAdminOptions): void {
  for (const [name, minimum] of Object.entries(minimums)) {
    const { [name as keyof typeof minimums]: value = minimum } = options;
    if (!(Number.isInteger(value) && value >= minimum && value <= maximum))
      throw new TypeError(`"${name}" must be a whole number from ${minimum} to ${maximum}`);
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
  readonly features: Features;
  /** What is sold. */
  readonly packages: Packages;
  /** Who uses it. */
  readonly users: Users;
  /** Which user has which package. */
  readonly subscriptions: Subscriptions;
  /** Moves subscribers to another package or version. */
  readonly migrations: Migrations;
  /** What one user has beside packages. */
  readonly grants: Grants;
  /** One-off amounts that users buy or get. */
  readonly topUps: TopUps;
  /** Amounts that are held for work whose size is known only afterwards. */
  readonly reservations: Reservations;
  /** Payment links. */
  readonly payments: Payments;

  readonly #caller: Caller;
  readonly #buffer: UsageBuffer;

  /** @throws TypeError without an API key, or with one that no header can carry, or if a number makes no sense */
  constructor(options: KanaAdminOptions) {
    if (!options.apiKey) throw new TypeError('"apiKey" cannot be empty');
    // Such as the … of an example. fetch would fail as if the server could not be reached.
    if (/[^\x20-\x7e]/.test(options.apiKey.trim()))
      throw new TypeError('"apiKey" has a character that no key has');
    checkNumbers(options);
    const { onError = () => undefined, retry = defaultRetry } = options;
    const caller = new Caller(new Transport(options), retry, onError);
    const sender = new UsageSender(caller);
    const buffer = new UsageBuffer(options, sender, caller);
    const isBuffered = Boolean(options.flushAt || options.flushInterval);

    this.features = new Features(caller, new Recorder(caller, sender, isBuffered ? buffer : null));
    this.packages = new Packages(caller);
    this.users = createUsers(caller);
    this.subscriptions = new Subscriptions(caller);
    this.migrations = new Migrations(caller);
    this.grants = new Grants(caller);
    this.topUps = new TopUps(caller);
    this.reservations = new Reservations(caller);
    this.payments = new Payments(caller);
    this.#caller = caller;
    this.#buffer = buffer;
  }

  /** How many buffered usages the server has not decided yet. */
  get pending(): number {
    return this.#buffer.size;
  }

  /**
   * Sends the buffered usages. `data`: all that was recorded before this call is on disk, or refused for good.
   * `error`: the rest stays in the buffer, and is sent again after `flushInterval`.
   */
  flush = (): Promise<Result<Flushed>> => this.#buffer.flush();

  /**
   * Sends the buffered usages like flush, and takes no more. After an `error` the rest is still there, but sent
   * again only when flush or close is called again.
   */
  close = (): Promise<Result<Flushed>> => this.#buffer.close();

  /** Sends any operation of the API, and answers its data. For what has no method here. */
  request = <Data>(query: string, variables?: object): Promise<Result<Data>> =>
    this.#caller.call(
      { text: query },
      () => variables,
      (data) => data as Data,
    );
}
