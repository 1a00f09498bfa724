import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, overloaded } from './response.ts';

/** How many milliseconds of rest follow each millisecond of work: such work takes a fifth of the time at most. */
const restRatio = 4;
const maxRestMs = 500;
const maxWaitMs = 2_000;

/** Runs work one by one, with rests between, so that it takes a bounded part of the process's time. */
export interface DutyCycle {
  /** The result of the work; or a refusal, without starting it, if its turn comes too late. */
  run<Result>(work: () => Promise<Result>): Promise<Result | Answer>;
}

export function createDutyCycle(now: () => number = () => performance.now()): DutyCycle {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const cameAt = now();
      let restMs = 0;
      const result = turn.then(async () => {
        const startedAt = now();
        if (startedAt - cameAt > maxWaitMs) return overloaded;
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
