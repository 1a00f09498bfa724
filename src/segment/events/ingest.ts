import { randomUUID } from 'node:crypto';
import type { Connections } from '../../database/client.ts';
import { RETRY, runHeld, untilAnswered } from '../../database/held.ts';
import { createLane, retryIndividually } from '../../database/lane.ts';
import { createTurns } from '../../database/turns.ts';
import { DomainError } from '../../errors.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { processIdentify } from '../identify/identify.ts';
import { processFreeTracks, processHeldTracks, processTracks } from '../track/track.ts';
import { type IgnoredEvent, readEvent, type SegmentEvent, type SegmentWarning } from './rules.ts';
import { type Effect, type EventKey, readEffects, storeEvents } from './store.ts';

const maxAttempts = 3;
/** How long an identify event waits for those of the same user before it. */
const turnTimeoutMs = 5_000;

/** Accepted, and not kept. */
type NotKept = 'IGNORED' | 'USER_DELETED';

/** What became of one event that was accepted. */
export interface Ingested extends Omit<Effect, 'outcome'> {
  messageId: string;
  outcome: Effect['outcome'] | 'DUPLICATE' | NotKept;
  /** What became of it when it came first; the outcome itself unless it is DUPLICATE. */
  firstOutcome: Effect['outcome'] | NotKept;
  /** What of the event cannot be used, although it is kept and counts. */
  warnings: SegmentWarning[];
}

/**
 * Takes events in, and answers one result per event, in order; an Error in a result's place is that event's
 * alone. An answer means that the event is stored, processed, and on disk.
 */
export type IngestEvents = (
  environmentId: string,
  events: readonly unknown[],
  now: Date,
) => Promise<(Ingested | Error)[]>;

/** Whether an event was new; DELETED is one that is older than the deletion of its user. */
type Arrival = 'NEW' | 'KNOWN' | 'DELETED';

/** What a stored event did; null if it is not stored any more. */
type Known = Effect | null;

/** How the event arrived, and what it did. */
interface Processed<Effects = Known> {
  arrival: Arrival;
  effect: Effects;
}

/**
 * Each event is stored first, and processed then, in a second transaction. Whatever crashes in between, the
 * event is there and still to be processed: by whoever sends it again, or by the next sweep.
 *
 * Track events of all concurrent callers share transactions. Events of a user whom somebody holds move to a lane of
 * their own, where they hold up nobody else. Each identify event has transactions of its own, and a few of them are
 * processed at once, one of each user.
 */
export function createIngestion({ prisma, work }: Connections, metrics = createMetrics()): IngestEvents {
  const trackLane = { connections: 2, maxItems: 200, metrics: metrics.lane('track') };
  const identifyLane = { connections: 4, maxItems: 1, metrics: metrics.lane('identify') };
  const heldLane = { connections: 1, maxItems: 200, metrics: metrics.lane('track_locked') };
  const runFree = (events: readonly SegmentEvent[]) =>
    retryIndividually(events, async (batch) => {
      await processFreeTracks(work, batch);
      return readEffects(work, batch);
    });
  async function runWaiting(events: readonly SegmentEvent[]) {
    await processHeldTracks(work, events);
    return readEffects(work, events);
  }
  const trackFree = createLane<SegmentEvent, Processed<Known | typeof RETRY>>(trackLane, async (events) => {
    // Stored once, whatever has to be repeated then: an event is not new twice.
    const arrivals = await retryIndividually(events, store);
    return answers(arrivals, await runFree(events));
  });
  const trackHeld = createLane<SegmentEvent, Known | typeof RETRY>(heldLane, (events) =>
    runHeld(events, { ownersOf: (event) => [userOf(event)], runFree, runWaiting }),
  );
  async function track(event: SegmentEvent): Promise<Processed> {
    const { arrival, effect } = await trackFree(event);
    if (effect !== RETRY) return { arrival, effect };
    return { arrival, effect: await untilAnswered(() => trackHeld(event)) };
  }
  const identifyFirst = createLane<SegmentEvent, Processed>(identifyLane, async (events) => {
    const arrivals = await store(events);
    for (const event of events) await processTracks(work, await processIdentify(prisma, event));
    const effects = await readEffects(work, events);
    return answers(
      arrivals,
      effects.map((effect) => (effect === RETRY ? null : effect)),
    );
  });
  const inTurn = createTurns(1, turnTimeoutMs);
  const identify = (event: SegmentEvent) => inTurn(userOf(event), () => identifyFirst(event));

  /** Within a batch, only the first of several with one id is new. */
  async function store(events: readonly SegmentEvent[]): Promise<Arrival[]> {
    const arrived = await storeEvents(work, events);
    const namesOf = (isDeleted: boolean) =>
      new Set(arrived.filter((each) => each.isDeleted === isDeleted).map(nameOf));
    const [stored, deleted] = [namesOf(false), namesOf(true)];
    return events.map((event) => {
      if (deleted.has(nameOf(event))) return 'DELETED';
      return stored.delete(nameOf(event)) ? 'NEW' : 'KNOWN';
    });
  }

  return async (environmentId, raws, now) => {
    const read = raws.map((raw) => settle(() => readEvent(raw, { environmentId, now, newId: randomUUID })));
    const results: (Ingested | Error)[] = [];
    // Events of one request count in their order: what is tracked after an identify finds its user.
    for (const run of runsOf(read)) {
      results.push(...(await Promise.all(run.map((event) => take(event, { track, identify })))));
    }
    for (const result of results) metrics.countSegmentEvent(nameOutcome(result));
    return results;
  };
}

