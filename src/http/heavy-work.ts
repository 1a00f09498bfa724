import { overloadedMessage, refusalError } from './response.ts';

/*
 * Work that needs much CPU or memory: catalogue files and exports. It has its own limits, because the gate counts each
 * operation as one.
 */

/** The limits of heavy work in a process. */
const defaults = {
  /** Concurrent work of all environments. */
  total: 2,
  /** Concurrent work of one environment. Less than the total. */
  perEnvironment: 1,
  /** The most waiting calls of one environment. */
  maxWaiting: 10,
  /** The longest wait before a call is refused. */
  waitTimeoutMs: 5_000,
};

/** The limits of reads that keep PostgreSQL busy, such as usage over time. Many at once would slow everybody down. */
export const longReads = { total: 4, perEnvironment: 2, maxWaiting: 100 };

/** Hashing passwords, for which strangers can ask: one at a time, so that it uses one core at most. */
export const passwordWork = { total: 1, perEnvironment: 1, maxWaiting: 20 };

/**
 * Runs heavy work within these limits, in order of arrival.
 *
 * @throws a refusal with status 503 if too many calls wait, or the wait is too long
 */
export type DoHeavyWork = <Result>(environmentId: string, work: () => Promise<Result>) => Promise<Result>;

interface Waiter {
  environmentId: string;
  start(): void;
}

export function createHeavyWork(limits: Partial<typeof defaults> = {}): DoHeavyWork {
  const { total, perEnvironment, maxWaiting, waitTimeoutMs } = { ...defaults, ...limits };
  const running = new Map<string, number>();
  const waiting: Waiter[] = [];

  const runningFor = (environmentId: string) => running.get(environmentId) ?? 0;
  const canStart = (environmentId: string) =>
    runningFor(environmentId) < perEnvironment &&
    [...running.values()].reduce((sum, n) => sum + n, 0) < total;
  const count = (environmentId: string, change: number) =>
    running.set(environmentId, runningFor(environmentId) + change);

  function waitForTurn(environmentId: string): Promise<void> {
    if (waiting.filter((waiter) => waiter.environmentId === environmentId).length >= maxWaiting)
      throw refusalError('OVERLOADED', overloadedMessage);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(refusalError('OVERLOADED', overloadedMessage));
      }, waitTimeoutMs);
      const waiter: Waiter = {
        environmentId,
        start() {
          clearTimeout(timer);
          count(environmentId, 1);
          resolve();
        },
      };
      waiting.push(waiter);
    });
  }
  function finish(environmentId: string): void {
    count(environmentId, -1);
    const next = waiting.findIndex((waiter) => canStart(waiter.environmentId));
    if (next >= 0) waiting.splice(next, 1)[0]?.start();
  }
  return async (environmentId, work) => {
    if (canStart(environmentId)) count(environmentId, 1);
    else await waitForTurn(environmentId);
    try {
      return await work();
    } finally {
      finish(environmentId);
    }
  };
}
