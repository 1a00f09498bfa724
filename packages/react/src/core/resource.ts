import { isHidden, onPageReturn } from './page.ts';
import { KanaError } from './transport.ts';

/** What is known of something that is read from the server. */
export type State<Data extends object> =
  /** Nothing is known yet. */
  | { status: 'loading'; data: null; error: null }
  /** It was read. */
  | { status: 'ready'; data: Data; error: null }
  /** It was read before, and the last attempt failed. */
  | { status: 'stale'; data: Data; error: KanaError }
  /** It was never read, and the last attempt failed. */
  | { status: 'error'; data: null; error: KanaError };

export interface ResourceOptions<Data extends object> {
  /** How often it is read again while somebody listens, in milliseconds. 0: never by itself. */
  refreshMs: number;
  /** What was read elsewhere, such as on a server. */
  initial?: Data | undefined;
  /** When the data become wrong by themselves, as epoch milliseconds. */
  expiresAt?: (data: Data) => number | null;
  onError?: ((error: KanaError) => void) | undefined;
}

/**
 * Something that is read from the server, kept, and read again while somebody listens: regularly, when the page becomes
 * visible, and when the network comes back. What was read before is kept if reading fails. `subscribe` is that of Svelte's
 * stores too.
 */
export class Resource<Data extends object> {
  /** The state before anything was read: the same on a server and when its page wakes up in the browser. */
  readonly initialState: State<Data>;
  readonly #load: (signal: AbortSignal) => Promise<Data>;
  readonly #options: ResourceOptions<Data>;
  readonly #listeners = new Set<(state: State<Data>) => void>();
  #state: State<Data>;
  /** When the last attempt ended, as epoch milliseconds. */
  #triedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #controller = new AbortController();
  #forget: () => void = () => undefined;

  constructor(load: (signal: AbortSignal) => Promise<Data>, options: ResourceOptions<Data>) {
    this.#load = load;
    this.#options = options;
    const { initial } = options;
    this.initialState =
      initial === undefined
        ? { status: 'loading', data: null, error: null }
        : { status: 'ready', data: initial, error: null };
    this.#state = this.initialState;
  }

  readonly getState = (): State<Data> => this.#state;

  /** Calls `listener` now and on every change. The first one who listens starts the reading, the last one ends it. */
  readonly subscribe = (listener: (state: State<Data>) => void): (() => void) => {
    const heard = (state: State<Data>) => listener(state);
    this.#listeners.add(heard);
    if (this.#listeners.size === 1) this.#start();
    heard(this.#state);
    return () => {
      this.#listeners.delete(heard);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  /** Reads now. What it answers was read after this call, so it holds what was changed before. Never rejects. */
  readonly refresh = async (): Promise<State<Data>> => {
    if (this.#running === null) this.#running = this.#read();
    else this.#next ??= this.#running.then(() => this.#again());
    await (this.#next ?? this.#running);
    return this.#state;
  };

  #again(): Promise<void> {
    this.#next = null;
    this.#running = this.#read();
    return this.#running;
  }

  async #read(): Promise<void> {
    const controller = new AbortController();
    this.#controller = controller;
    clearTimeout(this.#timer);
    try {
      const data = await this.#load(controller.signal);
      this.#failures = 0;
      this.#become({ status: 'ready', data, error: null });
    } catch (thrown) {
      if (!controller.signal.aborted) this.#fail(thrown);
    }
    this.#running = null;
    this.#triedAt = Date.now();
    this.#schedule();
  }

  #fail(thrown: unknown): void {
    const error =
      thrown instanceof KanaError ? thrown : new KanaError('KanaError', String(thrown), { cause: thrown });
    this.#failures += 1;
    const { data } = this.#state;
    this.#become(data === null ? { status: 'error', data, error } : { status: 'stale', data, error });
    this.#options.onError?.(error);
  }

  #become(state: State<Data>): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  #start(): void {
    this.#forget = onPageReturn(this.#wake);
    this.#controller = new AbortController();
    if (this.#state.status !== 'ready') void this.refresh();
    else this.#schedule();
  }

  #stop(): void {
    this.#forget();
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  /** Reads when the page comes back, unless that was done a moment ago. */
  readonly #wake = (): void => {
    if (isHidden() || this.#options.refreshMs === 0) return;
    if (Date.now() - this.#triedAt >= Math.min(this.#options.refreshMs, minWakeMs)) void this.refresh();
  };

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#listeners.size === 0 || this.#options.refreshMs === 0) return;
    this.#timer = setTimeout(() => {
      if (isHidden()) return;
      void this.refresh();
    }, this.#waitMs());
  }

  #waitMs(): number {
    const { refreshMs, expiresAt } = this.#options;
    const { data, error } = this.#state;
    if (error !== null)
      return error.retryAfterMs ?? Math.min(refreshMs * 2 ** this.#failures, maxBackoffMs) * jitter();
    const at = expiresAt?.(data as Data) ?? Number.POSITIVE_INFINITY;
    return Math.max(Math.min(refreshMs * jitter(), at - Date.now() + 1_000), 1_000);
  }
}

const minWakeMs = 5_000;
const maxBackoffMs = 300_000;

/** Many pages that were opened at once must not ask at once for ever. */
const jitter = () => 0.9 + Math.random() * 0.2;
