import type { Logger } from 'pino';
import type { Connections, Db } from '../../database/client.ts';
import { type DeletedPerson, type DeletePerson, deleteUser } from '../../users/merge/merge.ts';
import { enqueueErasure } from '../jobs.ts';
import { erase } from './erase.ts';
import { rememberDeleted } from './store.ts';

/** What another concept forgets of a person, in the transaction of the deletion. */
export type ForgetPerson = (tx: Db, userKeys: readonly bigint[]) => Promise<void>;

/** How long the caller waits for the erasure. A job erases the rest. */
const erasureTimeoutMs = 5_000;

/**
 * Deletes a person and all events about the person. Stores hashes of the ids, so that older events are rejected if they
 * are sent again. Erases the events after the deletion has committed: processing locks events first and then the
 * user, so erasing under the user's lock could deadlock. A job of the same transaction erases them if this process ends.
 */
export function createDeletion(
  { prisma, work: pool }: Connections,
  log: Logger,
  alsoForget: readonly ForgetPerson[] = [],
): DeletePerson {
  return async (author, id, now) => {
    const { environmentId } = author;
    const tracesOf = ({ ids, keys }: DeletedPerson) => ({ environmentId, ids, keys, before: now });
    const deleted = await deleteUser(prisma, author, id, async (tx, person) => {
      await rememberDeleted(tx, environmentId, person.ids);
      for (const forget of alsoForget) await forget(tx, person.keys);
      await enqueueErasure(tx, tracesOf(person));
    });
    await erase(pool, tracesOf(deleted), AbortSignal.timeout(erasureTimeoutMs)).catch((error) =>
      log.error({ err: error }, 'the events of a deleted user are left to a job'),
    );
    return deleted.id;
  };
}
