/** How many rows are looked up, or users made, by one statement. */
export const batchSize = 500;

/** These items in their order, at most `size` at a time. */
export function batches<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
