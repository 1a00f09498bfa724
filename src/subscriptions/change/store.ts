import type { Db } from '../../database/client.ts';
import {
  holdingsOfSql,
  type ResetTermsRow,
  resetColumns,
  resetTermsOf,
  windowStartSql,
} from '../../entitlements/holdings-store.ts';
import type { ResetTerms } from '../../entitlements/window-rules.ts';

/** A subscription of a user. */
export interface OwnSubscription {
  userKey: bigint;
  id: bigint;
}

/** What decides about the period of a subscription; see periodEndOf. */
export interface Periods {
  startedAt: Date;
  features: ResetTerms[];
  intervals: (string | null)[];
}

interface PeriodRow {
  id: bigint;
  started_at: Date;
  features: (Omit<ResetTermsRow, 'anchor'> & { anchor: string })[];
  intervals: (string | null)[];
}

const periodsSql = `
  select s.id, s.started_at,
    (select coalesce(json_agg(json_build_object(
       'anchor', h.anchor, ${resetColumns.map((column) => `'${column}', h.${column}`).join(', ')})), '[]')
     from ${holdingsOfSql('a.user_key', 'a.id')} h) as features,
    (select coalesce(array_agg(p."interval"), '{}') from package_price p
     where p.environment_id = s.environment_id and p.package_id = s.package_id
       and p.version = s.package_version) as intervals
  from unnest($1::bigint[], $2::bigint[]) as a(user_key, id)
  join subscription s on s.user_key = a.user_key and s.id = a.id`;

/** What decides about the periods of these subscriptions, by their ids. */
export async function findPeriods(
  db: Db,
  subscriptions: readonly OwnSubscription[],
): Promise<Map<bigint, Periods>> {
  const userKeys = subscriptions.map(({ userKey }) => userKey);
  const ids = subscriptions.map(({ id }) => id);
  const rows = await db.$queryRawUnsafe<PeriodRow[]>(periodsSql, userKeys, ids);
  return new Map(
    rows.map(({ id, started_at: startedAt, features, intervals }) => [
      id,
      {
        startedAt,
        intervals,
        features: features.map((row) => resetTermsOf({ ...row, anchor: new Date(row.anchor) })),
      },
    ]),
  );
}

const alike = resetColumns.map((column) => `n.${column} is not distinct from h.${column}`).join(' and ');

/** The subscription to carry over from, an instant, and the package and version to carry over to, each as SQL. */
interface Carrying {
  userKey: string;
  id: string;
  at: string;
  packageId: string;
  version: string;
}

/** What is carried over, as a query: a row for each feature that resets alike. */
export const carriedSql = ({ userKey, id, at, packageId, version }: Carrying) => `
  select h.environment_id, h.feature_id, h.anchor, w.window_start, greatest(h.started_at, w.window_start) as counts_from,
    n."limit", n.overage_enabled
  from ${holdingsOfSql(userKey, id)} h
  join package_feature n on n.environment_id = h.environment_id and n.package_id = ${packageId}
    and n.version = ${version} and n.feature_id = h.feature_id and ${alike}
  cross join lateral (select ${windowStartSql('h', `${at}::timestamptz`)} as window_start) w`;

const carriedOverSql = carriedSql({ userKey: '$1', id: '$2', at: '$3', packageId: '$4', version: '$5' });

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
    `with carried as materialized (${carriedOverSql}), noted as (
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
