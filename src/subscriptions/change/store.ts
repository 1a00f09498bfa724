import type { Db } from '../../database/client.ts';
import {
  holdingsOfSql,
  type ResetTermsRow,
  resetColumns,
  resetTermsOf,
  windowColumnsSql,
  windowStartSql,
} from '../../entitlements/holdings-store.ts';

/** What decides about the period of a subscription; see periodEndOf. */
export async function findPeriods(tx: Db, userKey: bigint, id: bigint) {
  const features = await tx.$queryRawUnsafe<ResetTermsRow[]>(
    `select ${windowColumnsSql('h')} from ${holdingsOfSql('$1', '$2')} h`,
    userKey,
    id,
  );
  const { startedAt, environmentId, packageId, packageVersion } = await tx.subscription.findUniqueOrThrow({
    where: { userKey_id: { userKey, id } },
  });
  const prices = await tx.packagePrice.findMany({
    where: { environmentId, packageId, version: packageVersion },
    select: { interval: true },
  });
  return {
    startedAt,
    intervals: prices.map(({ interval }) => interval),
    features: features.map(resetTermsOf),
  };
}

const alike = resetColumns.map((column) => `n.${column} is not distinct from h.${column}`).join(' and ');

/* What is carried over from the subscription $2 to one of the package $4 at the version $5, at the instant $3. */
const carriedSql = `
  select h.environment_id, h.feature_id, h.anchor, w.window_start, greatest(h.started_at, w.window_start) as counts_from
  from ${holdingsOfSql('$1', '$2')} h
  join package_feature n on n.environment_id = h.environment_id and n.package_id = $4 and n.version = $5
    and n.feature_id = h.feature_id and ${alike}
  cross join lateral (select ${windowStartSql('h', '$3::timestamptz')} as window_start) w`;

/**
 * Carries usage over: features that reset alike keep their windows, and what was used in the window that runs at the
 * instant counts in the new subscription. Its counters begin as those of the former one: both hold what was used since
 * the window began.
 */
export async function carryUsage(
  tx: Db,
  userKey: bigint,
  { fromId, toId, at, to }: { fromId: bigint; toId: bigint; at: Date; to: { id: string; version: number } },
): Promise<void> {
  await tx.$executeRawUnsafe(
    `with carried as materialized (${carriedSql}), noted as (
       update subscription set carried = (select jsonb_object_agg(feature_id,
         jsonb_build_object('anchor', anchor, 'from', counts_from)) from carried)
       where user_key = $1 and id = $6 and exists (select from carried)
     )
     insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
     select c.user_key, $6, c.feature_id, c.window_start, c.environment_id, c.used
     from carried join usage_counter c on c.user_key = $1 and c.subscription_id = $2
       and c.feature_id = carried.feature_id and c.window_start = carried.window_start`,
    userKey,
    fromId,
    at,
    to.id,
    to.version,
    toId,
  );
}
