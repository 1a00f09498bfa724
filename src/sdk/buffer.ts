import { BufferFullError, InputError, KanaError } from './errors.ts';
import type { Report, Result } from './result.ts';
import type { RecordedUsage } from './types.ts';
import type { NamedUsage, SendUsages } from './usage.ts';

/** The options of the client that the buffer reads. */
export interface BufferLimits {
  /** Buffers `recordUsage`, and sends as soon as so many usages wait: 100 by default, 400 at most. */
  flushAt?: number;
  /** Buffers `recordUsage`, and sends what waits after so many milliseconds: 1,000 by default. */
  flushInterval?: number;
  /** How many usages may wait in the buffer, 10,000 by default. More are refused with a `BufferFullError`. */
  maxBuffered?: number;
}

/** What a flush came to. */
export interface Flushed {
  /** How many usages the server has judged during it: recorded them, or refused them for good. */
  confirmed: number;
}

export interface UsageBuffer {
  /** How many usages the server has not judged yet. */
  size(): number;
  /** Answers once the server has recorded this usage. Throws a KanaError if it refused it, or there is no room. */
  add(usage: NamedUsage): Promise<RecordedUsage>;
  flush(): Promise<Result<Flushed>>;
  /** Takes nothing new, and flushes. */
  close(): Promise<Result<Flushed>>;
}

type Settle = (result: Result<RecordedUsage>) => void;

interface Waiting {
  usage: NamedUsage;
  /** When it was used, by this machine's clock; undefined if its caller tells, or the server has to. */
  stamp: Date | undefined;
  settle: Settle;
}

/** So many usages fit into the 1 MiB that a request may hold, whatever their ids are. */
const maxBatch = 400;

const stamped = ({ usage, stamp }: Waiting) => (stamp ? { ...usage, timestamp: stamp } : usage);

/** Whether the server refused a usage because it was used too far in the future. */
const isAhead = ({ error }: Result<RecordedUsage>) => /^input\.\d+\.timestamp: /.test(error?.message ?? '');

/**
 * Collects usages and sends them together, one batch at a time, in the order they came. A usage leaves the
 * buffer when the server has judged it and not before: whatever fails on the way stays, keeps its name, and
 * is sent again after the interval. So nothing is lost while the process lives, and nothing counts twice.
 */
export function createBuffer(
  { flushAt = 100, flushInterval = 1_000, maxBuffered = 10_000 }: BufferLimits,
  sendUsages: SendUsages,
  report: Report,
  now: () => Date,
): UsageBuffer {
  const waiting: Waiting[] = [];
  const enough = Math.min(flushAt, maxBatch);
  let confirmed = 0;
  let closed = false;
  /** Why the last sending failed, if it did: then the interval is waited for, however many usages there are. */
  let failure: KanaError | undefined;
  let sending: Promise<KanaError | undefined> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Sends the next batch, or joins the one that is on its way. Answers the error that kept some of it. */
  function sendNext(): Promise<KanaError | undefined> {
    sending ??= sendFirst();
    return sending;
  }

  async function sendFirst(): Promise<KanaError | undefined> {
    clearTimeout(timer);
    timer = undefined;
    await undefined; // Whatever is added in the same turn of the event loop goes along.
    failure = await deliver(waiting.slice(0, maxBatch)).catch(report);
    sending = undefined;
    if (!failure && waiting.length >= enough) sendNext();
    else plan();
    return failure;
  }

  /** After closing there are no more attempts in the background: the process may end. */
  function plan(): void {
    if (waiting.length > 0 && !closed) timer ??= setTimeout(flush, flushInterval);
  }

  /**
   * Sends the usages that wait longest. If what they say is refused, one of them may have spoilt it for all:
   * halves are sent, until the bad ones stand alone and are the only ones to be refused. Those whose stamp is
   * refused, for this machine's clock is wrong, are sent again without it.
   */
  async function deliver(batch: Waiting[]): Promise<undefined> {
    let results: Result<RecordedUsage>[];
    try {
      results = await sendUsages(batch.map(stamped));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await deliver(batch.slice(0, half));
        return deliver(batch.slice(half));
      }
      results = [{ error }];
    }
    const ahead = settle(batch, results);
    if (ahead.length > 0) await deliver(ahead);
  }

  /** Answers what the server has judged; the rest has lost its stamp, and stays in front. */
  function settle(batch: Waiting[], results: Result<RecordedUsage>[]): Waiting[] {
    const ahead: Waiting[] = [];
    for (const [index, each] of batch.entries()) {
      const result = results[index] as Result<RecordedUsage>;
      if (each.stamp && isAhead(result)) ahead.push({ ...each, stamp: undefined });
      else each.settle(result);
    }
    waiting.splice(0, batch.length, ...ahead);
    confirmed += batch.length - ahead.length;
    return ahead;
  }

  async function flush(): Promise<Result<Flushed>> {
    const before = confirmed;
    const goal = confirmed + waiting.length;
    while (confirmed < goal) {
      const error = await sendNext();
      if (error) return { error };
    }
    return { data: { confirmed: confirmed - before } };
  }

  return {
    size: () => waiting.length,
    async add(usage) {
      if (closed) throw new KanaError('The client is closed.', { name: 'ClosedError' });
      if (waiting.length >= maxBuffered)
        throw new BufferFullError(`${maxBuffered} usages wait: not recorded.`);
      return new Promise((recorded, refused) => {
        // An enforced usage counts when it is judged: in the window whose limit it is held to.
        const stamp = usage.timestamp || usage.enforce ? undefined : now();
        const settle: Settle = ({ data, error }) => (error ? refused(error) : recorded(data));
        waiting.push({ usage, stamp, settle });
        if (waiting.length >= enough && !failure) sendNext();
        else if (!sending) plan();
      });
    },
    flush,
    close() {
      closed = true;
      return flush();
    },
  };
}
