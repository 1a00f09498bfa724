import type { Pool, PoolClient } from 'pg';
import { requireFit } from '../../amount.ts';
import type { Author } from '../../audit/rules.ts';
import { appendUsageEntry } from '../../audit/store.ts';
import { RETRY, waitBriefly } from '../../database/held.ts';
import { entitlementOf, type Standing } from '../../entitlements/rules.ts';
import {
  featureNotFound,
  invalidInput,
  requestConflict,
  reservationClosed,
  reservationNotFound,
  userNotFound,
} from '../../errors.ts';
import { winnerAt } from '../ledger/rules.ts';
import { type Case, standingOf as standingIn } from '../record/decision-rules.ts';
import { auditFields, loadCases, loadTally, loadWaiting, recordAll } from '../record/locked.ts';
import type { IfLocked, Recorded, Usage } from '../record/rules.ts';
import { lapseOf, type NewReservation } from './rules.ts';
import {
  addReservation,
  endReservation,
  findByKey,
  findOwnerId,
  findReservation,
  type Reservation,
} from './store.ts';
import { createLockedRuns } from './turns.ts';

/** The result of reserveUsage and releaseReservation. */
export interface Reserved {
  reserved: boolean;
  reason: string | null;
  id: bigint | null;
  expiresAt: Date | null;
  standing: Standing;
}

/** Reservations of an environment. */
export interface Reservations {
  reserve(environmentId: string, reservation: NewReservation, requestHash: string): Promise<Reserved>;
  /** @param used with the author of a commit by hand, for the audit log */
  commit(environmentId: string, id: bigint, used: Used): Promise<Recorded>;
  release(environmentId: string, id: bigint): Promise<Reserved>;
}

const usageOf = (
  environmentId: string,
  { userId, featureId, amount }: Pick<Reservation, 'userId' | 'featureId' | 'amount'>,
): Usage => ({
  environmentId,
  userId,
  featureId,
  delta: amount,
  source: 'API',
  action: 'ADD',
  idempotencyKey: null,
  timestamp: null,
  enforce: false,
});

/** Decides under the lock of the user, so that all that is held together is never more than what is left. */
export function createReservations(hot: Pool): Reservations {
  const run = createLockedRuns(hot);
  const runFor = async <Result>(
    environmentId: string,
    id: bigint,
    work: (client: PoolClient, locked: Locked) => Promise<Result>,
  ) => {
    const userId = await findOwnerId(hot, environmentId, id);
    if (userId === null) throw reservationNotFound(`${id}`);
    return run<Result>({ environmentId, userId }, async (client, ifLocked) => {
      const locked = await lockReservation(client, environmentId, id, ifLocked);
      return locked === null ? RETRY : work(client, locked);
    });
  };
  return {
    reserve: (environmentId, reservation, requestHash) =>
      run({ environmentId, userId: reservation.userId }, async (client, ifLocked) => {
        const item = await lockCase(client, usageOf(environmentId, reservation), ifLocked);
        if (item === null) return RETRY;
        const userKey = checkSubject(item, reservation);
        const key = reservation.idempotencyKey;
        const first = await findFirst(client, userKey, { key, requestHash });
        const standing = await standingOf(client, item);
        if (first !== null) return { ...shown(first), reserved: true, standing };
        const { access, reason } = entitlementOf(standing, reservation.amount);
        if (!access) return { reserved: false, reason, id: null, expiresAt: null, standing };
        const expiresAt = lapseOf(item.now, reservation.ttlSeconds);
        const hash = key === null ? null : requestHash;
        const row = { ...reservation, environmentId, userKey, expiresAt, now: item.now, requestHash: hash };
        const id = await addReservation(client, row);
        const held = item.held + reservation.amount;
        return { reserved: true, reason: null, id, expiresAt, standing: { ...standing, held } };
      }),
    commit: (environmentId, id, used) =>
      runFor(environmentId, id, async (client, { reservation, item }) => {
        requireFit(used.amount, { id: reservation.featureId, precision: item.precision }, 'amount');
        if (reservation.committed !== null) return committedBefore(client, reservation, item, used);
        if (reservation.isReleased) throw reservationClosed(`${id}`, 'released');
        return commitNow(client, reservation, item, used);
      }),
    release: (environmentId, id) =>
      runFor(environmentId, id, async (client, { reservation, item }) => {
        if (reservation.committed !== null) throw reservationClosed(`${id}`, 'committed');
        const isOpen = !reservation.isReleased && reservation.expiresAt > item.now;
        if (!reservation.isReleased) await endReservation(client, reservation, null);
        const held = isOpen ? item.held - reservation.amount : item.held;
        return {
          ...shown(reservation),
          reserved: false,
          standing: await standingOf(client, { ...item, held }),
        };
      }),
  };
}

