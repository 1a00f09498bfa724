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
  | { metrics: 'wanted'; id: string }
  | { metrics: 'tell'; id: string }
  | { metrics: 'told'; id: string; counted: ProcessMetrics }
  | { metrics: 'all'; id: string; processes: ProcessMetrics[] };

/** How long to wait for a worker that is starting or busy. */
const workerTimeoutMs = 1_000;

/** In the primary process: collects the metrics of all workers for one of them. */
export function forwardMetrics(): void {
  const open = new Map<string, { asker: Worker; told: ProcessMetrics[]; answer: () => void }>();

  function ask(asker: Worker, askedAs: string) {
    const id = randomUUID();
    const others = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    const told: ProcessMetrics[] = [];
    function answer() {
      clearTimeout(timer);
      open.delete(id);
      if (asker.isConnected()) asker.send({ metrics: 'all', id: askedAs, processes: told });
    }
    const timer = setTimeout(answer, workerTimeoutMs);
    open.set(id, { asker, told, answer: () => told.length === others.length && answer() });
    for (const worker of others) worker?.send({ metrics: 'tell', id });
  }
  cluster.on('message', (worker, message: Message) => {
    if (message.metrics === 'wanted') ask(worker, message.id);
    if (message.metrics !== 'told') return;
    const asked = open.get(message.id);
    asked?.told.push(message.counted);
    asked?.answer();
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
    if (message.metrics !== 'tell') return;
    send({ metrics: 'told', id: message.id, counted: await registry.getMetricsAsJSON() });
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
      send({ metrics: 'wanted', id });
    });
  return async () => {
    const processes = await readAll();
    return processes === null ? registry.metrics() : AggregatorRegistry.aggregate(processes).metrics();
  };
}
