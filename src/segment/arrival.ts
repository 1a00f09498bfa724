import type { Logger } from 'pino';
import type { Connections } from '../database/client.ts';
import type { UserArrivedHook } from '../users/arrival.ts';
import { releaseWaiting } from './identify/store.ts';
import { arrival, lockIn } from './lock-store.ts';
import { processTracks } from './track.ts';

/** How many events are processed before the caller gets its result; the sweep processes the rest. */
const maxProcessed = 1_000;

/**
 * Releases the track events that wait for a user, in the transaction in which the user appears, and processes them
 * after its commit. An event that is processed at the same moment either finds the user or is released here: the
 * lock makes one wait for the other. If processing fails, the sweep repeats it.
 */
export function releaseOnArrival({ work }: Pick<Connections, 'work'>, log: Logger): UserArrivedHook {
  return {
    before: (tx, { environmentId, userIds }) =>
      lockIn(
        tx,
        userIds.map((id) => arrival(environmentId, id)),
      ),
    async after(tx, { environmentId, userIds }) {
      const released = await releaseWaiting(tx, environmentId, userIds);
      const events = released.slice(0, maxProcessed).map((messageId) => ({ environmentId, messageId }));
      return async () => {
        try {
          await processTracks(work, events);
        } catch (error) {
          log.error({ err: error }, 'events that waited for a user are left to the next sweep');
        }
      };
    },
  };
}
