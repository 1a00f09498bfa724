import { overloadedMessage, refusalError } from './response.ts';

/*
 * Work that keeps a core busy, or much memory: catalogue files and exports. Counted by itself, because the gate, which
 * counts operations, takes each of them for one.
 */

/** How much of it a process does at once. */
const defaults = {
  /** For all environments together. */
  total: 2,
  /** For each environment: one never takes all places. */
  perEnvironment: 1,
  /** How many callers of an environment wait for their turn. */
  maxWaiting: 10,
  /** How long one waits before it is told to come back. */
  waitTimeoutMs: 5_000,
};

/**
 * Does the work when it is its environment's turn.
 *
 * @throws a refusal with status 503 if too many wait, or its turn does not come in time
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
  const hasPlace = (environmentId: string) =>
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
    const next = waiting.findIndex((waiter) => hasPlace(waiter.environmentId));
    if (next >= 0) waiting.splice(next, 1)[0]?.start();
  }
  return async (environmentId, work) => {
    if (hasPlace(environmentId)) count(environmentId, 1);
    else await waitForTurn(environmentId);
    try {
      return await work();
    } finally {
      finish(environmentId);
    }
  };
}
