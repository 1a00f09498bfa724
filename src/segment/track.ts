import type { Pool, PoolClient } from 'pg';
import { BusyError } from '../database/errors.ts';
import { RETRY, waitBriefly } from '../database/held.ts';
import { inShortTransaction } from '../database/transaction.ts';
import { DomainError } from '../errors.ts';
import { decideWithin } from '../usage/record/locked.ts';
import { lockUsers } from '../usage/record/locked-store.ts';
import type { IfLocked, Usage } from '../usage/record/rules.ts';
import { appendUsage, DECIDE } from '../usage/record/store.ts';
import { dropDeleted } from './erasure/store.ts';
import {
  type EventKey,
  findUserKeys,
  openTracks,
  saveTracks,
  type TrackOutcome,
  type WaitingTrack,
} from './events/store.ts';
import { tellUnmatched } from './events/unmatched-store.ts';
import { arrival, lock, tryLock } from './lock-store.ts';
import {
  type Mapping,
  type MappingRule,
  mapTrack,
  namedFeature,
  type UnusableDelta,
} from './mapping/rules.ts';

const maxAttempts = 20;

/** A track event that is usage of a known feature. */
interface Mapped {
  event: WaitingTrack;
  mapping: Mapping;
}

/**
 * Processes stored track events and records their usage. Outcome, ledger and counters change in one transaction:
 * an event is processed once and entirely, or not yet. Skips events that are processed already.
 *
 * Repeats for events whose user changes at the same moment, with the user locked first: then other changes, however
 * many, cannot make it fail.
 *
 * @returns the outcomes of the events that this call has processed
 * @throws BusyError when users keep changing
 */
export async function processTracks(pool: Pool, keys: readonly EventKey[]): Promise<TrackOutcome[]> {
  const outcomes: TrackOutcome[] = [];
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const processed = await processOnce(pool, keys, attempt > 0 ? 'lock first' : 'wait');
    outcomes.push(...processed.outcomes);
    if (processed.remaining === 0) return outcomes;
  }
  throw new BusyError(`Segment events met a concurrent change of their user ${maxAttempts} times in a row`);
}

/** Processes events once, except those that are locked by others, or whose users are. They stay unprocessed. */
export async function processFreeTracks(pool: Pool, keys: readonly EventKey[]): Promise<TrackOutcome[]> {
  return (await processOnce(pool, keys, 'skip')).outcomes;
}

/** Processes events once, and waits briefly for locks. One user who stays locked fails all of these events. */
export async function processHeldTracks(pool: Pool, keys: readonly EventKey[]): Promise<TrackOutcome[]> {
  return (await processOnce(pool, keys, 'lock briefly')).outcomes;
}

/**
 * What to do about locks of others: skip, wait, or wait with the users locked before anything is recorded, and then
 * perhaps only briefly.
 */
type Locking = IfLocked | 'lock first' | 'lock briefly';

const ifLocked = (locking: Locking): IfLocked => (locking === 'skip' ? 'skip' : 'wait');

interface Attempt {
  outcomes: TrackOutcome[];
  /** How many events the next attempt decides. */
  remaining: number;
}

/** Three round trips, where no user is unknown: what is locked and read, the usage, and the outcomes with the commit. */
const processOnce = (pool: Pool, keys: readonly EventKey[], locking: Locking): Promise<Attempt> =>
  inShortTransaction(pool, {
    async open(client) {
      const limited = locking === 'lock briefly' ? waitBriefly(client) : null;
      const [waiting] = await Promise.all([openTracks(client, keys, ifLocked(locking)), limited]);
      return waiting;
    },
    async work(client, { events, rules }) {
      if (events.length === 0) return { result: { outcomes: [], remaining: 0 } };
      const mapped: Mapped[] = [];
      const outcomes: TrackOutcome[] = [];
      for (const event of events) {
        const mapping = mapEvent(event, rules.get(event.environmentId) ?? []);
        if (mapping === null || 'unusableFor' in mapping) outcomes.push(unmapped(event, mapping));
        else mapped.push({ event, mapping });
      }
      const { recorded, dropped } = await record(client, mapped, locking);
      outcomes.push(...recorded);
      const remaining = events.length - outcomes.length - dropped;
      const saved = saveTracks(client, outcomes);
      const unmatched = unmatchedOf(events, outcomes);
      if (unmatched.length > 0) await Promise.all([saved, tellUnmatched(client, unmatched)]);
      return { result: { outcomes, remaining }, last: saved };
    },
  });

function unmatchedOf(events: readonly WaitingTrack[], outcomes: readonly TrackOutcome[]) {
  const unmatched = new Set(
    outcomes.filter(({ outcome }) => outcome === 'UNMATCHED').map(({ messageId }) => messageId),
  );
  return unmatched.size === 0
    ? []
    : events
        .filter(({ messageId, eventName }) => unmatched.has(messageId) && eventName !== null)
        .map(({ environmentId, messageId, eventName }) => ({
          environmentId,
          messageId,
          eventName: eventName ?? '',
        }));
}

function unmapped(event: WaitingTrack, unusable: UnusableDelta | null): TrackOutcome {
  const nothing = { ...keyOf(event), mapping: null, userKey: null };
  return unusable === null
    ? { ...nothing, outcome: 'UNMATCHED', ruleId: null }
    : { ...nothing, outcome: 'DELTA_UNUSABLE', ruleId: unusable.unusableFor };
}