/** What each event did, in their order; an Error if it could not be stored, or not be processed. */
function answers<Effects>(
  arrivals: readonly (Arrival | Error)[],
  effects: readonly (Effects | Error)[],
): (Processed<Effects> | Error)[] {
  return effects.map((effect, index) => {
    const arrival = arrivals[index];
    if (arrival === undefined || arrival instanceof Error)
      return arrival ?? new Error('a Segment event was left without an arrival');
    return effect instanceof Error ? effect : { arrival, effect };
  });
}

const userOf = ({ environmentId, userId }: SegmentEvent) => `${environmentId} ${userId}`;

/** As operators count them. */
function nameOutcome(result: Ingested | Error): string {
  if (result instanceof DomainError) return 'REFUSED';
  return result instanceof Error ? 'FAILED' : result.outcome;
}

type Take = (event: SegmentEvent) => Promise<Processed>;
type Read = SegmentEvent | IgnoredEvent | Error;

async function take(event: Read, lanes: { track: Take; identify: Take }): Promise<Ingested | Error> {
  if (event instanceof Error) return event;
  if (event.type === 'IGNORED') return notKept(event.messageId, 'IGNORED', []);
  try {
    return await takeThrough(event, lanes[event.type === 'TRACK' ? 'track' : 'identify']);
  } catch (error) {
    return error as Error;
  }
}

/** An event that is erased with its user on the way is taken once more: what is older than the deletion is told then. */
async function takeThrough(event: SegmentEvent, lane: Take): Promise<Ingested> {
  const { messageId, warnings } = event;
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const { arrival, effect } = await lane(event);
    if (arrival === 'DELETED') return notKept(messageId, 'USER_DELETED', warnings);
    if (effect === null) continue;
    const outcome = arrival === 'NEW' ? effect.outcome : 'DUPLICATE';
    return { ...effect, messageId, outcome, firstOutcome: effect.outcome, warnings };
  }
  throw new Error('a Segment event was left without an outcome');
}

function notKept(messageId: string, outcome: NotKept, warnings: SegmentWarning[]): Ingested {
  const nothing = { featureId: null, ruleId: null, delta: null, userKey: null };
  return { messageId, outcome, firstOutcome: outcome, ...nothing, warnings };
}

/** Track events that follow each other can be processed at once; an identify event is on its own. */
function runsOf(events: readonly Read[]): Read[][] {
  const runs: Read[][] = [];
  let open = false;
  for (const event of events) {
    const alone = !(event instanceof Error) && event.type === 'IDENTIFY';
    if (alone || !open) runs.push([]);
    runs.at(-1)?.push(event);
    open = !alone;
  }
  return runs;
}

function settle<Result>(read: () => Result): Result | DomainError {
  try {
    return read();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

const nameOf = ({ environmentId, messageId }: EventKey) => `${environmentId} ${messageId}`;
