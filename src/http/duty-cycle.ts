import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, overloaded } from './response.ts';

/** Each millisecond of work is followed by this many of rest, so this work uses at most a fifth of the time. */
const restRatio = 4;
const maxRestMs = 500;
const maxWaitMs = 2_000;

/** Runs work one after another with rests, so that it uses a bounded part of the process's time. */
export interface DutyCycle {
  /** Returns the result of the work. If its turn comes too late, returns a refusal without starting it. */
  run<Result>(work: () => Promise<Result>): Promise<Result | Answer>;
}

export function createDutyCycle(now: () => number = () => performance.now()): DutyCycle {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const arrivedAt = now();
      let restMs = 0;
      const result = turn.then(async () => {
        const startedAt = now();
        if (startedAt - arrivedAt > maxWaitMs) return overloaded;
        try {
          return await work();
        } finally {
          restMs = Math.min((now() - startedAt) * restRatio, maxRestMs);
        }
      });
      turn = result
        .catch(() => undefined)
        .then(() => (restMs > 0 ? sleep(restMs, undefined, { ref: false }) : undefined));
      return result;
    },
  };
}
