import type { Logger } from 'pino';
import type { Connections } from '../../database/client.ts';
import { type DeletedPerson, type DeletePerson, deleteUser } from '../../users/merge/merge.ts';
import { enqueueErasure } from '../jobs.ts';
import { erase } from './erase.ts';
import { rememberDeleted } from './store.ts';

/** For how long a caller waits for the events of a person with very many; the rest is done in the background. */
const patience = 5_000;

/**
 * Deletes a person with all events that Segment sent about the person, and remembers the ids, hashed: an older event
 * that comes again is not taken. The events are erased after the user is
 * gone and nobody holds the user's row: whoever processes an event takes the event first and then the user. A
 * job is made in the same transaction, which erases them if this process ends in between.
 */
export function createDeletion({ prisma, work: pool }: Connections, log: Logger): DeletePerson {
  return async (author, id, now) => {
    const { environmentId } = author;
    const tracesOf = ({ ids, keys }: DeletedPerson) => ({ environmentId, ids, keys, before: now });
    const deleted = await deleteUser(prisma, author, id, async (tx, person) => {
      await rememberDeleted(tx, environmentId, person.ids);
      await enqueueErasure(tx, tracesOf(person));
    });
    await erase(pool, tracesOf(deleted), AbortSignal.timeout(patience)).catch((error) =>
      log.error({ err: error }, 'the events of a deleted user are left to a job'),
    );
    return deleted.id;
  };
}
