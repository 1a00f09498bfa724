/** Does the work when fewer than so many of its key's are being done; the others wait, the first to come first. */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

/** @param atOnce how much work of one key is done at once; that of another key never waits for it */
export function createTurns(atOnce: number): InTurn {
  const lines = new Map<string, { running: number; waiting: (() => void)[] }>();
  return async (key, work) => {
    const line = lines.get(key) ?? { running: 0, waiting: [] };
    lines.set(key, line);
    if (line.running < atOnce) line.running += 1;
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Whoever is next takes the place over.
      const next = line.waiting.shift();
      if (next) next();
      else line.running -= 1;
      if (line.running === 0) lines.delete(key);
    }
  };
}
