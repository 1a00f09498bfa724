import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Counter, Gauge, type Registry } from 'prom-client';
import type { AnswerOperation } from '../graphql/route.ts';
import { refusal, refusalError, sendJson } from './response.ts';

/**
 * How many operations a process works on at once. What is more waits for those before it, in memory and out of
 * sight of its caller: it is better told to come back.
 */
const defaultCapacity = 1_000;

/**
 * How many bytes of bodies a process holds at once, but for those that came in one piece: as much as 64 clients that
 * each send the largest body at the same moment. Ordinary load stays far below.
 */
const defaultBodyRoom = 64 * 1024 * 1024;

/** Room in memory for what was sent. */
export interface Room {
  /** Takes up so many bytes; false, without taking them, if there is no room for them. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
  /** All of it, in bytes. */
  readonly size: number;
  taken(): number;
}

export interface Gate {
  /** Starts the work if there is room for it, and finishes it; null, without starting it, if there is none. */
  run<Result>(work: () => Promise<Result>): Promise<Result> | null;
  readonly capacity: number;
  inside(): number;
  /** For the bodies of requests that are on their way in, or inside. */
  readonly bodies: Room;
}

/**
 * @param refused counts whom there was no room for
 * @param capacity how many may be inside at once
 * @param bodyRoom for how many bytes of bodies there is room; see withBody
 */
export function createGate(refused: Counter, capacity = defaultCapacity, bodyRoom = defaultBodyRoom): Gate {
  let inside = 0;
  return {
    bodies: createRoom(refused, bodyRoom),
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

function createRoom(refused: Counter, size: number): Room {
  let taken = 0;
  return {
    size,
    taken: () => taken,
    take(bytes) {
      if (taken + bytes > size) {
        refused.inc();
        return false;
      }
      taken += bytes;
      return true;
    },
    giveBack(bytes) {
      taken -= bytes;
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
  new Gauge({
    name: 'kana_request_bodies_bytes',
    help: 'Bodies of requests that are held in memory, but for those that came in one piece.',
    registers,
    collect() {
      this.set(gate.bodies.taken());
    },
  });
  const room = { name: 'kana_request_bodies_limit_bytes', help: 'As much of them is held at once.' };
  new Gauge({ ...room, registers }).set(gate.bodies.size);
}

export const overloadedMessage = 'The server has more to do than it can. Try again in a second.';

/** Refuses operations that the gate has no room for before it is looked at what their bodies say. */
export function throughGate(gate: Gate, answer: AnswerOperation): AnswerOperation {
  return async (sent) => {
    const answering = gate.run(() => answer(sent));
    if (answering !== null) return answering;
    sent.requestContext.outcome = 'OVERLOADED';
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
