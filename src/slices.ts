/** How long synchronous work may hold the event loop before other requests get it. */
const sliceMs = 10;

/** Work that waits for its turn on the event loop, by whom it is for. Both in order of arrival. */
const waiting = new Map<string, (() => void)[]>();
let isScheduled = false;

/**
 * Resolves when expensive synchronous work may go on. One piece of work goes on in each turn of the event loop, whatever
 * waits, so that other requests never wait for more than one. Owners take turns: one with much work does not delay others.
 *
 * @param owner whom the work is for, such as an environment
 */
export function loopTurn(owner = ''): Promise<void> {
  return new Promise((resolve) => {
    const own = waiting.get(owner);
    if (own) own.push(resolve);
    else waiting.set(owner, [resolve]);
    if (!isScheduled) schedule();
  });
}

function schedule(): void {
  isScheduled = true;
  setImmediate(() => {
    isScheduled = false;
    const [next] = waiting;
    if (next === undefined) return;
    const [owner, works] = next;
    const work = works.shift();
    // Its owner comes last now.
    waiting.delete(owner);
    if (works.length > 0) waiting.set(owner, works);
    if (waiting.size > 0) schedule();
    work?.();
  });
}

/** Calls `work` for each item, in order. Other requests get the event loop every few milliseconds. */
export async function eachInSlices<Item>(
  items: Iterable<Item>,
  work: (item: Item) => void,
  owner?: string,
): Promise<void> {
  let sliceEndsAt = performance.now() + sliceMs;
  for (const item of items) {
    work(item);
    if (performance.now() < sliceEndsAt) continue;
    await loopTurn(owner);
    sliceEndsAt = performance.now() + sliceMs;
  }
}

/** Like map, in slices; see eachInSlices. */
export async function mapInSlices<Item, Result>(
  items: Iterable<Item>,
  work: (item: Item, index: number) => Result,
  owner?: string,
): Promise<Result[]> {
  const results: Result[] = [];
  await eachInSlices(items, (item) => void results.push(work(item, results.length)), owner);
  return results;
}
