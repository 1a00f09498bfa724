import { type Counter, Gauge, type Registry } from 'prom-client';
import { environmentIds } from '../auth/keys/rules.ts';
import { createPlaces, type Places } from './places.ts';

/** How many operations of one environment a process works on at once. Beyond this, it rejects with 503 and does not queue. */
const defaultCapacity = 1_000;

/**
 * How many bytes of bodies of one environment a process holds at once, but for those that came in one piece: as much
 * as 32 clients that each send the largest body at the same moment. Ordinary load stays far below.
 */
const defaultBodyRoom = 32 * 1024 * 1024;

/** Memory for request bodies. */
export interface Room {
  /** Takes so many bytes; false, without taking them, if there is no room. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
  /** All of it, in bytes. */
  readonly size: number;
  taken(): number;
}

/** What the requests of one environment may take of this process at once. No environment takes from another's. */
export interface Share {
  /** Starts the work if there is a place for it, and finishes it; null, without starting it, if there is none. */
  run<Result>(work: () => Promise<Result>): Promise<Result> | null;
  isFull(): boolean;
  readonly capacity: number;
  inside(): number;
  /** For the bodies of requests that are on their way in, or inside. */
  readonly bodies: Room;
}

export interface Gate {
  /** The share of an environment whose credentials have been checked. */
  of(environmentId: string): Share;
  /** For requests without valid credentials. */
  readonly strangers: Places;
  /** For sign-ins to the console, so that other strangers cannot keep people out. */
  readonly signIns: Places;
}

/**
 * @param refused counts whom there was no room for
 * @param capacity how many operations of one environment may be inside at once
 * @param bodyRoom for how many bytes of its bodies there is room; see readBody
 */
export function createGate(refused: Counter, capacity = defaultCapacity, bodyRoom = defaultBodyRoom): Gate {
  const shares = new Map<string, Share>();
  return {
    of(environmentId) {
      const share = shares.get(environmentId) ?? createShare(refused, capacity, bodyRoom);
      shares.set(environmentId, share);
      return share;
    },
    strangers: createPlaces(refused),
    signIns: createPlaces(refused),
  };
}

function createShare(refused: Counter, capacity: number, bodyRoom: number): Share {
  let inside = 0;
  function isFull() {
    if (inside < capacity) return false;
    refused.inc();
    return true;
  }
  return {
    bodies: createRoom(refused, bodyRoom),
    capacity,
    inside: () => inside,
    isFull,
    run(work) {
      if (isFull()) return null;
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

/** The shares of environments and their limits, for operators. */
export function registerGateMetrics(registry: Registry, gate: Gate): void {
  const registers = [registry];
  const labelNames = ['environment'] as const;
  function gauge(name: string, help: string, measure: (share: Share) => number) {
    new Gauge({
      name,
      help,
      registers,
      labelNames,
      collect() {
        for (const environment of environmentIds) this.set({ environment }, measure(gate.of(environment)));
      },
    });
  }
  gauge('kana_requests_in_flight', 'Requests that are worked on.', (share) => share.inside());
  gauge(
    'kana_requests_in_flight_limit',
    'As many are worked on at once for each environment.',
    (share) => share.capacity,
  );
  gauge(
    'kana_request_bodies_bytes',
    'Bodies of requests that are held in memory, but for those that came in one piece.',
    (share) => share.bodies.taken(),
  );
  gauge(
    'kana_request_bodies_limit_bytes',
    'As much of them is held at once for each environment.',
    (share) => share.bodies.size,
  );
}
