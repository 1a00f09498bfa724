import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from './errors.ts';

/** What a server process tells the one that started it: where it answers, or why it cannot. */
export type WorkerNews = { address: string } | { failure: string };

export interface Workers {
  address: string;
  stop(): Promise<void>;
}

/** How long to wait before a process that ended is replaced, in milliseconds. */
const breath = 500;

/**
 * Starts several server processes that share one port, and replaces each that ends by itself. The first starts
 * alone: what keeps one from starting would keep all, and is said once.
 *
 * @param environment variables for the processes, besides our own
 */
export async function startWorkers(count: number, environment: Record<string, string>): Promise<Workers> {
  let stopping = false;
  const address = await startWorker(environment);
  await Promise.all(Array.from({ length: count - 1 }, () => startWorker(environment)));

  async function replace() {
    await sleep(breath);
    if (!stopping) await startWorker(environment).catch(() => replace());
  }
  cluster.on('exit', () => {
    if (!stopping) void replace();
  });
  return {
    address,
    async stop() {
      stopping = true;
      await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => worker && end(worker)));
    },
  };
}

/** Resolves with its address once it answers. */
function startWorker(environment: Record<string, string>): Promise<string> {
  const worker = cluster.fork(environment);
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new StartupError('A server process ended before it answered.'));
    worker.once('exit', onExit);
    worker.once('message', (news: WorkerNews) => {
      worker.off('exit', onExit);
      if ('address' in news) resolve(news.address);
      else reject(new StartupError(news.failure));
    });
  });
}

function end(worker: Worker): Promise<void> {
  if (worker.isDead()) return Promise.resolve();
  return new Promise((resolve) => {
    worker.once('exit', () => resolve());
    worker.process.kill('SIGTERM');
  });
}

/** Tells the process that started this one; does nothing in a process that nobody forked. */
export function tellStarter(news: WorkerNews): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(news, () => resolve());
  });
}
