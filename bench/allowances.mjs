// Users of a database in which others have many top-ups, grants, reservations and draws, against one where nobody has any.
import { users } from './database.mjs';

const scenarios = {
  recordUsage: 'record',
  'recordUsage and check': 'recordAndCheck',
  canUseFeature: 'check',
};

/* Each measurement follows the one that it is compared with. */
export const allowanceMeasurements = Object.entries(scenarios).flatMap(([name, scenario]) => [
  { name, contestant: 'ours', scenario, connections: 64 },
  { name: `${name}, others have allowances`, contestant: 'oursWithAllowances', scenario, connections: 64 },
]);

/** Adds as many other users to both databases, who have a lot in one of them. Nothing is measured of these. */
export async function addOthers({ run }) {
  for (const database of ['ours', 'oursWithAllowances']) {
    const name = database.toLowerCase();
    process.stderr.write(`writing ${users} other users into ${name}\n`);
    await run(
      name,
      `insert into "user" (environment_id, id, updated_at)
         select 'test', 'other-' || n, now() from generate_series(0, ${users - 1}) n;
       insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
         select key, 'test', 'base', false, now() - interval '100 days' from "user" where id like 'other-%';`,
    );
    if (database === 'oursWithAllowances') await run(name, allowancesSql);
    await run(name, 'vacuum analyze');
  }
}

/* For each of the others: 20 top-ups with 5 draws each, 10 grants, 50 reservations that lapse at 10 instants. */
const allowancesSql = `
  update "user" set has_top_ups = true, has_grants = true, has_holds = true where id like 'other-%';
  insert into top_up (user_key, environment_id, feature_id, amount, remaining, expires_at)
    select key, 'test', 'feature-' || n % 10, 1000, 995, now() + n * interval '10 days'
    from "user", generate_series(1, 20) n where has_top_ups;
  insert into top_up_draw (user_key, environment_id, top_up_id, subscription_id, feature_id, window_start, amount)
    select t.user_key, 'test', t.id, s.id, t.feature_id, s.started_at + interval '3 months', 1
    from top_up t join subscription s on s.user_key = t.user_key, generate_series(1, 5) n;
  insert into usage_excess
      (user_key, environment_id, subscription_id, feature_id, window_start, position, top_up_id, amount)
    select t.user_key, 'test', s.id, t.feature_id, s.started_at + interval '3 months',
      row_number() over (partition by t.user_key, t.feature_id order by t.id), t.id, 5
    from top_up t join subscription s on s.user_key = t.user_key;
  insert into feature_grant (user_key, id, environment_id, feature_id, "limit", starts_at)
    select key, nextval('subscription_id_seq'), 'test', 'feature-' || n % 10, 1000, now() - n * interval '1 day'
    from "user", generate_series(1, 10) n where has_grants;
  insert into reservation (user_key, environment_id, feature_id, amount, expires_at)
    select key, 'test', 'feature-' || n % 10, 1, date_trunc('minute', now()) + (1 + n % 10) * interval '1 hour'
    from "user", generate_series(1, 50) n where has_holds;
  insert into usage_hold (user_key, feature_id, expires_at, environment_id, held)
    select user_key, feature_id, expires_at, environment_id, sum(amount) from reservation group by 1, 2, 3, 4`;
