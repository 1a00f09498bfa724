import type { Caller, Result } from './caller.ts';
import { BufferFullError, InputError, KanaError } from './errors.ts';
import type { KeyedUsage, UsageSender } from './recorder.ts';
import type { RecordedUsage } from './types.ts';

/** The options of the client that the buffer reads. */
export interface BufferLimits {
  /** Buffers `recordUsage`, and sends as soon as this many usages wait: 100 by default, 400 at most. */
  flushAt?: number;
  /** Buffers `recordUsage`, and sends what waits after this many milliseconds: 1,000 by default. */
  flushInterval?: number;
  /** How many usages may wait in the buffer, 10,000 by default. More are refused with a `BufferFullError`. */
  maxBuffered?: number;
}

/** The result of a flush. */
export interface Flushed {
  /** How many usages the server has decided during it: recorded them, or refused them for good. */
  confirmed: number;
}

interface Waiting {
  usage: KeyedUsage;
  /** When it was used, by this machine's clock. Undefined if the caller or the server sets the time. */
  stamp: Date | undefined;
  settle: (result: Result<RecordedUsage>) => void;
}

/** This many usages fit into the 1 MiB that a request may hold, whatever their ids are. */
const maxBatch = 400;

const stamped = ({ usage, stamp }: Waiting) => (stamp ? { ...usage, timestamp: stamp } : usage);

/** Whether the server refused a usage because its time is too far in the future. */
const isAhead = ({ error }: Result<RecordedUsage>) => /^input\.\d+\.timestamp: /.test(error?.message ?? '');

/**
 * Collects usages and sends them together, one batch at a time, in the order they came. A usage leaves the buffer
 * only when the server has decided it. After any failure it stays, keeps its key, and is sent again after the
 * interval. So nothing is lost while the process lives, and nothing counts twice.
 */
export class UsageBuffer {
  readonly #sender: UsageSender;
  readonly #caller: Caller;
  readonly #flushAt: number;
  readonly #flushIntervalMs: number;
  readonly #maxBuffered: number;
  readonly #waiting: Waiting[] = [];
  #confirmed = 0;
  #closed = false;
  /** Why the last batch failed, if it did. Then only the interval, flush and close send again. */
  #failure: KanaError | undefined;
  #sending: Promise<KanaError | undefined> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    { flushAt = 100, flushInterval = 1_000, maxBuffered = 10_000 }: BufferLimits,
    sender: UsageSender,
    caller: Caller,
  ) {
    this.#sender = sender;
    this.#caller = caller;
    this.#flushAt = Math.min(flushAt, maxBatch);
    this.#flushIntervalMs = flushInterval;
    this.#maxBuffered = maxBuffered;
  }

  /** How many usages the server has not decided yet. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Answers once the server has recorded this usage. Throws a KanaError if it is refused, or the buffer is full. */
  async add(usage: KeyedUsage): Promise<RecordedUsage> {
    if (this.#closed) throw new KanaError('The client is closed.', { name: 'ClosedError' });
    if (this.#waiting.length >= this.#maxBuffered)
      throw new BufferFullError(`${this.#maxBuffered} usages wait: not recorded.`);
    return new Promise((resolve, reject) => {
      // An enforced usage counts when it is decided: in the window whose limit it is held to.
      const stamp = usage.timestamp || usage.enforce ? undefined : new Date();
      const settle: Waiting['settle'] = ({ data, error }) => (error ? reject(error) : resolve(data));
      this.#waiting.push({ usage, stamp, settle });
      if (this.#waiting.length >= this.#flushAt && !this.#failure) this.#sendNext();
      else if (!this.#sending) this.#schedule();
    });
  }

  /** Sends what waits now. Answers the first error. */
  async flush(): Promise<Result<Flushed>> {
    const before = this.#confirmed;
    const goal = this.#confirmed + this.#waiting.length;
    while (this.#confirmed < goal) {
      const error = await this.#sendNext();
      if (error) return { error };
    }
    return { data: { confirmed: this.#confirmed - before } };
  }

  /** Takes nothing new, and flushes. */
  close(): Promise<Result<Flushed>> {
    this.#closed = true;
    return this.flush();
  }

  /** Sends the next batch, or joins the one that is being sent. Answers the error that kept some of it. */
  #sendNext(): Promise<KanaError | undefined> {
    this.#sending ??= this.#sendBatch();
    return this.#sending;
  }

  async #sendBatch(): Promise<KanaError | undefined> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await undefined; // Whatever is added in the same turn of the event loop goes along.
    this.#failure = await this.#deliver(this.#waiting.slice(0, maxBatch)).catch((thrown) =>
      this.#caller.report(thrown),
    );
    this.#sending = undefined;
    if (!this.#failure && this.#waiting.length >= this.#flushAt) this.#sendNext();
    else this.#schedule();
    return this.#failure;
  }

  /** A closed client makes no attempts in the background: the process may end. */
  #schedule(): void {
    if (this.#waiting.length > 0 && !this.#closed)
      this.#timer ??= setTimeout(() => this.flush(), this.#flushIntervalMs);
  }

  /**
   * Sends a batch. If the server refuses it as a whole, one bad usage may be the reason: halves are sent, until the
   * bad ones stand alone and are refused alone. A usage whose time is refused, because this machine's clock is wrong,
   * is sent again without it.
   */
  async #deliver(batch: Waiting[]): Promise<undefined> {
    let results: Result<RecordedUsage>[];
    try {
      results = await this.#sender.sendAll(batch.map(stamped));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await this.#deliver(batch.slice(0, half));
        return this.#deliver(batch.slice(half));
      }
      results = [{ error }];
    }
    const ahead = this.#settle(batch, results);
    if (ahead.length > 0) await this.#deliver(ahead);
  }

  /** Answers what the server has decided. The rest loses its time, and stays in front. */
  #settle(batch: Waiting[], results: Result<RecordedUsage>[]): Waiting[] {
    const ahead: Waiting[] = [];
    for (const [index, each] of batch.entries()) {
      const result = results[index] as Result<RecordedUsage>;
      if (each.stamp && isAhead(result)) ahead.push({ ...each, stamp: undefined });
      else each.settle(result);
    }
    this.#waiting.splice(0, batch.length, ...ahead);
    this.#confirmed += batch.length - ahead.length;
    return ahead;
  }
}
