import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, type Registry } from 'prom-client';

/*
 * Any worker may be asked for the metrics of all workers. A worker asks the primary process, which asks all workers and
 * returns their metrics. The library's own way fails completely, after five seconds, while one worker is starting or
 * has just been killed.
 */

/** The metrics of one process. */
type ProcessMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

type Message =
  | { metrics: 'requestAll'; id: string }
  | { metrics: 'requestOne'; id: string }
  | { metrics: 'one'; id: string; process: ProcessMetrics }
  | { metrics: 'all'; id: string; processes: ProcessMetrics[] };

/** The maximum wait for a worker that is starting or busy. */
const workerTimeoutMs = 1_000;

/** In the primary process: collects the metrics of all workers for one of them. */
export function forwardMetrics(): void {
  const requests = new Map<string, { add: (metrics: ProcessMetrics) => void }>();

  function collect(requester: Worker, requestId: string) {
    const id = randomUUID();
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    const processes: ProcessMetrics[] = [];
    function respond() {
      clearTimeout(timer);
      requests.delete(id);
      if (requester.isConnected()) requester.send({ metrics: 'all', id: requestId, processes });
    }
    const timer = setTimeout(respond, workerTimeoutMs);
    requests.set(id, {
      add(metrics) {
        processes.push(metrics);
        if (processes.length === workers.length) respond();
      },
    });
    for (const worker of workers) worker?.send({ metrics: 'requestOne', id });
  }
  cluster.on('message', (worker, message: Message) => {
    if (message.metrics === 'requestAll') collect(worker, message.id);
    if (message.metrics === 'one') requests.get(message.id)?.add(message.process);
  });
}

/**
 * In a worker: sends our metrics when asked, and returns a function that reads those of all workers in the format of
 * Prometheus. If the primary does not answer in time, that function returns only ours.
 */
export function shareMetrics(registry: Registry): () => Promise<string> {
  const waiting = new Map<string, (processes: ProcessMetrics[]) => void>();
  const send = (message: Message) => process.send?.(message);
  process.on('message', async (message: Message) => {
    if (message.metrics === 'all') waiting.get(message.id)?.(message.processes);
    if (message.metrics !== 'requestOne') return;
    send({ metrics: 'one', id: message.id, process: await registry.getMetricsAsJSON() });
  });
  const readAll = () =>
    new Promise<ProcessMetrics[] | null>((resolve) => {
      const id = randomUUID();
      function end(processes: ProcessMetrics[] | null) {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(processes);
      }
      const timer = setTimeout(() => end(null), 2 * workerTimeoutMs);
      waiting.set(id, end);
      send({ metrics: 'requestAll', id });
    });
  return async () => {
    const processes = await readAll();
    return processes === null ? registry.metrics() : AggregatorRegistry.aggregate(processes).metrics();
  };
}
