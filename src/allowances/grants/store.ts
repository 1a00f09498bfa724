import { textOrNull } from '../../amount.ts';
import type { Db } from '../../database/client.ts';
import type { FeatureGrant } from '../../database/generated/client.ts';
import type { Change } from '../../subscriptions/store.ts';
import type { NewGrant } from './rules.ts';

/** The grant that an earlier call with this key made; null if there is none. */
export async function findByKey(tx: Db, userKey: bigint, idempotencyKey: string | null) {
  return idempotencyKey === null ? null : tx.featureGrant.findFirst({ where: { userKey, idempotencyKey } });
}

/** The key of the user who has this grant; null if it does not exist in this environment. */
export async function findOwner(db: Db, environmentId: string, id: bigint): Promise<bigint | null> {
  const row = await db.featureGrant.findFirst({ where: { environmentId, id }, select: { userKey: true } });
  return row?.userKey ?? null;
}

/** A grant of this user; null if there is none. */
export function findOwn(tx: Db, userKey: bigint, id: bigint): Promise<FeatureGrant | null> {
  return tx.featureGrant.findUnique({ where: { userKey_id: { userKey, id } } });
}

/** Adds a grant, and marks the user as one who has grants. Returns its id. */
export async function addGrant(
  tx: Db,
  environmentId: string,
  { userKey, instant }: Change,
  { userId: _, limit, ...grant }: NewGrant & { startsAt: Date; requestHash: string | null },
): Promise<bigint> {
  await tx.$executeRaw`UPDATE "user" SET has_grants = true WHERE key = ${userKey}`;
  // Usage counts towards subscriptions and grants alike, and a counter names either by its id.
  const [{ id }] = await tx.$queryRaw<[{ id: bigint }]>`SELECT nextval('subscription_id_seq') AS id`;
  await tx.featureGrant.create({
    data: {
      ...grant,
      limit: textOrNull(limit),
      id,
      environmentId,
      userKey,
      createdAt: instant,
    },
  });
  return id;
}

/** Ends a grant. */
export async function endGrant(
  tx: Db,
  userKey: bigint,
  id: bigint,
  ended: { endsAt: Date; revokedAt: Date; revokeReason: string | null },
): Promise<void> {
  await tx.featureGrant.update({ where: { userKey_id: { userKey, id } }, data: ended });
}
