import { setTimeout as sleep } from 'node:timers/promises';

interface Wait {
  stop: AbortSignal;
  timeoutMs: number;
  pollMs: number;
}

/**
 * Waits until all transactions that run now have ended. Later ones do not matter. It blocks nobody.
 *
 * @param find the transactions that run at this moment
 * @returns whether they have ended; false after the timeout, or if the work was stopped
 */
export async function haveEnded(
  find: () => Promise<Set<string>>,
  { stop, timeoutMs, pollMs }: Wait,
): Promise<boolean> {
  const earlier = await find();
  const deadline = performance.now() + timeoutMs;
  while (!stop.aborted) {
    const running = await find();
    if (![...earlier].some((transaction) => running.has(transaction))) return true;
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
  return false;
}
