import { type Answer, refusal } from './response.ts';

/** Says who may go on, and tells the others when to come back. */
export interface RateLimit {
  /** Counts one request of this caller: 0 if it may go on, else in how many milliseconds it may. */
  take(caller: string): number;
}

/** Callers who are remembered before those who have not called for a while are forgotten. */
const maxRemembered = 10_000;

export const noRateLimit: RateLimit = { take: () => 0 };

/**
 * Lets each caller make so many requests a second on average, and as many at once after a pause of a second. All
 * that is kept of a caller is one number: the moment at which the allowance is whole again. That needs neither
 * timers nor windows, at whose edges twice as much would pass.
 *
 * @param now a clock in milliseconds that never goes back
 */
export function createRateLimit(perSecond: number, now: () => number = () => performance.now()): RateLimit {
  const interval = 1_000 / perSecond;
  const wholeAt = new Map<string, number>();

  function forgetRested(at: number): void {
    for (const [caller, whole] of wholeAt) if (whole <= at) wholeAt.delete(caller);
  }
  return {
    take(caller) {
      const at = now();
      const whole = Math.max(wholeAt.get(caller) ?? at, at) + interval;
      const tooEarly = whole - at - 1_000;
      // A thousandth of a request is a matter of rounding.
      if (tooEarly > interval / 1_000) return tooEarly;
      if (wholeAt.size >= maxRemembered) forgetRested(at);
      wholeAt.set(caller, whole);
      return 0;
    },
  };
}

const message = 'Too many requests with these credentials. Come back after the time that Retry-After tells.';
const retryAfter = (waitMs: number) => ({ 'Retry-After': `${Math.ceil(waitMs / 1_000)}` });

/** The refusal of a request that comes too early; null if it may go on. */
export function rateLimited(limit: RateLimit, caller: string): Answer | null {
  const waitMs = limit.take(caller);
  return waitMs === 0 ? null : { ...refusal('RATE_LIMITED', message), headers: retryAfter(waitMs) };
}
