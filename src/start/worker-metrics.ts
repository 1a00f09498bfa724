import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, type Registry } from 'prom-client';

/*
 * Any of several processes may be asked for the figures of all. They hear of each other through the one that
 * started them: a process asks it, it asks all of them, and answers what they told. The library's own way of asking
 * fails as a whole, after five seconds, as long as one process is starting or has just been killed.
 */

/** What one process counted. */
type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

type Message =
  | { figures: 'wanted'; id: string }
  | { figures: 'tell'; id: string }
  | { figures: 'told'; id: string; counted: Figures }
  | { figures: 'all'; id: string; processes: Figures[] };

/** For how long a process that is starting or busy is waited for, in milliseconds. */
const patience = 1_000;

/** In the process that started the others: passes their figures on. */
export function forwardMetrics(): void {
  const open = new Map<string, { asker: Worker; told: Figures[]; answer: () => void }>();

  function ask(asker: Worker, askedAs: string) {
    const id = randomUUID();
    const others = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    const told: Figures[] = [];
    function answer() {
      clearTimeout(timer);
      open.delete(id);
      if (asker.isConnected()) asker.send({ figures: 'all', id: askedAs, processes: told });
    }
    const timer = setTimeout(answer, patience);
    open.set(id, { asker, told, answer: () => told.length === others.length && answer() });
    for (const worker of others) worker?.send({ figures: 'tell', id });
  }
  cluster.on('message', (worker, message: Message) => {
    if (message.figures === 'wanted') ask(worker, message.id);
    if (message.figures !== 'told') return;
    const asked = open.get(message.id);
    asked?.told.push(message.counted);
    asked?.answer();
  });
}

/**
 * In one of the processes: tells our figures whenever they are wanted, and answers how to get those of all, as
 * Prometheus reads them. If the process that started us does not answer in time, ours are all.
 */
export function shareMetrics(registry: Registry): () => Promise<string> {
  const waiting = new Map<string, (processes: Figures[]) => void>();
  const send = (message: Message) => process.send?.(message);
  process.on('message', async (message: Message) => {
    if (message.figures === 'all') waiting.get(message.id)?.(message.processes);
    if (message.figures !== 'tell') return;
    send({ figures: 'told', id: message.id, counted: await registry.getMetricsAsJSON() });
  });
  const readAll = () =>
    new Promise<Figures[] | null>((resolve) => {
      const id = randomUUID();
      function end(processes: Figures[] | null) {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(processes);
      }
      const timer = setTimeout(() => end(null), 2 * patience);
      waiting.set(id, end);
      send({ figures: 'wanted', id });
    });
  return async () => {
    const processes = await readAll();
    return processes === null ? registry.metrics() : AggregatorRegistry.aggregate(processes).metrics();
  };
}
