import { countingSql } from '../../subscriptions/store.ts';

/*
 * The ledger of the users $1 to $2, folded into windows by the rules of rules.ts: each event counts in
 * the window that it falls in, of every subscription that had begun and not ended; from the last SET on, in
 * the ledger's order, the deltas add up, the SET's own included.
 */
export const foldedSql = `
  select user_key, subscription_id, feature_id, window_start, environment_id,
    sum(delta) filter (where last_set is null or id >= last_set) as used
  from (
    select e.user_key, s.id as subscription_id, e.feature_id, w.window_start, e.environment_id, e.id, e.delta,
      max(e.id) filter (where e.action = 'SET')
        over (partition by e.user_key, s.id, e.feature_id, w.window_start) as last_set
    from usage_event e
    cross join lateral ${countingSql('e.user_key', 'e.occurred_at')} s
    join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
      and pf.feature_id = e.feature_id
    cross join lateral (
      select usage_window_start(s.started_at, pf.reset_period, e.occurred_at) as window_start
    ) w
    where e.user_key between $1 and $2
  ) counted
  group by user_key, subscription_id, feature_id, window_start, environment_id`;
