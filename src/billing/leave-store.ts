import type { Db } from '../database/client.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { provider } from './store.ts';

/** How many subscriptions are held as Stripe last said. */
export const countHeld = (db: Db, environmentId: string): Promise<number> =>
  db.subscription.count({ where: { environmentId, provider, status: { in: [...heldStatuses] } } });

/** The users whose billing id is one of the customers that they are known by. */
export async function findBilledUsers(db: Db, environmentId: string, take: number): Promise<bigint[]> {
  const rows = await db.$queryRaw<{ key: bigint }[]>`
    SELECT u.key FROM "user" u
    JOIN stripe_customer c ON c.environment_id = u.environment_id AND c.id = u.billing_id
    WHERE u.environment_id = ${environmentId} AND u.merged_into IS NULL
    ORDER BY u.key LIMIT ${take}`;
  return rows.map(({ key }) => key);
}

/** Forgets all that an account of Stripe said, and what was made of its prices. */
export async function forgetAccount(tx: Db, environmentId: string): Promise<void> {
  const where = { environmentId };
  await tx.stripeCustomer.deleteMany({ where });
  await tx.stripeEvent.deleteMany({ where });
  await tx.billingTemplate.deleteMany({ where });
  await tx.stripePrice.deleteMany({ where });
  await tx.billingMeterEvent.deleteMany({ where });
  await tx.billingMeterWindow.deleteMany({ where });
  await tx.billingMeter.deleteMany({ where });
}
