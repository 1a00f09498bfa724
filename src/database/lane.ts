import DataLoader from 'dataloader';

/**
 * Collects concurrent calls and answers them together, by one statement for all that wait. A batch leaves as
 * soon as one of the lane's few connections is free: an idle server adds no wait, and a busy one grows its
 * batches by itself.
 *
 * @param connections how many batches may run at once
 * @param maxItems how many calls one batch may hold
 * @param run answers one result per item, in their order; an Error in an item's place is that item's alone
 */
export function createLane<Item, Result>(
  { connections, maxItems }: { connections: number; maxItems: number },
  run: (items: readonly Item[]) => Promise<(Result | Error)[]>,
): (item: Item) => Promise<Result> {
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
  const loader = new DataLoader<Item, Result>((items) => run(items).finally(finish), {
    cache: false,
    maxBatchSize: maxItems,
    batchScheduleFn: (dispatch) => (running < connections ? start(dispatch) : waiting.push(dispatch)),
  });
  return (item) => loader.load(item);
}

/**
 * Runs a batch, and if it fails each item alone: what is wrong with one does not fail its neighbours. An Error
 * in an item's place is that item's.
 */
export async function apart<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Result[]>,
): Promise<(Result | Error)[]> {
  try {
    return await run(items);
  } catch (error) {
    if (items.length <= 1) return items.map(() => error as Error);
    const results: (Result | Error)[] = [];
    for (const item of items) results.push(...(await apart([item], run)));
    return results;
  }
}
