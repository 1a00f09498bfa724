import { accountFreeFailures, addressFreeFailures, forgetAfterMs, pauseMs } from './attempt-rules.ts';

/** Slows down who guesses passwords: by address and by account. */
export interface Attempts {
  /**
   * Counts an attempt as failed, before the password is known to be right: many at once count as many. Returns how many
   * milliseconds to wait before the next one; 0 lets this one go on.
   */
  begin(address: string, account: string): number;
  /** The attempt was right: the account starts anew, and the address counts one failure less. */
  succeed(address: string, account: string): void;
}

/** Beyond this many addresses or accounts, the one that was tried longest ago is forgotten. */
const maxTried = 10_000;

interface Tried {
  failures: number;
  lastAt: number;
  nextAt: number;
}

/**
 * Of this process; each counts for itself. An account that does not exist is counted like one that does.
 *
 * @param now a monotonic clock in milliseconds
 */
export function createAttempts(now: () => number = () => performance.now()): Attempts {
  const addresses = createCounts(addressFreeFailures, now);
  const accounts = createCounts(accountFreeFailures, now);
  return {
    begin(address, account) {
      const waitMs = Math.max(addresses.waitMs(address), accounts.waitMs(account));
      if (waitMs > 0) return waitMs;
      addresses.fail(address);
      accounts.fail(account);
      return 0;
    },
    succeed(address, account) {
      addresses.takeBack(address);
      accounts.clear(account);
    },
  };
}

function createCounts(freeFailures: number, now: () => number) {
  const all = new Map<string, Tried>();
  /** A Map keeps the order of insertion, so the first one was tried longest ago. */
  function put(name: string, tried: Tried): void {
    all.delete(name);
    const [oldest] = all.keys();
    if (all.size >= maxTried && oldest !== undefined) all.delete(oldest);
    all.set(name, tried);
  }
  return {
    waitMs: (name: string) => Math.max(0, (all.get(name)?.nextAt ?? 0) - now()),
    fail(name: string): void {
      const at = now();
      const before = all.get(name);
      const failures = before === undefined || at - before.lastAt > forgetAfterMs ? 1 : before.failures + 1;
      put(name, { failures, lastAt: at, nextAt: at + pauseMs(failures, freeFailures) });
    },
    takeBack(name: string): void {
      const before = all.get(name);
      if (before === undefined) return;
      put(name, { ...before, failures: Math.max(0, before.failures - 1), nextAt: 0 });
    },
    clear: (name: string) => all.delete(name),
  };
}
