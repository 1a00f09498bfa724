import { randomUUID } from 'node:crypto';
import type { Database } from '../../database/client.ts';
import { apart, createLane } from '../../database/lane.ts';
import { DomainError } from '../../errors.ts';
import { createMeters } from '../../telemetry/metrics.ts';
import { processIdentify } from '../identify/identify.ts';
import { processTracks } from '../track/track.ts';
import { type IgnoredEvent, readEvent, type SegmentEvent, type SegmentWarning } from './rules.ts';
import { type Effect, type EventKey, readEffects, storeEvents } from './store.ts';

const maxAttempts = 3;

/** What became of one event that was accepted. */
export interface Ingested extends Omit<Effect, 'outcome'> {
  messageId: string;
  outcome: Effect['outcome'] | 'DUPLICATE' | 'IGNORED';
  /** What became of it when it came first; the outcome itself unless it is DUPLICATE. */
  firstOutcome: Effect['outcome'] | 'IGNORED';
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

/** What the event did, and whether it was new. */
interface Processed {
  isNew: boolean;
  effect: Effect | null;
}

/**
 * Each event is stored first, and processed then, in a second transaction. Whatever crashes in between, the
 * event is there and still to be processed: by whoever sends it again, or by the next sweep.
 *
 * Track events of all concurrent callers share transactions. Each identify event has transactions of its own, and
 * a few of them are processed at once.
 */
export function createIngestion({ prisma, work }: Database, meters = createMeters()): IngestEvents {
  const trackLane = { connections: 2, maxItems: 200, meter: meters.lane('track') };
  const identifyLane = { connections: 4, maxItems: 1, meter: meters.lane('identify') };
  const track = createLane<SegmentEvent, Processed>(trackLane, async (events) => {
    // Stored once, whatever has to be repeated then: an event is not new twice.
    const isNew = await apart(events, store);
    const effects = await apart(events, async (batch) => {
      await processTracks(work, batch);
      return readEffects(work, batch);
    });
    return answers(isNew, effects);
  });
  const identify = createLane<SegmentEvent, Processed>(identifyLane, async (events) => {
    const isNew = await store(events);
    for (const event of events) await processTracks(work, await processIdentify(prisma, event));
    return answers(isNew, await readEffects(work, events));
  });

  /** Of an event that comes twice at once, the first one is new. */
  async function store(events: readonly SegmentEvent[]): Promise<boolean[]> {
    const stored = new Set((await storeEvents(work, events)).map(nameOf));
    return events.map((event) => stored.delete(nameOf(event)));
  }

  return async (environmentId, raws, now) => {
    const read = raws.map((raw) => settle(() => readEvent(raw, { environmentId, now, newId: randomUUID })));
    const results: (Ingested | Error)[] = [];
    // Events of one request count in their order: what is tracked after an identify finds its user.
    for (const run of runsOf(read)) {
      results.push(...(await Promise.all(run.map((event) => take(event, { track, identify })))));
    }
    for (const result of results) meters.countSegmentEvent(nameOutcome(result));
    return results;
  };
}

/** What each event did, in their order; an Error if it could not be stored, or not be processed. */
function answers(
  isNew: readonly (boolean | Error)[],
  effects: readonly (Effect | null | Error)[],
): (Processed | Error)[] {
  return isNew.map((each, index) => {
    const effect = effects[index] ?? null;
    if (each instanceof Error) return each;
    return effect instanceof Error ? effect : { isNew: each, effect };
  });
}

/** As operators count them. */
function nameOutcome(result: Ingested | Error): string {
  if (result instanceof DomainError) return 'REFUSED';
  return result instanceof Error ? 'FAILED' : result.outcome;
}

type Take = (event: SegmentEvent) => Promise<Processed>;
type Read = SegmentEvent | IgnoredEvent | Error;

async function take(event: Read, lanes: { track: Take; identify: Take }): Promise<Ingested | Error> {
  if (event instanceof Error) return event;
  if (event.type === 'IGNORED') return { ...nothing, messageId: event.messageId, warnings: [] };
  try {
    const { isNew, effect } = await takeThrough(event, lanes[event.type === 'TRACK' ? 'track' : 'identify']);
    const outcome = isNew ? effect.outcome : 'DUPLICATE';
    const { messageId, warnings } = event;
    return { ...effect, messageId, outcome, firstOutcome: effect.outcome, warnings };
  } catch (error) {
    return error as Error;
  }
}

/** An event that is erased with its user on the way is taken once more: it came after the user was deleted. */
async function takeThrough(event: SegmentEvent, lane: Take): Promise<{ isNew: boolean; effect: Effect }> {
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const { isNew, effect } = await lane(event);
    if (effect !== null) return { isNew, effect };
  }
  throw new Error('a Segment event was left without an outcome');
}

const nothing = {
  outcome: 'IGNORED',
  firstOutcome: 'IGNORED',
  featureId: null,
  ruleId: null,
  delta: null,
  userKey: null,
} as const;

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
