import { randomUUID } from 'node:crypto';
import type { Connections } from '../../database/client.ts';
import { RETRY, runHeld, untilAnswered } from '../../database/held.ts';
import { createLane, retryIndividually } from '../../database/lane.ts';
import { createTurns } from '../../database/turns.ts';
import { DomainError } from '../../errors.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { processIdentify } from '../identify/identify.ts';
import { processFreeTracks, processHeldTracks, processTracks } from '../track.ts';
import { type IgnoredEvent, readEvent, type SegmentEvent, type SegmentWarning } from './rules.ts';
import { type Effect, type EventKey, effectOf, readEffects, storeEvents } from './store.ts';

const maxAttempts = 3;
/** How long an identify event waits for earlier ones of the same user. */
const turnTimeoutMs = 5_000;

/** Outcomes of accepted events that are not stored. */
type NotStored = 'IGNORED' | 'USER_DELETED';

/** The result of an accepted event. */
export interface Ingested extends Omit<Effect, 'outcome'> {
  messageId: string;
  outcome: Effect['outcome'] | 'DUPLICATE' | NotStored;
  /** The outcome of the first event with this message id: differs from `outcome` only if that is DUPLICATE. */
  firstOutcome: Effect['outcome'] | NotStored;
  /** Parts of the event that cannot be used. The event itself counts. */
  warnings: SegmentWarning[];
}

/**
 * Ingests events. Returns one result per event, in order; an Error is the result of that event alone. A result means
 * that the event is stored, processed and committed.
 */
export type IngestEvents = (
  environmentId: string,
  events: readonly unknown[],
) => Promise<(Ingested | Error)[]>;

/** KNOWN: the message id is stored already. DELETED: the event is older than the deletion of its user. */
type Arrival = 'NEW' | 'KNOWN' | 'DELETED';

/** Null if the event is no longer stored. */
type Known = Effect | null;

interface Processed<Effects = Known> {
  arrival: Arrival;
  effect: Effects;
}

/**
 * Each event is stored first, and processed in a second transaction. After a crash in between, the sweep processes
 * it, or the sender's next attempt does.
 *
 * Track events of concurrent requests share transactions. Those of users locked by others move to a lane of their own,
 * where no others wait for them. Each identify event has its own transaction; up to four run at once, of different
 * users.
 */
export function createIngestion({ prisma, work }: Connections, metrics = createMetrics()): IngestEvents {
  const trackLane = { connections: 2, maxItems: 200, metrics: metrics.lane('track') };
  const identifyLane = { connections: 4, maxItems: 1, metrics: metrics.lane('identify') };
  const heldLane = { connections: 1, maxItems: 200, metrics: metrics.lane('track_locked') };
  const runWith = async (process: typeof processFreeTracks, events: readonly SegmentEvent[]) => {
    const outcomes = await process(work, events);
    return effectsOf(events, new Map(outcomes.map((outcome) => [nameOf(outcome), effectOf(outcome)])));
  };
  const runFree = (events: readonly SegmentEvent[]) =>
    retryIndividually(events, (batch) => runWith(processFreeTracks, batch));
  const runWaiting = (events: readonly SegmentEvent[]) => runWith(processHeldTracks, events);
  const trackFree = createLane<SegmentEvent, Processed<Known | typeof RETRY>>(trackLane, async (events) => {
    // Storing is not part of what is retried: an event is new only once.
    const arrivals = await retryIndividually(events, store);
    return combine(arrivals, await runFree(events));
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
    const computed = new Map<string, Effect>();
    for (const event of events) {
      const { effect, released } = await processIdentify(prisma, event);
      if (effect !== null) computed.set(nameOf(event), effect);
      await processTracks(work, released);
    }
    const effects = await effectsOf(events, computed);
    return combine(
      arrivals,
      effects.map((effect) => (effect === RETRY ? null : effect)),
    );
  });
  const inTurn = createTurns(1, turnTimeoutMs);
  const identify = (event: SegmentEvent) => inTurn(userOf(event), () => identifyFirst(event));

  /** Within a batch, only the first event with an id is new. */
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

  /** The effects of events, in order; RETRY if unprocessed. Reads only those that this process has not just computed. */
  async function effectsOf(
    events: readonly SegmentEvent[],
    computed: ReadonlyMap<string, Effect>,
  ): Promise<(Known | typeof RETRY)[]> {
    const others = events.filter((event) => !computed.has(nameOf(event)));
    const read = others.length === 0 ? [] : await readEffects(work, others);
    const stored = new Map<string, Known | typeof RETRY>();
    for (const [index, event] of others.entries()) stored.set(nameOf(event), read[index] ?? null);
    return events.map((event) => computed.get(nameOf(event)) ?? stored.get(nameOf(event)) ?? null);
  }

  return async (environmentId, raws) => {
    const read = raws.map((raw) => settle(() => readEvent(raw, { environmentId, newId: randomUUID })));
    const results: (Ingested | Error)[] = [];
    // In the order of the request: a track event after an identify event finds its user.
    for (const run of runsOf(read)) {
      results.push(...(await Promise.all(run.map((event) => ingestOne(event, { track, identify })))));
    }
    for (const result of results) metrics.countSegmentEvent(nameOutcome(result));
    return results;
  };
}

/** An Error where an event could not be stored or processed. */
function combine<Effects>(
  arrivals: readonly (Arrival | Error)[],
  effects: readonly (Effects | Error)[],
): (Processed<Effects> | Error)[] {
  return effects.map((effect, index) => {
    const arrival = arrivals[index];
    if (arrival === undefined || arrival instanceof Error)
      return arrival ?? new Error('a Segment event got no arrival');
    return effect instanceof Error ? effect : { arrival, effect };
  });
}

const userOf = ({ environmentId, userId }: SegmentEvent) => `${environmentId} ${userId}`;

/** The outcome by which metrics count an event. */
function nameOutcome(result: Ingested | Error): string {
  if (result instanceof DomainError) return 'REFUSED';
  return result instanceof Error ? 'FAILED' : result.outcome;
}

type Process = (event: SegmentEvent) => Promise<Processed>;
type Read = SegmentEvent | IgnoredEvent | Error;

async function ingestOne(
  event: Read,
  lanes: { track: Process; identify: Process },
): Promise<Ingested | Error> {
  if (event instanceof Error) return event;
  if (event.type === 'IGNORED') return notStored(event.messageId, 'IGNORED', []);
  try {
    return await processThrough(event, lanes[event.type === 'TRACK' ? 'track' : 'identify']);
  } catch (error) {
    return error as Error;
  }
}

/** Retries an event that was erased together with its user meanwhile: the next attempt returns USER_DELETED. */
async function processThrough(event: SegmentEvent, lane: Process): Promise<Ingested> {
  const { messageId, warnings } = event;
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const { arrival, effect } = await lane(event);
    if (arrival === 'DELETED') return notStored(messageId, 'USER_DELETED', warnings);
    if (effect === null) continue;
    const outcome = arrival === 'NEW' ? effect.outcome : 'DUPLICATE';
    return { ...effect, messageId, outcome, firstOutcome: effect.outcome, warnings };
  }
  throw new Error('a Segment event got no outcome');
}

function notStored(messageId: string, outcome: NotStored, warnings: SegmentWarning[]): Ingested {
  const nothing = { featureId: null, ruleId: null, delta: null, userKey: null };
  return { messageId, outcome, firstOutcome: outcome, ...nothing, warnings };
}

/** Splits events where order matters: consecutive track events run together, each identify event alone. */
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
