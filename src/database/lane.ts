import DataLoader from 'dataloader';
import type { LaneMetrics } from '../telemetry/metrics.ts';
import type { SpanContext, Tracing } from '../telemetry/tracing.ts';
import { unavailabilityOf } from './errors.ts';

/** The most callers of a batch that a span links to, besides the first. */
const maxLinks = 100;

/** Calls never wait behind a batch of more than this: it takes long. */
const largeBatch = 100;

interface Lane {
  connections: number;
  maxItems: number;
  metrics: LaneMetrics;
  maxDelayMs?: number;
}

/**
 * Collects concurrent calls and answers them together, with one statement for all that wait. A batch starts as soon as
 * one of the lane's connections is free. So an idle server adds no wait, and under load batches grow. A statement costs
 * as much as twenty calls, however many share it: so beside small batches, another one starts only when as many calls
 * wait for it, or some have waited for a moment.
 *
 * @param connections the maximum number of concurrent batches
 * @param maxItems the maximum number of calls in a batch
 * @param maxDelayMs the longest that calls wait for others to share their statement: the one before may be stuck
 * @param run returns one result for each item, in order. An Error fails only its own item
 */
export function createLane<Item, Result>(
  { connections, maxItems, metrics, maxDelayMs = 20 }: Lane,
  run: (items: readonly Item[]) => Promise<(Result | Error)[]>,
): (item: Item) => Promise<Result> {
  const { name, tracing } = metrics;
  const waiting: (() => void)[] = [];
  let running = 0;
  /** Calls in the batches that run. */
  let inFlight = 0;

  let delayed: NodeJS.Timeout | undefined;
  const mayStart = () => waiting.length > 0 && running < connections;
  const isWorthwhile = () => running === 0 || metrics.waiting >= inFlight || inFlight > largeBatch;
  function startNext() {
    if (!mayStart()) return;
    if (isWorthwhile()) start();
    else delayed ??= setTimeout(startAnyway, maxDelayMs);
  }
  function startAnyway() {
    delayed = undefined;
    if (mayStart()) start();
  }
  function start() {
    clearTimeout(delayed);
    delayed = undefined;
    running += 1;
    setImmediate(waiting.shift() as () => void);
  }
  const callers: (SpanContext | null)[] = [];
  function answer(items: readonly Item[]) {
    const startedAt = performance.now();
    metrics.waiting -= items.length;
    inFlight += items.length;
    metrics.size.observe(items.length);
    const work = () => run(items);
    const answers = tracing === null ? work() : traced(tracing, name, callers.splice(0, items.length), work);
    return answers.finally(() => {
      metrics.duration.observe((performance.now() - startedAt) / 1_000);
      running -= 1;
      inFlight -= items.length;
      startNext();
    });
  }
  const loader = new DataLoader<Item, Result>(answer, {
    cache: false,
    maxBatchSize: maxItems,
    batchScheduleFn: (dispatch) => waiting.push(dispatch),
  });
  return (item) => {
    metrics.waiting += 1;
    if (tracing !== null) callers.push(tracing.here());
    const answered = loader.load(item);
    startNext();
    return answered;
  };
}

/** Runs a batch in the trace of its first caller, with links to the others. */
async function traced<Result>(
  tracing: Tracing,
  name: string,
  callers: readonly (SpanContext | null)[],
  work: () => Promise<Result[]>,
): Promise<Result[]> {
  const [parent = null, ...links] = callers.filter((caller) => caller !== null);
  const attributes = { 'db.operation.batch.size': callers.length };
  const span = tracing.begin({
    name: `batch ${name}`,
    kind: 'INTERNAL',
    parent,
    links: links.slice(0, maxLinks),
    attributes,
  });
  try {
    return await span.run(work);
  } finally {
    span.end();
  }
}

/**
 * Runs a batch. If it fails, runs each item individually, so that one bad item does not fail the others: its result is
 * an Error. After a timeout, all items fail at once: each one would wait as long again.
 */
export async function retryIndividually<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | Error)[]> {
  try {
    return await run(items);
  } catch (error) {
    if (items.length <= 1 || wouldWaitAgain(error)) return items.map(() => error as Error);
    const results: (Result | Error)[] = [];
    for (const item of items) results.push(...(await retryIndividually([item], run)));
    return results;
  }
}

function wouldWaitAgain(error: unknown): boolean {
  const reason = unavailabilityOf(error);
  return reason !== null && reason !== 'unreachable' && reason !== 'conflict';
}
