import { type Counter, Gauge, type Registry } from 'prom-client';
import { environmentIds } from '../auth/keys/rules.ts';
import { loopTurn } from '../slices.ts';
import { maxBillingEvents, maxBodyRoomBytes, maxOperations } from './limits.ts';
import { createSlots, type Slots } from './slots.ts';

/** How long after its last request an environment counts as one that has requests, in milliseconds. */
const sharedMs = 1_000;

/** Memory for request bodies. */
export interface Room {
  /** Takes this many bytes. False, without taking them, if there is not enough room. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
  /** The total, in bytes. */
  readonly size: number;
  taken(): number;
}

/** The limits of the concurrent requests of one environment. No environment uses the share of another. */
export interface Share {
  /** Runs the work. Null, without starting it, if the share is full. */
  run<Result>(work: () => Promise<Result>): Promise<Result> | null;
  isFull(): boolean;
  readonly capacity: number;
  running(): number;
  /** How long ago the last request began, in milliseconds. */
  quietMs(): number;
  /** Resolves when this request may start expensive synchronous work; see loopTurn. */
  turn(): Promise<void>;
  /** Memory for the bodies of requests that are arriving or running. */
  readonly bodies: Room;
}

export interface Gate {
  /** The share of an environment. The caller must be authenticated. */
  of(environmentId: string): Share;
  /** Whether another environment has had a request within the last second. */
  isShared(environmentId: string): boolean;
  /** For requests without valid credentials. */
  readonly strangers: Slots;
  /** Slots for events of billing providers, which come from few addresses and whose signature is in the body. */
  readonly billingEvents: Slots;
  /** For sign-ins to the console, so that other unauthenticated requests cannot block them. */
  readonly signIns: Slots;
  /** For events whose key is in the body, so that other unauthenticated requests cannot block them. */
  readonly pageEvents: Slots;
}

/**
 * @param refused counts refused requests
 * @param capacity the most concurrent operations of one environment
 * @param bodyRoom the most memory for its bodies, in bytes; see readBody
 */
export function createGate(refused: Counter, capacity = maxOperations, bodyRoom = maxBodyRoomBytes): Gate {
  const shares = new Map<string, Share>();
  return {
    of(environmentId) {
      const share = shares.get(environmentId) ?? createShare(refused, environmentId, { capacity, bodyRoom });
      shares.set(environmentId, share);
      return share;
    },
    isShared: (environmentId) =>
      [...shares].some(([id, share]) => id !== environmentId && share.quietMs() < sharedMs),
    strangers: createSlots(refused),
    billingEvents: createSlots(refused, maxBillingEvents, maxBillingEvents),
    signIns: createSlots(refused),
    pageEvents: createSlots(refused),
  };
}

function createShare(
  refused: Counter,
  environmentId: string,
  { capacity, bodyRoom }: { capacity: number; bodyRoom: number },
): Share {
  let running = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  function isFull() {
    if (running < capacity) return false;
    refused.inc();
    return true;
  }
  return {
    bodies: createRoom(refused, bodyRoom),
    capacity,
    running: () => running,
    quietMs: () => performance.now() - lastAt,
    isFull,
    turn: () => loopTurn(environmentId),
    run(work) {
      if (isFull()) return null;
      running += 1;
      lastAt = performance.now();
      return work().finally(() => {
        running -= 1;
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

/** Registers the shares of environments and their limits. */
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
  gauge('kana_requests_in_flight', 'Running requests.', (share) => share.running());
  gauge(
    'kana_requests_in_flight_limit',
    'The maximum number of running requests of each environment.',
    (share) => share.capacity,
  );
  gauge(
    'kana_request_bodies_bytes',
    'Memory used by request bodies, without those that arrived in one chunk.',
    (share) => share.bodies.taken(),
  );
  gauge(
    'kana_request_bodies_limit_bytes',
    'The maximum memory for request bodies of each environment.',
    (share) => share.bodies.size,
  );
}
