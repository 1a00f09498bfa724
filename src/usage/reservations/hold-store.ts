import type { ClientBase } from 'pg';
import { amountOf } from '../../amount.ts';

/** What the open reservations of these users hold at an instant, for each feature, by `nameOf`. */
export async function readHeld(
  client: Pick<ClientBase, 'query'>,
  userKeys: readonly bigint[],
  now: Date,
  nameOf: (userKey: bigint, featureId: string) => string,
): Promise<Map<string, bigint>> {
  const { rows } = await client.query<{ user_key: string; feature_id: string; held: string }>(
    `select user_key, feature_id, sum(held) as held from usage_hold
     where user_key = any($1::bigint[]) and expires_at > $2 group by user_key, feature_id`,
    [userKeys, now],
  );
  return new Map(rows.map((row) => [nameOf(BigInt(row.user_key), row.feature_id), amountOf(row.held)]));
}
