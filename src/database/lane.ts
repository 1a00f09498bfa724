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
