/** Caches answers of the database for a short time, so that not every request needs a query. */
export interface Cache<Value> {
  /** Returns the cached value of this name, or else what `find` returns. */
  get(name: string, find: () => Promise<Value | null>): Promise<Value | null>;
  forget(name: string): void;
}

/**
 * Misses are not cached: nobody can fill the memory with guesses. Entries are removed when their lifetime ends, so the
 * cache holds at most what was requested within one lifetime.
 *
 * @param now a monotonic clock in milliseconds. With the wall clock, a revoked value could become valid again
 */
export function createCache<Value>(
  lifetimeMs: number,
  now: () => number = () => performance.now(),
): Cache<Value> {
  const known = new Map<string, { value: Promise<Value | null>; until: number }>();

  /** A Map keeps the order of insertion: oldest first. */
  function removeExpired(at: number): void {
    for (const [name, { until }] of known) {
      if (until > at) return;
      known.delete(name);
    }
  }
  return {
    get(name, find) {
      const at = now();
      const entry = known.get(name);
      if (entry !== undefined && at < entry.until) return entry.value;
      removeExpired(at);

      // The lifetime starts before the query. Concurrent callers share the query.
      const fresh = { value: find(), until: at + lifetimeMs };
      known.set(name, fresh);
      const forget = () => {
        if (known.get(name) === fresh) known.delete(name);
      };
      fresh.value.then((value) => value ?? forget(), forget);
      return fresh.value;
    },
    forget(name) {
      known.delete(name);
    },
  };
}
