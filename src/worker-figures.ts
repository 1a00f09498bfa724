import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import type { Family } from './telemetry/registry.ts';

/*
 * Any of several processes may be asked for the figures of all. They hear of each other through the one that
 * started them: a process asks it, it asks all of them, and answers what they told.
 */

type Message =
  | { figures: 'wanted'; id: string }
  | { figures: 'tell'; id: string }
  | { figures: 'told'; id: string; families: Family[] }
  | { figures: 'all'; id: string; processes: Family[][] };

/** For how long a process that is starting or busy is waited for, in milliseconds. */
const patience = 1_000;

/** In the process that started the others: passes their figures on. */
export function passFiguresOn(): void {
  const open = new Map<string, { asker: Worker; told: Family[][]; answer: () => void }>();

  function ask(asker: Worker, askedAs: string) {
    const id = randomUUID();
    const others = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    const told: Family[][] = [];
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
    asked?.told.push(message.families);
    asked?.answer();
  });
}

/**
 * In one of the processes: tells our figures whenever they are wanted, and answers how to get those of all. If
 * the process that started us does not answer in time, ours are all.
 */
export function shareFigures(read: () => Family[]): () => Promise<Family[][]> {
  const waiting = new Map<string, (processes: Family[][]) => void>();
  const send = (message: Message) => process.send?.(message);
  process.on('message', (message: Message) => {
    if (message.figures === 'tell') send({ figures: 'told', id: message.id, families: read() });
    if (message.figures === 'all') waiting.get(message.id)?.(message.processes);
  });
  return () =>
    new Promise((resolve) => {
      const id = randomUUID();
      function end(processes: Family[][]) {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(processes);
      }
      const timer = setTimeout(() => end([read()]), 2 * patience);
      waiting.set(id, end);
      send({ figures: 'wanted', id });
    });
}
