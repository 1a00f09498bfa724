import type { Db } from '../../database/client.ts';
import { findUserKey } from '../../users/store.ts';
import type { EventKey } from '../events/store.ts';
import type { Candidate, IdentifyPlan } from './rules.ts';

/** An identify event that is not processed yet. */
export interface WaitingIdentify {
  userId: string;
  payload: unknown;
}

/** Locks an identify event until the commit; null if it is processed already. Looks it up as lockTracks does. */
export async function lockIdentify(
  tx: Db,
  { environmentId, messageId }: EventKey,
): Promise<WaitingIdentify | null> {
  const [event] = await tx.$queryRaw<WaitingIdentify[]>`
    SELECT user_id AS "userId", payload FROM segment_event
    WHERE environment_id = ${environmentId} AND message_id = ${messageId} AND type = 'IDENTIFY'
      AND num_nulls(outcome) = 1 FOR UPDATE`;
  return event ?? null;
}

const comparable = { key: true, id: true, email: true, imported: true } as const;

/** The user that this id leads to; null if there is none. */
export async function findIdentified(tx: Db, environmentId: string, id: string): Promise<Candidate | null> {
  const key = await findUserKey(tx, environmentId, id);
  return key === null ? null : tx.user.findUnique({ where: { key }, select: comparable });
}

/** Other users with this email. LIMIT 2: is there exactly one? */
export async function findOthers(
  db: Db,
  environmentId: string,
  email: string | undefined,
  self: Candidate | null,
): Promise<Candidate[]> {
  if (email === undefined) return [];
  // Without MATERIALIZED the planner may scan all users by key.
  return db.$queryRaw`
    WITH same AS MATERIALIZED (
      SELECT key, id, email, imported FROM "user"
      WHERE environment_id = ${environmentId} AND email IS NOT NULL AND merged_into IS NULL
        AND kana_email_key(email) = kana_email_key(${email})
    )
    SELECT key, id, email, imported FROM same WHERE key <> ${self?.key ?? -1n} ORDER BY key LIMIT 2`;
}

/** Saves the outcome of an identify event that this transaction has locked. */
export async function saveIdentify(
  tx: Db,
  { environmentId, messageId }: EventKey,
  outcome: IdentifyPlan['outcome'],
  userKey: bigint,
): Promise<void> {
  await tx.segmentEvent.update({
    where: { environmentId_messageId: { environmentId, messageId } },
    data: { outcome, userKey },
  });
}

/**
 * Releases the events that wait for these users, in the transaction in which the users appear.
 *
 * @returns the message ids of the released events
 */
export async function releaseWaiting(
  tx: Db,
  environmentId: string,
  userIds: readonly string[],
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ message_id: string }[]>`
    UPDATE segment_event SET outcome = NULL
    WHERE environment_id = ${environmentId} AND user_id = ANY(${[...userIds]}) AND outcome = 'PENDING_USER'
    RETURNING message_id`;
  return rows.map((row) => row.message_id);
}
