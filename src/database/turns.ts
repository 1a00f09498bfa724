/** Runs work with a limit of concurrency for each key. Waiting work runs in order of arrival. */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

/** @param concurrency how much work of one key runs at once. Different keys never wait for each other */
export function createTurns(concurrency: number): InTurn {
  const queues = new Map<string, { running: number; waiting: (() => void)[] }>();
  return async (key, work) => {
    const queue = queues.get(key) ?? { running: 0, waiting: [] };
    queues.set(key, queue);
    if (queue.running < concurrency) queue.running += 1;
    else await new Promise<void>((resolve) => queue.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The next one takes over this one's slot.
      const next = queue.waiting.shift();
      if (next) next();
      else queue.running -= 1;
      if (queue.running === 0) queues.delete(key);
    }
  };
}
