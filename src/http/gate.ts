import { GraphQLError } from 'graphql';
import { headersOf, statusOf } from './answer.ts';
import type { AnswerOperation } from './graphql-route.ts';

/**
 * How many operations a process works on at once. What is more waits for those before it, in memory and out of
 * sight of its caller: it is better told to come back.
 */
const defaultCapacity = 1_000;

export interface Gate {
  /** Starts the work if there is room for it, and finishes it; null, without starting it, if there is none. */
  run<Result>(work: () => Promise<Result>): Promise<Result> | null;
}

/** @param capacity how many may be inside at once */
export function createGate(capacity = defaultCapacity): Gate {
  let inside = 0;
  return {
    run(work) {
      if (inside >= capacity) return null;
      inside += 1;
      return work().finally(() => {
        inside -= 1;
      });
    },
  };
}

export const overloadedMessage = 'The server has more to do than it can. Try again in a second.';

/** Refuses operations that the gate has no room for before anything of them is read. */
export function throughGate(gate: Gate, answer: AnswerOperation): AnswerOperation {
  return async (sent) => (await gate.run(() => answer(sent))) ?? { errors: [overloaded()] };
}

function overloaded(): GraphQLError {
  const http = { status: statusOf('OVERLOADED'), headers: headersOf('OVERLOADED') };
  return new GraphQLError(overloadedMessage, { extensions: { code: 'OVERLOADED', http } });
}
