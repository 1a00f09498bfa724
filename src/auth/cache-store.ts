/** Remembers answers of the database for a moment, so that a busy server does not ask it at every request. */
export interface Cache<Value> {
  /** The value of this name: as it was found a moment ago, or as `find` finds it now. */
  get(name: string, find: () => Promise<Value | null>): Promise<Value | null>;
  forget(name: string): void;
}

/**
 * What is not found is not remembered: nobody can fill the memory by guessing. What is remembered goes with its
 * lifetime, so that there is never more of it than was asked for within one.
 *
 * @param now a clock in milliseconds that never goes back, whatever the wall clock does: a value that was taken away
 *   must not come back with it
 */
export function createCache<Value>(
  lifetimeMs: number,
  now: () => number = () => performance.now(),
): Cache<Value> {
  const known = new Map<string, { value: Promise<Value | null>; until: number }>();

  /** The oldest come first. */
  function forgetOutdated(at: number): void {
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
      forgetOutdated(at);

      // Counted from before the question, and shared by all who ask meanwhile.
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
