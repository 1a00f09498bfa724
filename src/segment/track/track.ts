import type { Pool, PoolClient } from 'pg';
import { BusyError } from '../../database/errors.ts';
import { RETRY, waitBriefly } from '../../database/held.ts';
import { inTransaction } from '../../database/transaction.ts';
import { DomainError } from '../../errors.ts';
import { lockUsers } from '../../usage/record/locked-store.ts';
import type { IfLocked, Usage } from '../../usage/record/rules.ts';
import { appendUsage } from '../../usage/record/store.ts';
import { dropDeleted } from '../erasure/store.ts';
import {
  type EventKey,
  lockTracks,
  saveTracks,
  type TrackOutcome,
  type WaitingTrack,
} from '../events/store.ts';
import { arrival, lock, lockShared, rules as rulesLock, tryLock } from '../lock-store.ts';
import { type Mapping, mapTrack, namedFeature, type UnusableDelta } from '../mapping/rules.ts';
import { findUserKeys, readCatalogue } from './store.ts';

const maxRounds = 20;

/** A track event that is known to be usage of a feature. */
interface Mapped {
  event: WaitingTrack;
  mapping: Mapping;
}

/**
 * Decides track events that are stored, and records the usage that they are. All of it happens in one
 * transaction: the decision, the ledger and the windows, so that an event is either processed, once and
 * entirely, or still to be processed. Events that are processed already are left alone.
 *
 * An event whose user someone was changing at the same instant is decided again, with the user locked first: then
 * no number of changers can make it fail for ever.
 */
export async function processTracks(pool: Pool, keys: readonly EventKey[]): Promise<void> {
  for (let round = 0; round < maxRounds; round += 1) {
    const left = await inTransaction(pool, (client) =>
      decide(client, keys, round > 0 ? 'lock first' : 'wait'),
    );
    if (left === 0) return;
  }
  throw new BusyError(`Segment events met a concurrent change of their user ${maxRounds} times in a row`);
}

/** The same, once, for those events that nobody is at, and whose users nobody holds. The others stay as they are. */
export async function processFreeTracks(pool: Pool, keys: readonly EventKey[]): Promise<void> {
  await inTransaction(pool, (client) => decide(client, keys, 'skip'));
}

/** The same, once, after waiting for users briefly: one that stays held fails all of these. */
export async function processHeldTracks(pool: Pool, keys: readonly EventKey[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    await waitBriefly(client);
    await decide(client, keys, 'lock first');
  });
}

/** Whether to wait for who is locked by somebody else, to lock before anything is read, or to wait for nobody. */
type Locking = IfLocked | 'lock first';

const ifLocked = (locking: Locking): IfLocked => (locking === 'skip' ? 'skip' : 'wait');

/** Answers how many of the events are still to be processed. */
async function decide(client: PoolClient, keys: readonly EventKey[], locking: Locking): Promise<number> {
  const events = await lockTracks(client, keys, ifLocked(locking));
  if (events.length === 0) return 0;
  const mappings = await mapEvents(client, events);
  const mapped: Mapped[] = [];
  const outcomes: TrackOutcome[] = [];
  for (const [index, event] of events.entries()) {
    const mapping = mappings[index] ?? null;
    if (mapping === null || 'unusableFor' in mapping) outcomes.push(unmapped(event, mapping));
    else mapped.push({ event, mapping });
  }
  const { recorded, dropped } = await record(client, mapped, locking);
  outcomes.push(...recorded);
  await saveTracks(client, outcomes);
  return events.length - outcomes.length - dropped;
}

function unmapped(event: WaitingTrack, unusable: UnusableDelta | null): TrackOutcome {
  const nothing = { ...keyOf(event), mapping: null, userKey: null };
  return unusable === null
    ? { ...nothing, outcome: 'UNMATCHED', ruleId: null }
    : { ...nothing, outcome: 'DELTA_UNUSABLE', ruleId: unusable.unusableFor };
}

/**
 * What each event is usage of. The rules cannot change before these decisions are committed: a rule that is
 * made afterwards finds every event that they left unmatched.
 */
async function mapEvents(
  client: PoolClient,
  events: readonly WaitingTrack[],
): Promise<(Mapping | UnusableDelta | null)[]> {
  const environmentIds = [...new Set(events.map(({ environmentId }) => environmentId))];
  await lockShared(client, environmentIds.map(rulesLock));
  const named = events.flatMap((event) => {
    const featureId = namedFeature(event);
    return featureId === null ? [] : [{ environmentId: event.environmentId, featureId }];
  });
  const { consumableIds, rules } = await readCatalogue(client, environmentIds, named);
  return events.map(
    (event) =>
      event.mapping ??
      mapTrack(
        event,
        consumableIds.get(event.environmentId) ?? new Set(),
        rules.get(event.environmentId) ?? [],
      ),
  );
}

/** Records usage of users who are known, and lets that of the others wait for them. */
async function record(
  client: PoolClient,
  mapped: readonly Mapped[],
  locking: Locking,
): Promise<{ recorded: TrackOutcome[]; dropped: number }> {
  const userKeys = await findUserKeys(
    client,
    mapped.map(({ event }) => event),
  );
  const known = mapped.flatMap((each, index) => {
    const userKey = userKeys[index] ?? null;
    return userKey === null ? [] : [{ ...each, userKey }];
  });
  const unknown = mapped.filter((_each, index) => userKeys[index] === null);
  // Lock order: id, then row, as in updateUser.
  const { waiting, dropped } = await leaveWaiting(client, unknown, locking);
  return { recorded: [...waiting, ...(await recordKnown(client, known, locking))], dropped };
}

async function recordKnown(
  client: PoolClient,
  known: readonly (Mapped & { userKey: bigint })[],
  locking: Locking,
): Promise<TrackOutcome[]> {
  if (known.length === 0) return [];
  const usages = known.map((each) => ({ usage: usageOf(each), withStanding: false }));
  if (locking === 'lock first')
    await lockUsers(
      client,
      usages.map(({ usage }) => usage),
      'wait',
      'key share',
    );
  const results = await appendUsage(client, usages, ifLocked(locking));
  return known.flatMap(({ event, mapping, userKey }, index) => {
    const result = results[index];
    // Held by somebody else, or changed or deleted since this transaction looked.
    if (result === RETRY || (result instanceof DomainError && result.code === 'NOT_FOUND')) return [];
    if (result === undefined || result instanceof Error)
      throw result ?? new Error('a usage was left without a result');
    return [{ ...keyOf(event), outcome: 'RECORDED' as const, mapping, ruleId: mapping.ruleId, userKey }];
  });
}

/**
 * Nobody can make these ids lead to a user before this is committed; who was quicker is found here, and the
 * event is left to be decided again. An event whose user was deleted since it was stored is dropped.
 */
async function leaveWaiting(
  client: PoolClient,
  unknown: readonly Mapped[],
  locking: Locking,
): Promise<{ waiting: TrackOutcome[]; dropped: number }> {
  if (unknown.length === 0) return { waiting: [], dropped: 0 };
  const held = await lockArrivals(client, unknown, locking);
  const userKeys = await findUserKeys(
    client,
    held.map(({ event }) => event),
  );
  const strangers = held.filter((_each, index) => userKeys[index] === null);
  const dropped = await dropDeleted(
    client,
    strangers.map(({ event }) => event),
  );
  const waiting = strangers
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

/** Answers those whose arrival nobody can bring about now. */
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

/** No key of a caller's own holds a control character: theirs and ours never meet. */
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
