import type { Db } from '../database/client.ts';

/** Whose a customer is that was in doubt; null: nobody's. A doubt that came later stays. */
export async function settleDoubt(
  db: Db,
  environmentId: string,
  { customerId, doubtedAt }: { customerId: string; doubtedAt: string },
  userKey: bigint | null,
): Promise<void> {
  await db.$executeRaw`
    UPDATE stripe_customer SET user_key = ${userKey}, doubted_at = NULL,
      is_forgotten = is_forgotten AND ${userKey}::bigint IS NULL
    WHERE environment_id = ${environmentId} AND id = ${customerId} AND doubted_at = ${doubtedAt}::timestamptz`;
}
