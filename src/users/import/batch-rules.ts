/** The number of rows in one statement. */
export const batchSize = 500;

/** Splits items into batches of at most `size`, in order. */
export function batches<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
