export interface RateLimit {
  /** Counts a request of this caller. Returns 0 if it is allowed, else how many milliseconds to wait. */
  take(caller: string): number;
}

/** Beyond this many callers, those with a full allowance are removed. */
const maxCallers = 10_000;

/**
 * Allows each caller this many requests a second on average, and as many at once after a second without requests. Only
 * one number is stored for each caller: when the allowance is full again. This needs no timers, and no fixed windows,
 * whose edges would allow twice as much.
 *
 * @param now a monotonic clock in milliseconds
 */
export function createRateLimit(perSecond: number, now: () => number = () => performance.now()): RateLimit {
  const intervalMs = 1_000 / perSecond;
  const fullAt = new Map<string, number>();

  function removeFull(at: number): void {
    for (const [caller, full] of fullAt) if (full <= at) fullAt.delete(caller);
  }
  return {
    take(caller) {
      const at = now();
      const full = Math.max(fullAt.get(caller) ?? at, at) + intervalMs;
      const waitMs = full - at - 1_000;
      // Less than a thousandth of a request is a rounding error.
      if (waitMs > intervalMs / 1_000) return waitMs;
      if (fullAt.size >= maxCallers) removeFull(at);
      fullAt.set(caller, full);
      return 0;
    },
  };
}
