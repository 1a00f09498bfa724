import type { Db } from '../../database/client.ts';
import { isUniqueViolation, isWriteConflict } from '../../database/errors.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { longTransaction } from '../../database/long-transaction.ts';
import { DomainError } from '../../errors.ts';
import { claimUser } from '../../users/change.ts';
import { mergeWithin } from '../../users/merge/merge.ts';
import { lockUsers } from '../../users/merge/store.ts';
import { emailKey } from '../../users/rules.ts';
import { dropDeletedIn } from '../erasure/store.ts';
import type { EventKey } from '../events/store.ts';
import { arrival, email, lockIn } from '../lock-store.ts';
import { type IdentifyPlan, type KnownUser, planIdentify, readTraits, type Traits } from './rules.ts';
import { findIdentified, findOthers, lockIdentify, releaseWaiting, saveIdentify } from './store.ts';

const maxAttempts = 20;

/** Someone changed one of the users while it was decided who is who. */
const changedMeanwhile = new Error('a user was changed while it was identified');

/** Who identifies: an id in an environment, and what is said about it. */
interface Subject {
  environmentId: string;
  userId: string;
  traits: Traits;
}

/**
 * Makes an identify event that is stored true, in one transaction: the user, the outcome, and the release of
 * events that waited for the user. An event that is processed already is left alone.
 *
 * Whoever identifies the same id, or by the same email, waits: of ten who bring a new user at once, one makes
 * the user and nine update it.
 *
 * @returns the events that waited for the user, and can be processed now
 */
export async function processIdentify(prisma: PrismaClient, key: EventKey): Promise<EventKey[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await longTransaction(prisma, (tx) => identify(tx, key));
    } catch (error) {
      if (!isTemporary(error) || attempt === maxAttempts) throw error;
    }
  }
}

/** Whether someone was quicker, and everything is to be looked at again. */
function isTemporary(error: unknown): boolean {
  return (
    error === changedMeanwhile ||
    error instanceof DomainError ||
    isUniqueViolation(error) ||
    isWriteConflict(error)
  );
}

async function identify(tx: Db, key: EventKey): Promise<EventKey[]> {
  const event = await lockIdentify(tx, key);
  if (event === null) return [];
  const { environmentId } = key;
  const subject = { environmentId, userId: event.userId, traits: readTraits(event.payload) };
  const plan = await decide(tx, subject);
  // Deleted since the event was stored.
  const isNew = plan.outcome === 'USER_CREATED' || plan.outcome === 'USER_CLAIMED';
  if (isNew && (await dropDeletedIn(tx, key))) return [];
  const userKey = await apply(tx, subject, plan);
  await saveIdentify(tx, key, plan.outcome, userKey);
  const released = await releaseWaiting(tx, environmentId, [event.userId]);
  return released.map((messageId) => ({ environmentId, messageId }));
}

/** Decides who is who, and holds everyone concerned until the transaction ends. */
async function decide(tx: Db, subject: Subject): Promise<IdentifyPlan> {
  const { environmentId, userId, traits } = subject;
  await lockIn(tx, [arrival(environmentId, userId)]);
  if (traits.email !== undefined) await lockIn(tx, [email(environmentId, emailKey(traits.email))]);
  const plan = await look(tx, subject);
  await lockUsers(
    tx,
    environmentId,
    concerned(plan).map(({ id }) => id),
  );
  const underLock = await look(tx, subject);
  if (plan.outcome !== underLock.outcome || keysOf(plan) !== keysOf(underLock)) throw changedMeanwhile;
  return underLock;
}

async function look(tx: Db, { environmentId, userId, traits }: Subject): Promise<IdentifyPlan> {
  const self = await findIdentified(tx, environmentId, userId);
  return planIdentify(self, await findOthers(tx, environmentId, traits.email, self));
}

function concerned(plan: IdentifyPlan): KnownUser[] {
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

/** Answers the key of the identified user. */
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

/** Whoever is identified by an id has it from the company, also one that a billing provider brought. */
async function update(tx: Db, key: bigint, traits: Traits): Promise<bigint> {
  await tx.user.update({ where: { key }, data: { ...traits, imported: false } });
  return key;
}
