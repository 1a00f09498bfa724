import { withEvents } from '../../audit/record.ts';
import type { Db } from '../../database/client.ts';
import { isUniqueViolation, isWriteConflict } from '../../database/errors.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { longTransaction } from '../../database/transaction.ts';
import { DomainError } from '../../errors.ts';
import { claimUser } from '../../users/change.ts';
import { mergeWithin } from '../../users/merge/merge.ts';
import { lockUsers } from '../../users/merge/store.ts';
import { emailKey } from '../../users/rules.ts';
import { dropDeletedIn } from '../erasure/store.ts';
import type { Effect, EventKey } from '../events/store.ts';
import { arrival, email, lockIn } from '../lock-store.ts';
import { type Candidate, type IdentifyPlan, planIdentify, readTraits, type Traits } from './rules.ts';
import { findIdentified, findOthers, lockIdentify, releaseWaiting, saveIdentify } from './store.ts';

const maxAttempts = 20;

/** A user changed between the decision and the lock: decide again. */
const changedMeanwhile = new Error('a user was changed while it was identified');

/** The user of an identify event, and what the event says about the user. */
interface Subject {
  environmentId: string;
  userId: string;
  traits: Traits;
}

/** What applying an identify event did. */
export interface Identified {
  /** Null if nothing was done: the event is processed already, or its user was deleted. */
  effect: Effect | null;
  /** Events that waited for the user and can be processed now. */
  released: EventKey[];
}

const nothingDone: Identified = { effect: null, released: [] };

/**
 * Applies a stored identify event, in one transaction: the user, the outcome, and the release of events that wait
 * for the user. Skips an event that is processed already.
 *
 * Events with the same id or email wait for each other: of ten at once for a new user, one creates the user and nine
 * update it.
 */
export async function processIdentify(prisma: PrismaClient, key: EventKey): Promise<Identified> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await longTransaction(prisma, (tx) => identify(tx, key));
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw error;
    }
  }
}

/** Whether a concurrent change caused the error: then try again. */
function isConflict(error: unknown): boolean {
  return (
    error === changedMeanwhile ||
    error instanceof DomainError ||
    isUniqueViolation(error) ||
    isWriteConflict(error)
  );
}

async function identify(tx: Db, key: EventKey): Promise<Identified> {
  const event = await lockIdentify(tx, key);
  if (event === null) return nothingDone;
  const { environmentId } = key;
  const subject = { environmentId, userId: event.userId, traits: readTraits(event.payload) };
  const plan = await decide(tx, subject);
  // The user may have been deleted after the event was stored.
  const isNew = plan.outcome === 'USER_CREATED' || plan.outcome === 'USER_CLAIMED';
  if (isNew && (await dropDeletedIn(tx, key))) return nothingDone;
  const about = { type: 'USER', handles: concerned(plan).map(({ key: userKey }) => userKey) } as const;
  const userKey = await withEvents(
    tx,
    environmentId,
    about,
    () => apply(tx, subject, plan),
    (made) => [made],
  );
  await saveIdentify(tx, key, plan.outcome, userKey);
  const released = await releaseWaiting(tx, environmentId, [event.userId]);
  return {
    effect: { outcome: plan.outcome, featureId: null, ruleId: null, delta: null, userKey },
    released: released.map((messageId) => ({ environmentId, messageId })),
  };
}

/** Decides which users are concerned, and locks them. Decides again under the locks. */
async function decide(tx: Db, subject: Subject): Promise<IdentifyPlan> {
  const { environmentId, userId, traits } = subject;
  await lockIn(tx, [arrival(environmentId, userId)]);
  if (traits.email !== undefined) await lockIn(tx, [email(environmentId, emailKey(traits.email))]);
  const plan = await planFor(tx, subject);
  await lockUsers(
    tx,
    environmentId,
    concerned(plan).map(({ id }) => id),
  );
  const underLock = await planFor(tx, subject);
  if (plan.outcome !== underLock.outcome || keysOf(plan) !== keysOf(underLock)) throw changedMeanwhile;
  return underLock;
}

async function planFor(tx: Db, { environmentId, userId, traits }: Subject): Promise<IdentifyPlan> {
  const self = await findIdentified(tx, environmentId, userId);
  return planIdentify(self, await findOthers(tx, environmentId, traits.email, self));
}

function concerned(plan: IdentifyPlan): Candidate[] {
  switch (plan.outcome) {
    case 'USER_CREATED':
      return [];
    case 'USER_UPDATED':
      return [plan.self];
    case 'USER_CLAIMED':
      return [plan.claimed];
    case 'USERS_MERGED':
      return [plan.self, plan.other];
  }
}

const keysOf = (plan: IdentifyPlan) =>
  concerned(plan)
    .map(({ key }) => key)
    .join();

/** @returns the key of the identified user */
async function apply(
  tx: Db,
  { environmentId, userId, traits }: Subject,
  plan: IdentifyPlan,
): Promise<bigint> {
  switch (plan.outcome) {
    case 'USER_CREATED':
      return (await tx.user.create({ data: { ...traits, environmentId, id: userId } })).key;
    case 'USER_UPDATED':
      return update(tx, plan.self.key, traits);
    case 'USER_CLAIMED':
      if (!(await claimUser(tx, plan.claimed.key, userId, traits))) throw changedMeanwhile;
      return plan.claimed.key;
    case 'USERS_MERGED':
      await mergeWithin(tx, environmentId, [plan.self.id, plan.other.id], plan.self.id);
      return update(tx, plan.self.key, traits);
  }
}

/** An identified user has an id of the company: it no longer counts as imported. */
async function update(tx: Db, key: bigint, traits: Traits): Promise<bigint> {
  await tx.user.update({ where: { key }, data: { ...traits, imported: false } });
  return key;
}
