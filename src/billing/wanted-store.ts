import type { Db } from '../database/client.ts';

/*
 * The customers of whom Stripe is to be asked. Each is one row, however many events tell of it.
 */

/** A customer of whom Stripe is to be asked. */
export interface Wanted {
  id: string;
  wantedAt: string;
  tries: number;
}

export async function wantCustomers(
  db: Db,
  environmentId: string,
  ids: readonly string[],
  isUrgent: boolean,
): Promise<void> {
  // In the order of ids, so that two transactions never wait for each other.
  await db.$executeRaw`
    INSERT INTO stripe_customer AS known (environment_id, id, read_number, wanted_at, is_urgent)
    SELECT ${environmentId}, id, 0, clock_timestamp(), ${isUrgent} FROM unnest(${[...ids].sort()}::text[]) id
    ON CONFLICT (environment_id, id) DO UPDATE SET wanted_at = excluded.wanted_at, wanted_tries = 0,
      is_urgent = excluded.is_urgent OR known.is_urgent`;
}

/** The next customers that are due: those first whom somebody waits for, then those that wait longest. None without a connection. */
export function findWanted(db: Db, environmentId: string, take: number): Promise<Wanted[]> {
  return db.$queryRaw<Wanted[]>`
    SELECT id, wanted_at::text AS "wantedAt", wanted_tries AS tries FROM stripe_customer
    WHERE environment_id = ${environmentId} AND wanted_at <= now() AND EXISTS (
      SELECT FROM stripe_connection WHERE environment_id = ${environmentId} AND disconnected_at IS NULL)
    ORDER BY is_urgent DESC, wanted_at, id LIMIT ${take}`;
}

/** Whether a customer is due. */
export async function isAnyWanted(db: Db, environmentId: string): Promise<boolean> {
  return (await findWanted(db, environmentId, 1)).length > 0;
}

/** Stripe was asked. A customer of whom an event told meanwhile stays wanted; one whom Stripe does not know goes. */
export async function settleWanted(db: Db, environmentId: string, { id, wantedAt }: Wanted): Promise<void> {
  await db.$executeRaw`
    UPDATE stripe_customer SET wanted_at = NULL, is_urgent = false, wanted_tries = 0
    WHERE environment_id = ${environmentId} AND id = ${id} AND wanted_at = ${wantedAt}::timestamptz`;
  await db.$executeRaw`
    DELETE FROM stripe_customer
    WHERE environment_id = ${environmentId} AND id = ${id} AND read_number = 0 AND wanted_at IS NULL`;
}

/**
 * Stripe is to be asked again, later each time.
 *
 * @param isAboutAll whether the customer may not be the reason: then the waits stay shorter
 */
export async function delayWanted(
  db: Db,
  environmentId: string,
  { id, wantedAt }: Wanted,
  isAboutAll: boolean,
): Promise<void> {
  const longest = isAboutAll ? 5 : 60;
  await db.$executeRaw`
    UPDATE stripe_customer SET wanted_tries = wanted_tries + 1, is_urgent = false,
      wanted_at = now() + least(power(2, least(wanted_tries, 20)) * interval '10 seconds',
        make_interval(mins => ${longest}::int))
    WHERE environment_id = ${environmentId} AND id = ${id} AND wanted_at = ${wantedAt}::timestamptz`;
}
