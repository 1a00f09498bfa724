import { highestFirstSql, liveHoldingsSql } from '../../entitlements/holdings-store.ts';
import { eventCtes } from '../../webhooks/outbox/store.ts';

/** The limit itself, in percent: then there is an event usage.limit_reached too. */
const limitPercent = 100;

const wanted = `array['*', 'usage.*', 'usage.threshold_reached', 'usage.limit_reached']`;

/* Once for each environment of the statement, however much it records. Without such a webhook, it is all that is done. */
const listeningSql = (counted: string) => `array(
  select environment_id from (select distinct environment_id from ${counted}) e
  where (
    select true from webhook w
    where w.environment_id = e.environment_id and w.disabled_at is null and w.events && ${wanted} limit 1
  )
)`;

const instant = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * Common table expressions that follow one that writes counters. They find the thresholds that the usage of a window
 * has reached, and write one event for each: a row of usage_alert stays for each, so a revert does not arm it again. Only
 * the holding that wins counts here; usage counts in other holdings too, but they do not limit the user.
 *
 * @param counted returns user_key, subscription_id, feature_id, window_start, environment_id and used
 */
export const alertCtes = (counted: string) => `
  alerted as (
    insert into usage_alert (user_key, subscription_id, feature_id, window_start, threshold, environment_id, data)
    select c.user_key, c.subscription_id, c.feature_id, c.window_start, threshold, c.environment_id,
      jsonb_build_object('userId', (select id from "user" where key = c.user_key), 'featureId', c.feature_id,
        'subscriptionId', c.subscription_id::text, 'packageId', terms.package_id, 'threshold', threshold,
        'used', trim_scale(c.used), 'limit', trim_scale(terms."limit"), 'windowStart', ${instant('c.window_start')})
    from (select * from ${counted} where environment_id = any (${listeningSql(counted)}) and used > 0 offset 0) c
    cross join lateral (
      select pf.package_id, pf."limit", pf.alert_at from subscription s
      join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
        and pf.version = s.package_version and pf.feature_id = c.feature_id
      where s.user_key = c.user_key and s.id = c.subscription_id and pf.alert_at <> '{}' offset 0
    ) terms
    cross join lateral unnest(terms.alert_at) as threshold
    where c.used * ${limitPercent} >= terms."limit" * threshold
      and c.subscription_id = (
        select h.id from ${liveHoldingsSql({ userKey: 'c.user_key', hasGrants: 'true' }, 'c.feature_id')} h
        order by ${highestFirstSql('h')} limit 1
      )
    order by c.user_key, c.subscription_id, c.feature_id, c.window_start, threshold
    on conflict do nothing
    returning environment_id, user_key, threshold, data
  ), alert_event as (
    select environment_id, type, data, row_number() over (order by user_key, threshold, type desc) as ord
    from alerted
    cross join lateral (
      select 'usage.threshold_reached' as type
      union all select 'usage.limit_reached' where threshold = ${limitPercent}
    ) of
  ), ${eventCtes('alert_event')}`;
