import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';

/** What a server process tells the one that started it: where it answers, or why it cannot. */
export type WorkerNews = { address: string } | { failure: string };

export interface Workers {
  address: string;
  stop(): Promise<void>;
}

/** Tells a process which one has started it, and reached and prepared the database before. */
const preparedBy = 'OPEN_KANA_PREPARED_BY';

/** Whether the database was prepared by the process that started this one; others may fork servers too. */
export const isPrepared = (): boolean => process.env[preparedBy] === String(process.ppid);

/** How long to wait before a process that ended is replaced, in milliseconds. */
const breath = 500;

/**
 * Starts several server processes that share one port and a prepared database, and replaces each that ends by itself.
 * The first starts alone: what keeps one from starting would keep all, and is said once.
 *
 * @param environment variables for the processes, besides our own
 */
export async function startWorkers(count: number, environment: Record<string, string>): Promise<Workers> {
  let stopping = false;
  const first = await startWorker(environment);
  const others = await Promise.all(Array.from({ length: count - 1 }, () => startWorker(environment)));

  async function replace(): Promise<void> {
    await sleep(breath);
    if (!stopping) await startWorker(environment).then(keep, replace);
  }
  function keep({ worker }: Started) {
    if (worker.isDead()) void replace();
    else worker.once('exit', () => void replace());
  }
  for (const started of [first, ...others]) keep(started);
  return {
    address: first.address,
    async stop() {
      stopping = true;
      await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => worker && end(worker)));
    },
  };
}

interface Started {
  worker: Worker;
  address: string;
}

/** Resolves once it answers. */
function startWorker(environment: Record<string, string>): Promise<Started> {
  const worker = cluster.fork({ ...environment, [preparedBy]: process.pid });
  return new Promise((resolve, reject) => {
    const onEnd = () => reject(new StartupError('A server process ended before it answered.'));
    worker.once('exit', onEnd);
    // Also what cannot be sent to it because it has just ended: nobody else listens for that.
    worker.on('error', onEnd);
    // It may be asked for its figures before it has news.
    worker.on('message', (news: WorkerNews | { figures: string }) => {
      if ('address' in news) resolve({ worker, address: news.address });
      if ('failure' in news) reject(new StartupError(news.failure));
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
export function notifyPrimary(news: WorkerNews): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(news, () => resolve());
  });
}
