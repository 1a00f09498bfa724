import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Counter, Gauge, type Registry } from 'prom-client';
import { refusal, refusalError, sendJson } from './answer.ts';
import type { AnswerOperation } from './graphql-route.ts';

/**
 * How many operations a process works on at once. What is more waits for those before it, in memory and out of
 * sight of its caller: it is better told to come back.
 */
const defaultCapacity = 1_000;

export interface Gate {
  /** Starts the work if there is room for it, and finishes it; null, without starting it, if there is none. */
  run<Result>(work: () => Promise<Result>): Promise<Result> | null;
  readonly capacity: number;
  inside(): number;
}

/**
 * @param refused counts whom there was no room for
 * @param capacity how many may be inside at once
 */
export function createGate(refused: Counter, capacity = defaultCapacity): Gate {
  let inside = 0;
  return {
    capacity,
    inside: () => inside,
    run(work) {
      if (inside >= capacity) {
        refused.inc();
        return null;
      }
      inside += 1;
      return work().finally(() => {
        inside -= 1;
      });
    },
  };
}

/** How full it is. */
export function tellGate(registry: Registry, gate: Gate): void {
  const registers = [registry];
  new Gauge({
    name: 'kana_requests_in_flight',
    help: 'Requests that are worked on.',
    registers,
    collect() {
      this.set(gate.inside());
    },
  });
  const limit = { name: 'kana_requests_in_flight_limit', help: 'As many are worked on at once.' };
  new Gauge({ ...limit, registers }).set(gate.capacity);
}

const overloadedMessage = 'The server has more to do than it can. Try again in a second.';

/** Refuses operations that the gate has no room for before anything of them is read. */
export function throughGate(gate: Gate, answer: AnswerOperation): AnswerOperation {
  return async (sent) => {
    const answering = gate.run(() => answer(sent));
    if (answering !== null) return answering;
    sent.exchange.outcome = 'OVERLOADED';
    return { errors: [refusalError('OVERLOADED', overloadedMessage)] };
  };
}

/** Refuses requests of other paths in the same way. */
export function gated<Rest extends unknown[]>(
  gate: Gate,
  handle: (request: IncomingMessage, response: ServerResponse, ...rest: Rest) => unknown,
): (request: IncomingMessage, response: ServerResponse, ...rest: Rest) => Promise<void> {
  return async (request, response, ...rest) => {
    const handling = gate.run(async () => handle(request, response, ...rest));
    if (handling === null) sendJson(response, refusal('OVERLOADED', overloadedMessage));
    else await handling;
  };
}