/** The reservation that the first call with this key made. @throws IdempotencyKeyConflictError if it had other values */
async function findFirst(
  client: PoolClient,
  userKey: bigint,
  { key, requestHash }: { key: string | null; requestHash: string },
): Promise<Reservation | null> {
  const first = key === null ? null : await findByKey(client, userKey, key);
  if (first !== null && first.requestHash !== requestHash) throw requestConflict(key ?? '');
  return first;
}

/** The key of the user. @throws UserNotFoundError, FeatureNotFoundError, or a ValidationError */
function checkSubject({ userKey, featureType, precision }: Case, reservation: NewReservation): bigint {
  const { userId, featureId, amount } = reservation;
  if (userKey === null) throw userNotFound(userId);
  if (featureType === null) throw featureNotFound(featureId);
  if (featureType === 'BINARY')
    throw invalidInput('input.featureId', 'is a BINARY feature, which is not counted');
  requireFit(amount, { id: featureId, precision }, 'input.amount');
  return userKey;
}

interface Used {
  amount: bigint;
  key: string | null;
  byHandOf: Author | null;
}

async function commitNow(
  client: PoolClient,
  reservation: Reservation,
  item: Case,
  used: Used,
): Promise<Recorded> {
  const isOpen = reservation.expiresAt > item.now;
  const usage = { ...item.usage, delta: used.amount };
  const held = isOpen ? item.held - reservation.amount : item.held;
  const [recorded] = await recordAll(client, [{ ...item, usage, held }]);
  if (recorded === undefined || recorded instanceof Error)
    throw recorded ?? new Error('a usage has no result');
  await endReservation(client, reservation, used);
  if (used.byHandOf !== null) {
    const after = { ...auditFields(usage), reservationId: `${reservation.id}` };
    const { userId: subjectId, userKey } = reservation;
    await appendUsageEntry(client, used.byHandOf, { subjectId, userKey, after });
  }
  return recorded;
}

/** A second commit answers as the first. @throws IdempotencyKeyConflictError for the same key with another amount */
async function committedBefore(
  client: PoolClient,
  { committed, commitKey }: Reservation,
  item: Case,
  used: Used,
): Promise<Recorded> {
  if (used.key !== null && used.key === commitKey && committed !== used.amount)
    throw requestConflict(used.key);
  return { recorded: true, reason: null, duplicate: true, standing: await standingOf(client, item) };
}

const shown = ({ id, expiresAt }: Reservation) => ({ reason: null, id, expiresAt });

/** Locks the user of a usage, and loads its case; null if the user is locked and may not be waited for. */
async function lockCase(client: PoolClient, usage: Usage, ifLocked: IfLocked): Promise<Case | null> {
  const [item] = await (ifLocked === 'wait'
    ? loadWaiting(client, [usage], waitBriefly)
    : loadCases(client, [usage], 'skip'));
  return item ?? null;
}

/** A reservation whose user is locked. */
interface Locked {
  reservation: Reservation;
  item: Case;
}

/**
 * Locks the user of a reservation, then reads it; null if that has to be tried again: the user is locked, or was renamed
 * or merged just now.
 *
 * @throws ReservationNotFoundError
 */
async function lockReservation(
  client: PoolClient,
  environmentId: string,
  id: bigint,
  ifLocked: IfLocked,
): Promise<Locked | null> {
  const seen = await findReservation(client, environmentId, id);
  if (seen === null) throw reservationNotFound(`${id}`);
  const item = await lockCase(client, usageOf(environmentId, seen), ifLocked);
  if (item === null) return null;
  const reservation = await findReservation(client, environmentId, id, 'for update of r');
  if (reservation === null) throw reservationNotFound(`${id}`);
  return reservation.userKey === item.userKey ? { reservation, item } : null;
}

/** The standing of a case now. */
async function standingOf(client: PoolClient, item: Case): Promise<Standing> {
  const tally = await loadTally(client, [item]);
  return standingIn(item, item.featureType ?? 'CONSUMABLE', tally, winnerAt(item.grants, item.now));
}
