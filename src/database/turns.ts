import { BusyError } from './errors.ts';

/** Runs work with a limit of concurrency for each key. Waiting work runs in order of arrival. */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

interface Queue {
  running: number;
  waiting: Set<() => void>;
}

/**
 * @param concurrency how much work of one key runs at once. Different keys never wait for each other
 * @param timeoutMs how long work may wait for its turn; then it fails with a BusyError
 */
export function createTurns(concurrency: number, timeoutMs: number | null = null): InTurn {
  const queues = new Map<string, Queue>();
  return async (key, work) => {
    const queue = queues.get(key) ?? { running: 0, waiting: new Set() };
    queues.set(key, queue);
    if (queue.running < concurrency) queue.running += 1;
    else await waitForTurn(queue, timeoutMs);
    try {
      return await work();
    } finally {
      // The next one takes over this one's slot.
      const [next] = queue.waiting;
      if (next) next();
      else queue.running -= 1;
      if (queue.running === 0) queues.delete(key);
    }
  };
}

function waitForTurn({ waiting }: Queue, timeoutMs: number | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = () => {
      clearTimeout(timer);
      waiting.delete(begin);
      resolve();
    };
    const giveUp = () => {
      waiting.delete(begin);
      reject(new BusyError('the work before this one took too long'));
    };
    const timer = timeoutMs === null ? undefined : setTimeout(giveUp, timeoutMs);
    waiting.add(begin);
  });
}

/**
 * Runs the changes of one user in this process one after another. A waiting change has no connection yet, so a locked
 * user blocks one connection, not all.
 */
export const inUserTurn = createTurns(1, 5_000);
