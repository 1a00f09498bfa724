import { BufferFullError, InputError, KanaError } from './errors.ts';
import type { Result } from './result.ts';
import type { RecordedUsage } from './types.ts';
import type { NamedUsage, SendUsages } from './usage.ts';

export interface BufferLimits {
  /** As many usages are sent at once: 100 by default. */
  flushAt: number | undefined;
  /** After so many milliseconds whatever waits is sent: 1,000 by default. */
  flushInterval: number | undefined;
  /** As many usages may wait: 10,000 by default. */
  maxBuffered: number | undefined;
}

/** What a flush came to. */
export interface Flushed {
  /** How many usages the server has judged during it: recorded them, or refused them for good. */
  confirmed: number;
}

export interface UsageBuffer {
  /** How many usages the server has not judged yet. */
  size(): number;
  /** Answers what the server says of this usage, once it has. Throws a KanaError if there is no room for it. */
  add(usage: NamedUsage): Promise<Result<RecordedUsage>>;
  flush(): Promise<Result<Flushed>>;
  /** Takes nothing new, and flushes. */
  close(): Promise<Result<Flushed>>;
}

interface Waiting {
  usage: NamedUsage;
  /** When it was used, by this machine's clock; undefined if its caller tells, or the server has to. */
  stamp: Date | undefined;
  settle: (result: Result<RecordedUsage>) => void;
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
  report: (error: KanaError) => Promise<void>,
  now: () => Date,
): UsageBuffer {
  const waiting: Waiting[] = [];
  const enough = Math.min(flushAt, maxBatch);
  let confirmed = 0;
  let closed = false;
  /** Whether the last sending failed: then the interval is waited for, however many usages there are. */
  let failed = false;
  let sending: Promise<KanaError | undefined> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Sends the next batch, or joins the one that is on its way. Answers the error that kept some of it. */
  function sendNext(): Promise<KanaError | undefined> {
    sending ??= sendFirst().then((error) => {
      sending = undefined;
      failed = error !== undefined;
      if (!failed && waiting.length >= enough) sendNext();
      else plan();
      return error;
    });
    return sending;
  }

  async function sendFirst(): Promise<KanaError | undefined> {
    clearTimeout(timer);
    timer = undefined;
    await undefined; // Whatever is added in the same turn of the event loop goes along.
    const error = await deliver(waiting.slice(0, maxBatch));
    if (error) await report(error);
    return error;
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
  async function deliver(batch: Waiting[]): Promise<KanaError | undefined> {
    const { data, error } = await sendUsages(batch.map(stamped));
    if (data) {
      const ahead = settle(batch, data);
      return ahead.length > 0 ? deliver(ahead) : undefined;
    }
    if (!(error instanceof InputError)) return error;
    if (batch.length === 1) return void settle(batch, [{ error }]);
    const half = Math.ceil(batch.length / 2);
    return (await deliver(batch.slice(0, half))) ?? deliver(batch.slice(half));
  }

  /** Answers what the server has judged; the rest has lost its stamp, and stays in front. */
  function settle(batch: Waiting[], results: Result<RecordedUsage>[]): Waiting[] {
    const ahead: Waiting[] = [];
    for (const [index, each] of batch.entries()) {
      const result = results[index] ?? { error: new KanaError('The server did not answer this usage.') };
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
      if (closed) throw new KanaError('The client is closed: not recorded.', { name: 'ClosedError' });
      if (waiting.length >= maxBuffered)
        throw new BufferFullError(`${maxBuffered} usages wait to be sent: not recorded.`);
      return new Promise((settle) => {
        // An enforced usage counts when it is judged: in the window whose limit it is held to.
        const stamp = usage.timestamp || usage.enforce ? undefined : now();
        waiting.push({ usage, stamp, settle });
        if (waiting.length >= enough && !failed) sendNext();
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
