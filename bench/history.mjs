// Past usage, written as recordUsage would have written it: spread over all users, features and 90 days.
export async function addHistory({ run }, database, events) {
  process.stderr.write(`writing ${events} events of history into ${database}\n`);
  await run(
    database,
    `
    insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at, recorded_at)
    select u.first + n % u.users, 'test', 'feature-' || (n / u.users) % 10, 'ADD', 1,
      now() - (n % 7776000) * interval '1 second', now()
    from generate_series(0, ${events - 1}) n, (select min(key) as first, count(*) as users from "user") u`,
  );
  await run(
    database,
    `
    insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
    select e.user_key, s.id, e.feature_id, usage_window_start(s.started_at, pf.reset_period, e.occurred_at), 'test', sum(e.delta)
    from usage_event e
    join subscription s on s.user_key = e.user_key and s.started_at <= e.occurred_at
    join package_feature pf on pf.package_id = s.package_id and pf.environment_id = 'test' and pf.feature_id = e.feature_id
    group by 1, 2, 3, 4`,
  );
  await run(database, 'vacuum analyze');
}
