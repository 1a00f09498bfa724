import { highestFirstSql, liveHoldingsSql, windowStartSql } from '../../entitlements/holdings-store.ts';
import { eventCtes, listeningSql, patternsSql } from '../../webhooks/outbox/store.ts';
import { keptDays } from '../alerts/rules.ts';

/** The limit itself, in percent: then there is an event usage.limit_reached too. */
const limitPercent = 100;

const types = ['usage.threshold_reached', 'usage.limit_reached', 'usage.window_reset'];

/** Whether a webhook is to be told of alerts in one of these environments. `environmentIds` is an array. */
export const isToldSql = (environmentIds: string) => `exists (
  select from webhook
  where environment_id = any (${environmentIds}) and disabled_at is null and events && ${patternsSql(types)}
)`;

const instant = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/* What a window has reached: in percent (`threshold`), in units (`amount`), or that its end is to be told (neither). */
const reachedSql = `
  select threshold, 0 as amount from unnest(pf.alert_at) as threshold
  where c.used * ${limitPercent} >= pf."limit" * threshold
  union all
  select 0, amount from unnest(pf.alert_at_amount) as amount where c.used >= amount
  union all
  select 0, 0 where pf.alert_on_reset`;

/**
 * Common table expressions that follow one that writes counters. They find the thresholds that the usage of a window
 * has reached, and write one event for each: a row of usage_alert stays for each, so a revert does not arm it again. Only
 * the holding that wins counts here; usage counts in other holdings too, but they do not limit the user. A row that is
 * gone (see usage/alerts/) does not come back: of its window nothing is told any more.
 *
 * @param counted returns user_key, subscription_id, feature_id, window_start, environment_id and used
 */
export const alertCtes = (counted: string) => `
  alerted as (
    insert into usage_alert
      (user_key, subscription_id, feature_id, window_start, threshold, amount, environment_id, data, due_at)
    select c.user_key, c.subscription_id, c.feature_id, c.window_start, terms.threshold, terms.amount, c.environment_id,
      jsonb_build_object('userId', (select id from "user" where key = c.user_key), 'featureId', c.feature_id,
        'subscriptionId', c.subscription_id::text, 'packageId', terms.package_id, 'used', trim_scale(c.used),
        'limit', trim_scale(terms."limit"), 'windowStart', ${instant('c.window_start')})
        || case when terms.amount > 0 then jsonb_build_object('thresholdAmount', trim_scale(terms.amount))
          else jsonb_build_object('threshold', terms.threshold) end,
      case when terms.threshold = 0 and terms.amount = 0 then now() else now() + interval '${keptDays} days' end
    from (
      select * from ${counted} where environment_id = any (${listeningSql(counted, types)}) and used > 0 offset 0
    ) c
    cross join lateral (
      select pf.package_id, pf."limit", reached.threshold, reached.amount from subscription s
      join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
        and pf.version = s.package_version and pf.feature_id = c.feature_id
        and (pf.alert_at <> '{}' or pf.alert_at_amount <> '{}' or pf.alert_on_reset)
      cross join lateral (${reachedSql}) reached
      where s.user_key = c.user_key and s.id = c.subscription_id offset 0
    ) terms
    where (
      select h.id = c.subscription_id
        and (c.window_start > now() - interval '${keptDays} days' or c.window_start = ${windowStartSql('h', 'now()')})
      from ${liveHoldingsSql({ userKey: 'c.user_key', hasGrants: 'true' }, 'c.feature_id')} h
      order by ${highestFirstSql('h')} limit 1
    )
    order by c.user_key, c.subscription_id, c.feature_id, c.window_start, terms.threshold, terms.amount
    on conflict do nothing
    returning environment_id, user_key, threshold, amount, data
  ), alert_event as (
    select environment_id, type, data, row_number() over (order by user_key, threshold, amount, type desc) as ord
    from alerted
    cross join lateral (
      select 'usage.threshold_reached' as type where threshold > 0 or amount > 0
      union all select 'usage.limit_reached' where threshold = ${limitPercent}
    ) of
  ), ${eventCtes('alert_event')}`;
