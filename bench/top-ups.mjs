// Users with a top-up of each feature, in the middle of their windows.
export async function addTopUps({ run }, database) {
  await run(
    database,
    `
    update "user" set has_top_ups = true;
    insert into top_up (user_key, environment_id, feature_id, amount, remaining)
      select u.key, 'test', f.id, 1000, 1000 from "user" u cross join feature f;
    insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
      select s.user_key, s.id, pf.feature_id,
        usage_window_start(s.started_at, pf.reset_period, pf.reset_every, pf.time_zone, now()), 'test', 0
      from subscription s join package_feature pf on pf.environment_id = 'test' and pf.package_id = s.package_id`,
  );
  await run(database, 'vacuum analyze');
}
