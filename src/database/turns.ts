import { BusyError } from './errors.ts';

/** Does the work when fewer than so many of its key's are being done; the others wait, the first to come first. */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

interface Line {
  running: number;
  waiting: Set<() => void>;
}

/**
 * @param atOnce how much work of one key is done at once; that of another key never waits for it
 * @param timeoutMs how long work may wait for its turn. It throws a BusyError then
 */
export function createTurns(atOnce: number, timeoutMs: number | null = null): InTurn {
  const lines = new Map<string, Line>();
  return async (key, work) => {
    const line = lines.get(key) ?? { running: 0, waiting: new Set() };
    lines.set(key, line);
    if (line.running < atOnce) line.running += 1;
    else await turnIn(line, timeoutMs);
    try {
      return await work();
    } finally {
      // Whoever is next takes the place over.
      const [next] = line.waiting;
      if (next) next();
      else line.running -= 1;
      if (line.running === 0) lines.delete(key);
    }
  };
}

function turnIn({ waiting }: Line, timeoutMs: number | null): Promise<void> {
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
 * Lets the changes of one user run one after the other in this process. Whoever waits has no connection yet: a user
 * whom somebody holds takes one connection, not all of them.
 */
export const inUserTurn = createTurns(1, 5_000);
