import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';

/** The message of a worker to the primary process: its address, or why it cannot start. */
export type WorkerNews = { address: string } | { failure: string };

export interface Workers {
  address: string;
  stop(): Promise<void>;
}

/** An environment variable of workers: the process id of the primary, which has prepared the database. */
const preparedBy = 'OPEN_KANA_PREPARED_BY';

/** Whether the parent process has prepared the database. Other programs may fork servers too. */
export const isPrepared = (): boolean => process.env[preparedBy] === String(process.ppid);

/** How long to wait before an ended worker is replaced. */
const restartDelayMs = 500;

/**
 * Starts several workers that share one port and a prepared database, and replaces each that ends by itself. The
 * first one starts alone, so that a problem that would stop all of them is reported once.
 *
 * @param environment variables for the workers, in addition to ours
 */
export async function startWorkers(count: number, environment: Record<string, string>): Promise<Workers> {
  let stopping = false;
  const first = await startWorker(environment);
  const others = await Promise.all(Array.from({ length: count - 1 }, () => startWorker(environment)));

  async function replace(): Promise<void> {
    await sleep(restartDelayMs);
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

/** Resolves when the worker answers requests. */
function startWorker(environment: Record<string, string>): Promise<Started> {
  const worker = cluster.fork({ ...environment, [preparedBy]: process.pid });
  return new Promise((resolve, reject) => {
    const onEnd = () => reject(new StartupError('A server process ended before it answered.'));
    worker.once('exit', onEnd);
    // Includes messages that cannot be sent because the worker has just ended.
    worker.on('error', onEnd);
    // Messages about metrics may come first.
    worker.on('message', (news: WorkerNews | { metrics: string }) => {
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

/** Sends a message to the primary; does nothing in a process that was not forked. */
export function notifyPrimary(news: WorkerNews): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(news, () => resolve());
  });
}
