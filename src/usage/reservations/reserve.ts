import type { Pool, PoolClient } from 'pg';
import { requireFit } from '../../amount.ts';
import { inTransaction } from '../../database/transaction.ts';
import { createTurns } from '../../database/turns.ts';
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
import { loadTally, loadWaiting, recordAll } from '../record/locked.ts';
import type { Recorded, Usage } from '../record/rules.ts';
import { lapseOf, type NewReservation } from './rules.ts';
import { addReservation, endReservation, findByKey, findReservation, type Reservation } from './store.ts';

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
  commit(environmentId: string, id: bigint, used: { amount: bigint; key: string | null }): Promise<Recorded>;
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

/** How long a call waits while others of its environment are decided. Then it fails with a BusyError. */
const turnTimeoutMs = 5_000;

/** Decides under the lock of the user, so that all that is held together is never more than what is left. */
export function createReservations(hot: Pool): Reservations {
  const inTurn = createTurns(2, turnTimeoutMs);
  const run = <Result>(environmentId: string, work: (client: PoolClient) => Promise<Result>) =>
    inTurn(environmentId, () => inTransaction(hot, work));
  return {
    reserve: (environmentId, reservation, requestHash) =>
      run(environmentId, async (client) => {
        const item = await lockCase(client, usageOf(environmentId, reservation));
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
      run(environmentId, async (client) => {
        const { reservation, item } = await lockReservation(client, environmentId, id);
        requireFit(used.amount, { id: reservation.featureId, precision: item.precision }, 'amount');
        if (reservation.committed !== null) return committedBefore(client, reservation, item, used);
        if (reservation.isReleased) throw reservationClosed(`${id}`, 'released');
        return commitNow(client, reservation, item, used);
      }),
    release: (environmentId, id) =>
      run(environmentId, async (client) => {
        const { reservation, item } = await lockReservation(client, environmentId, id);
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

async function lockCase(client: PoolClient, usage: Usage): Promise<Case> {
  const [item] = await loadWaiting(client, [usage]);
  if (!item) throw new Error('a usage has no case');
  return item;
}

/** Locks the user of a reservation, then reads it. @throws ReservationNotFoundError */
async function lockReservation(client: PoolClient, environmentId: string, id: bigint) {
  const seen = await findReservation(client, environmentId, id);
  if (seen === null) throw reservationNotFound(`${id}`);
  const item = await lockCase(client, usageOf(environmentId, seen));
  const reservation = await findReservation(client, environmentId, id);
  if (reservation === null || reservation.userKey !== item.userKey) throw reservationNotFound(`${id}`);
  return { reservation, item };
}

/** The standing of a case now. */
async function standingOf(client: PoolClient, item: Case): Promise<Standing> {
  const tally = await loadTally(client, [item]);
  return standingIn(item, item.featureType ?? 'CONSUMABLE', tally, winnerAt(item.grants, item.now));
}
