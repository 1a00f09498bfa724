import { amountText } from '../../amount.ts';
import type { Db } from '../../database/client.ts';
import type { Change } from '../../subscriptions/store.ts';
import type { NewTopUp } from './rules.ts';

/** The top-up that an earlier call with this key made; null if there is none. */
export async function findByKey(tx: Db, userKey: bigint, idempotencyKey: string | null) {
  return idempotencyKey === null ? null : tx.topUp.findFirst({ where: { userKey, idempotencyKey } });
}

/** The key of the user who has this top-up; null if it does not exist in this environment. */
export async function findOwner(db: Db, environmentId: string, id: bigint): Promise<bigint | null> {
  const row = await db.topUp.findFirst({ where: { environmentId, id }, select: { userKey: true } });
  return row?.userKey ?? null;
}

/** Adds a top-up, and marks the user as one who has top-ups. Returns its id. */
export async function addTopUp(
  tx: Db,
  environmentId: string,
  { userKey, instant }: Change,
  { userId: _, ...facts }: NewTopUp & { requestHash: string | null },
): Promise<bigint> {
  await tx.$executeRaw`UPDATE "user" SET has_top_ups = true WHERE key = ${userKey}`;
  const amount = amountText(facts.amount);
  const alertAtAmount = facts.alertAtAmount?.map(amountText);
  const { id } = await tx.topUp.create({
    data: { ...facts, alertAtAmount, amount, remaining: amount, environmentId, userKey, createdAt: instant },
    select: { id: true },
  });
  return id;
}

/** Voids a top-up of this user. One that was voided before stays as it is. @returns whether there is one */
export async function endTopUp(
  tx: Db,
  { userKey, instant }: Change,
  id: bigint,
  voidReason: string | null,
): Promise<boolean> {
  await tx.topUp.updateMany({
    where: { userKey, id, voidedAt: null },
    data: { voidedAt: instant, voidReason },
  });
  return (await tx.topUp.count({ where: { userKey, id } })) > 0;
}
