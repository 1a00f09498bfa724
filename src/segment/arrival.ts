import type { Logger } from 'pino';
import type { Connections } from '../database/client.ts';
import type { AdmitUsers } from '../users/change.ts';
import { releaseWaiting } from './identify/store.ts';
import { arrival, lockIn } from './lock-store.ts';
import { processTracks } from './track/track.ts';

/** How many events are processed while the caller waits; more are left to the next sweep. */
const maxAtOnce = 1_000;

/**
 * Track events that came before their user are released in the transaction in which the user appears, and
 * processed before its maker is answered. An event that is decided at the same instant either sees the user or
 * is released here: the two wait for each other. Whatever fails after the transaction is left to the next sweep.
 */
export function createAdmission({ prisma, work: pool }: Connections, log: Logger): AdmitUsers {
  return async (environmentId, userIds, work) => {
    const { result, released } = await prisma.$transaction(async (tx) => {
      await lockIn(
        tx,
        userIds.map((id) => arrival(environmentId, id)),
      );
      const made = await work(tx);
      return { result: made, released: await releaseWaiting(tx, environmentId, userIds) };
    });
    const events = released.slice(0, maxAtOnce).map((messageId) => ({ environmentId, messageId }));
    await processTracks(pool, events).catch((error) =>
      log.error({ err: error }, 'events that waited for a user are left to the next sweep'),
    );
    return result;
  };
}