/** Finds the feature and the delta of an event. */
function mapEvent(event: WaitingTrack, rules: readonly MappingRule[]): Mapping | UnusableDelta | null {
  if (event.mapping !== null) return event.mapping;
  const featureId = namedFeature(event);
  const { namedPrecision } = event;
  const precisions =
    featureId === null || namedPrecision === null ? [] : [[featureId, namedPrecision] as const];
  return mapTrack(event, new Map(precisions), rules);
}

/** Records the usage of known users. Events of unknown users wait for their user. */
async function record(
  client: PoolClient,
  mapped: readonly Mapped[],
  locking: Locking,
): Promise<{ recorded: TrackOutcome[]; dropped: number }> {
  const known = mapped.flatMap(({ event, mapping }) =>
    event.user === null ? [] : [{ event, mapping, userKey: event.user.key }],
  );
  const unknown = mapped.filter(({ event }) => event.user === null);
  // Lock order: id, then row, as in updateUser.
  const { waiting, dropped } = await waitForUsers(client, unknown, locking);
  return { recorded: [...waiting, ...(await recordKnown(client, known, locking))], dropped };
}

async function recordKnown(
  client: PoolClient,
  known: readonly (Mapped & { userKey: bigint })[],
  locking: Locking,
): Promise<TrackOutcome[]> {
  if (known.length === 0) return [];
  const usages = known.map((each) => ({ usage: usageOf(each), withStanding: false }));
  // Decided in one step with the other usages: a lock for some users that waits for others could deadlock.
  const isDecided = known.some(({ event }) => event.user?.hasTopUps);
  if (locking !== 'skip' && locking !== 'wait' && !isDecided)
    await lockUsers(
      client,
      usages.map(({ usage }) => usage),
      'wait',
      'key share',
    );
  const results = await (isDecided
    ? decideWithin(
        client,
        usages.map(({ usage }) => usage),
        ifLocked(locking),
      )
    : appendUsage(client, usages, ifLocked(locking)));
  return known.flatMap(({ event, mapping, userKey }, index) => {
    const result = results[index];
    // The user is locked, or was changed or deleted after the look-up, or got a first top-up: the next attempt decides.
    if (
      result === RETRY ||
      result === DECIDE ||
      (result instanceof DomainError && result.code === 'NOT_FOUND')
    )
      return [];
    // The precision of the feature was lowered since the event was mapped, as long as it had no usage.
    if (result instanceof DomainError && result.code === 'BAD_USER_INPUT')
      return [unmapped(event, mapping.ruleId === null ? null : { unusableFor: mapping.ruleId })];
    if (result === undefined || result instanceof Error)
      throw result ?? new Error('recording a usage gave no result');
    return [{ ...keyOf(event), outcome: 'RECORDED' as const, mapping, ruleId: mapping.ruleId, userKey }];
  });
}

/**
 * Lets events wait for their user. The lock keeps these ids from leading to a user before the commit. If an id leads
 * to one by now, the next attempt processes the event. If its user was deleted after the event, the event is dropped.
 */
async function waitForUsers(
  client: PoolClient,
  unknown: readonly Mapped[],
  locking: Locking,
): Promise<{ waiting: TrackOutcome[]; dropped: number }> {
  if (unknown.length === 0) return { waiting: [], dropped: 0 };
  const locked = await lockArrivals(client, unknown, locking);
  const userKeys = await findUserKeys(
    client,
    locked.map(({ event }) => event),
  );
  const stillUnknown = locked.filter((_each, index) => userKeys[index] === null);
  const dropped = await dropDeleted(
    client,
    stillUnknown.map(({ event }) => event),
  );
  const waiting = stillUnknown
    .filter(({ event }) => !dropped.some((each) => isSame(each, event)))
    .map(({ event, mapping }) => ({
      ...keyOf(event),
      outcome: 'PENDING_USER' as const,
      mapping,
      ruleId: mapping.ruleId,
      userKey: null,
    }));
  return { waiting, dropped: dropped.length };
}

/** @returns the events whose arrival lock it took */
async function lockArrivals(
  client: PoolClient,
  unknown: readonly Mapped[],
  locking: Locking,
): Promise<readonly Mapped[]> {
  const nameOf = ({ event }: Mapped) => arrival(event.environmentId, event.userId);
  const names = unknown.map(nameOf);
  if (locking !== 'skip') {
    await lock(client, names);
    return unknown;
  }
  const locked = await tryLock(client, names);
  return unknown.filter((each) => locked.has(nameOf(each)));
}

const isSame = (a: EventKey, b: EventKey) =>
  a.messageId === b.messageId && a.environmentId === b.environmentId;
const keyOf = ({ environmentId, messageId }: WaitingTrack): EventKey => ({ environmentId, messageId });

/** Keys of callers hold no control character: ours never collide with theirs. */
const ledgerKey = (messageId: string) => `\u0001segment ${messageId}`;

const usageOf = ({ event, mapping }: Mapped): Usage => ({
  environmentId: event.environmentId,
  source: 'SEGMENT',
  userId: event.userId,
  featureId: mapping.featureId,
  action: 'ADD',
  delta: mapping.delta,
  idempotencyKey: ledgerKey(event.messageId),
  timestamp: event.occurredAt,
  enforce: false,
});
