import DataLoader from 'dataloader';
import type { LaneMeter } from '../telemetry/metrics.ts';
import type { SpanContext, Tracing } from '../telemetry/tracing.ts';
import { unavailabilityOf } from './errors.ts';

/** How many callers of a batch a trace names besides the first. */
const maxLinks = 100;

/**
 * Collects concurrent calls and answers them together, by one statement for all that wait. A batch leaves as
 * soon as one of the lane's few connections is free: an idle server adds no wait, and a busy one grows its
 * batches by itself.
 *
 * @param connections how many batches may run at once
 * @param maxItems how many calls one batch may hold
 * @param meter what tells the operator of it
 * @param run answers one result per item, in their order; an Error in an item's place is that item's alone
 */
export function createLane<Item, Result>(
  { connections, maxItems, meter }: { connections: number; maxItems: number; meter: LaneMeter },
  run: (items: readonly Item[]) => Promise<(Result | Error)[]>,
): (item: Item) => Promise<Result> {
  const { name, tracing } = meter;
  const waiting: (() => void)[] = [];
  let running = 0;

  function start(dispatch: () => void) {
    running += 1;
    setImmediate(dispatch);
  }
  function finish() {
    running -= 1;
    const next = waiting.shift();
    if (next) start(next);
  }
  const callers: (SpanContext | null)[] = [];
  function answer(items: readonly Item[]) {
    const startedAt = performance.now();
    meter.waiting -= items.length;
    meter.size.observe(items.length);
    const work = () => run(items);
    const running = tracing === null ? work() : traced(tracing, name, callers.splice(0, items.length), work);
    return running.finally(() => {
      meter.duration.observe((performance.now() - startedAt) / 1_000);
      finish();
    });
  }
  const loader = new DataLoader<Item, Result>(answer, {
    cache: false,
    maxBatchSize: maxItems,
    batchScheduleFn: (dispatch) => (running < connections ? start(dispatch) : waiting.push(dispatch)),
  });
  return (item) => {
    meter.waiting += 1;
    if (tracing !== null) callers.push(tracing.here());
    return loader.load(item);
  };
}

/** Runs a batch as part of the trace of its first caller, and with links to the others. */
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
 * Runs a batch, and if it fails each item alone: what is wrong with one does not fail its neighbours. An Error
 * in an item's place is that item's. What has waited for the database in vain fails all of them at once: each item
 * alone would wait as long again.
 */
export async function retryIndividually<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | Error)[]> {
  try {
    return await run(items);
  } catch (error) {
    if (items.length <= 1 || waitsAgain(error)) return items.map(() => error as Error);
    const results: (Result | Error)[] = [];
    for (const item of items) results.push(...(await retryIndividually([item], run)));
    return results;
  }
}

function waitsAgain(error: unknown): boolean {
  const reason = unavailabilityOf(error);
  return reason !== null && reason !== 'unreachable' && reason !== 'conflict';
}
