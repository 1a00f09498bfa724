import { OverloadedError } from '../database/errors.ts';

/** Caches answers of the database for a short time, so that not every request needs a query. */
export interface Cache<Value> {
  /**
   * Returns the cached value of this name, or else what `find` returns.
   *
   * @throws OverloadedError if the name is a guess, and too many guesses are looked up already
   */
  get(name: string, find: () => Promise<Value | null>): Promise<Value | null>;
  forget(name: string): void;
}

/** A guess is a name that had no value when it was last looked up. So many are looked up at once. */
const maxGuesses = 32;
/** So many names are known to be no guesses. */
const maxProven = 10_000;

/**
 * Misses are not cached: nobody can fill the memory with guesses. Nor can anybody fill the queue to the database with
 * them: names that had a value lately never wait for more than a few guesses. Entries are removed when their lifetime
 * ends, so the cache holds at most what was requested within one lifetime.
 *
 * @param now a monotonic clock in milliseconds. With the wall clock, a revoked value could become valid again
 * @param remainingMsOf how long the value stayed valid when it was read; null without an end. It is not cached longer
 */
export function createCache<Value>(
  lifetimeMs: number,
  now: () => number = () => performance.now(),
  remainingMsOf: (value: Value) => number | null = () => null,
): Cache<Value> {
  const known = new Map<string, { value: Promise<Value | null>; until: number }>();
  const proven = new Set<string>();
  let guesses = 0;

  /** A Map keeps the order of insertion: oldest first. */
  function removeExpired(at: number): void {
    for (const [name, { until }] of known) {
      if (until > at) return;
      known.delete(name);
    }
  }

  async function guess(name: string, find: () => Promise<Value | null>): Promise<Value | null> {
    if (guesses >= maxGuesses)
      throw new OverloadedError('too many unknown credentials are looked up at once');
    guesses += 1;
    try {
      const value = await find();
      if (value !== null) prove(name);
      return value;
    } finally {
      guesses -= 1;
    }
  }

  function prove(name: string): void {
    const [oldest] = proven;
    if (proven.size >= maxProven && oldest !== undefined) proven.delete(oldest);
    proven.add(name);
  }

  return {
    get(name, find) {
      const at = now();
      const entry = known.get(name);
      if (entry !== undefined && at < entry.until) return entry.value;
      removeExpired(at);

      // The lifetime starts before the query. Concurrent callers share the query.
      const fresh = { value: proven.has(name) ? find() : guess(name, find), until: at + lifetimeMs };
      known.set(name, fresh);
      const forget = () => {
        if (known.get(name) === fresh) known.delete(name);
      };
      fresh.value.then((value) => {
        if (value !== null) {
          fresh.until = Math.min(fresh.until, at + (remainingMsOf(value) ?? lifetimeMs));
          return;
        }
        proven.delete(name);
        forget();
      }, forget);
      return fresh.value;
    },
    forget(name) {
      known.delete(name);
    },
  };
}
