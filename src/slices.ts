import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long synchronous work may hold the event loop before other requests get it. */
const sliceMs = 10;

/** Calls `work` for each item, in order. Other requests get the event loop every few milliseconds. */
export async function eachInSlices<Item>(items: readonly Item[], work: (item: Item) => void): Promise<void> {
  let sliceEndsAt = performance.now() + sliceMs;
  for (const item of items) {
    work(item);
    if (performance.now() < sliceEndsAt) continue;
    await nextTurn();
    sliceEndsAt = performance.now() + sliceMs;
  }
}
