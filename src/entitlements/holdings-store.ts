import type { ResetPeriod } from '../packages/reset-rules.ts';
import { isLiveSql } from '../subscriptions/store.ts';
import type { ResetTerms } from './window-rules.ts';

/*
 * What a user holds of a feature: each holding has a limit, and windows of its own in which usage counts. A holding is
 * a subscription to a package with the feature, or a feature grant. Every statement that asks which holdings count,
 * which are live, which one wins, or in which window a usage counts, is made of these fragments; rules.ts holds the same
 * rules in code.
 *
 * The columns of a holding:
 *   kind               'SUBSCRIPTION' or 'GRANT'; `id` is unique among both
 *   user_key, environment_id, feature_id, id
 *   anchor             from where windows are counted
 *   started_at, ended_at   usage from the start on counts, and usage before the end; no end is null
 *   live               whether it may win now
 *   "limit"            null is unlimited
 *   reset_period, reset_every, time_zone   see ResetTerms
 *   overage_enabled
 */

const subscriptionColumns =
  'user_key, id, environment_id, package_id, package_version, status, started_at, ended_at, carried';

/** What a subscription `s` carries over of a feature; else its start. */
const carriedSql = (what: 'anchor' | 'from') =>
  `case when s.carried is null then s.started_at
    else coalesce((s.carried -> pf.feature_id ->> '${what}')::timestamptz, s.started_at) end`;

/**
 * The user with an id, or the survivor if the user was merged, as a lateral join `u`: the key, the revision, and whether
 * the user may have grants, top-ups or open reservations.
 */
export const holderSql = (environmentId: string, userId: string) => `
  left join lateral (
    select coalesce(survivor.key, named.key) as user_key, coalesce(survivor.revision, named.revision) as revision,
      coalesce(survivor.has_grants, named.has_grants) as has_grants,
      coalesce(survivor.has_top_ups, named.has_top_ups) as has_top_ups,
      coalesce(survivor.has_holds, named.has_holds) as has_holds
    from "user" named left join "user" survivor on survivor.key = named.merged_into
    where named.environment_id = ${environmentId} and named.id = ${userId} limit 1
  ) u on true`;

/** Whose holdings: SQL for the key of the user, and for whether the user may have grants (else none is looked up). */
export interface Holder {
  userKey: string;
  hasGrants: string;
}

/**
 * Subscriptions `s` and the grants for which `granted` is true as holdings of a feature. `feature` is a condition, such
 * as `= $1`.
 */
const holdingsSql = (
  { userKey, hasGrants }: Holder,
  feature: string,
  { subscriptions, granted, counted = '' }: { subscriptions: string; granted: string; counted?: string },
) => `(
  select 'SUBSCRIPTION' as kind, s.user_key, s.environment_id, pf.feature_id, s.id, ${carriedSql('anchor')} as anchor,
    ${carriedSql('from')} as started_at, s.ended_at, ${isLiveSql('s')} as live, pf."limit", pf.reset_period,
    pf.reset_every, pf.time_zone, pf.overage_enabled
  from ${subscriptions} s
  join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
    and pf.version = s.package_version and pf.feature_id ${feature}
  ${counted}
  union all
  select 'GRANT', user_key, environment_id, feature_id, id, starts_at, starts_at, ends_at, true, "limit",
    reset_period, reset_every, null, overage_enabled
  from feature_grant
  where ${hasGrants} and user_key = ${userKey} and feature_id ${feature} and ${granted}
)`;

const isOn = (at: string) => `starts_at <= ${at} and (ends_at is null or ends_at > ${at})`;

/** The holdings of one subscription or feature grant. `feature` is a condition; the default is all features. */
export const holdingsOfSql = (userKey: string, id: string, feature = 'is not null') =>
  holdingsSql({ userKey, hasGrants: 'true' }, feature, {
    subscriptions: `(
      select ${subscriptionColumns} from subscription where user_key = ${userKey} and id = ${id}
    )`,
    granted: `id = ${id}`,
  });

/**
 * The holdings of a user that go on, and the last `most` of each kind, whatever their status. `feature` is a condition.
 */
export const allHoldingsSql = (userKey: string, feature: string, most: number) =>
  holdingsSql({ userKey, hasGrants: 'true' }, feature, {
    subscriptions: `(
      select ${subscriptionColumns} from subscription
      where user_key = ${userKey} order by ended_at desc nulls first, id desc limit ${most}
    )`,
    granted: `id in (
      select id from feature_grant
      where user_key = ${userKey} and feature_id ${feature} order by ends_at desc nulls first, id desc limit ${most}
    )`,
  });

/** The columns of package_feature that say when usage resets. */
export const resetColumns = ['reset_period', 'reset_every', 'time_zone'] as const;

/**
 * The holdings of a user that usage of a feature at an instant counts towards (see countsTowards), as a table
 * expression. Those that ended before are not read, however many there are: each half is a look-up in an index of its
 * own.
 */
export const countingHoldingsSql = (holder: Holder, featureId: string, at: string) =>
  holdingsSql(holder, `= ${featureId}`, {
    subscriptions: `(
      select ${subscriptionColumns} from subscription
      where user_key = ${holder.userKey} and ended_at is null
      union all
      select ${subscriptionColumns} from subscription
      where user_key = ${holder.userKey} and ended_at > ${at}
    )`,
    granted: isOn(at),
    counted: `where ${carriedSql('from')} <= ${at}`,
  });

/** The live holdings of a user and a feature: one of them wins. */
export const liveHoldingsSql = (holder: Holder, featureId: string) =>
  holdingsSql(holder, `= ${featureId}`, {
    subscriptions: `(
      select ${subscriptionColumns} from subscription where user_key = ${holder.userKey} and ${isLiveSql('subscription')}
    )`,
    granted: isOn('now()'),
  });

/**
 * The holdings of a user that are live, or had not ended at the instant `since`. `feature` is a condition. Three
 * look-ups by index for each user; the union removes duplicates.
 */
export const holdingsSinceSql = (holder: Holder, feature: string, since: string) => {
  const conditions = ['ended_at is null', `ended_at > ${since}`, isLiveSql('subscription')];
  const parts = conditions.map(
    (condition) =>
      `select ${subscriptionColumns} from subscription where user_key = ${holder.userKey} and ${condition}`,
  );
  return holdingsSql(holder, feature, {
    subscriptions: `(${parts.join(' union ')})`,
    granted: `(ends_at is null or ends_at > ${since})`,
  });
};

/** The order of rules.ts (highestGrant) for holdings: the first one wins. */
export const highestFirstSql = (holding: string) =>
  `${holding}."limit" desc nulls first, ${holding}.overage_enabled desc, ${holding}.started_at, ${holding}.id`;

/** The columns of a holding that windowStartSql needs; all of them, for statements that pass holdings on. */
export const windowColumnsSql = (holding: string) =>
  ['anchor', ...resetColumns].map((column) => `${holding}.${column}`).join(', ');

/** The start of the window of a holding that an instant falls in; see windowAt. */
export const windowStartSql = (holding: string, at: string) =>
  `usage_window_start(${windowColumnsSql(holding)}, ${at})`;

/** The columns of windowColumnsSql. */
export interface ResetTermsRow {
  anchor: Date;
  reset_period: ResetPeriod | null;
  reset_every: number;
  time_zone: string | null;
}

export const resetTermsOf = (row: ResetTermsRow): ResetTerms => ({
  anchor: row.anchor,
  resetPeriod: row.reset_period,
  resetEvery: row.reset_every,
  timeZone: row.time_zone,
});
