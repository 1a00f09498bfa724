import { eventCtes, listeningSql } from '../../webhooks/outbox/store.ts';

const types = ['usage.threshold_reached', 'top_up.exhausted'];

/* What was used of a top-up after these draws. */
const usedAfterSql = 'before.amount - before.remaining + total.amount';

/* The thresholds of a top-up that lie between what was told before and what is used now. */
const crossedSql = `
  select 'usage.threshold_reached' as type, percent as ord,
    jsonb_build_object('threshold', percent, 'limit', trim_scale(d.amount)) as more
  from unnest(d.alert_at) as percent
  where d.told_before * 100 < d.amount * percent and d.told_used * 100 >= d.amount * percent
  union all
  select 'usage.threshold_reached', reached,
    jsonb_build_object('thresholdAmount', trim_scale(reached), 'limit', trim_scale(d.amount))
  from unnest(d.alert_at_amount) as reached where d.told_before < reached and d.told_used >= reached
  union all
  select 'top_up.exhausted', null, jsonb_build_object('amount', trim_scale(d.amount))
  where d.told_before < d.amount and d.told_used >= d.amount`;

/**
 * Common table expressions that follow one that writes draws. They draw from the top-ups, and write an event for each
 * threshold that is reached and for a top-up that is used up: once, because `told_used` never falls. Where no webhook
 * listens, it does not rise.
 *
 * @param total returns user_key, top_up_id, environment_id and amount, one row for each top-up
 */
export const drawCtes = (total: string) => `
  drained as (
    update top_up t set remaining = t.remaining - total.amount,
      told_used = case when t.environment_id = any (${listeningSql(total, types)})
        then greatest(t.told_used, ${usedAfterSql}) else t.told_used end
    from ${total} total join top_up before on before.user_key = total.user_key and before.id = total.top_up_id
    where t.user_key = total.user_key and t.id = total.top_up_id
    returning t.*, before.told_used as told_before
  ), drain_event as (
    select d.environment_id, crossed.type,
      jsonb_build_object('userId', (select id from "user" where key = d.user_key), 'featureId', d.feature_id,
        'topUpId', d.id::text) || crossed.more
        || case when crossed.type = 'top_up.exhausted' then '{}'
          else jsonb_build_object('used', trim_scale(d.amount - d.remaining)) end as data,
      row_number() over (order by d.user_key, d.id, crossed.ord nulls last) as ord
    from (select * from drained where told_used > told_before offset 0) d cross join lateral (${crossedSql}) crossed
  ), ${eventCtes('drain_event')}`;
