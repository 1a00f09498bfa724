import type { Database } from '../../../src/database/client.ts';

/** All that events have done, told without keys and times that differ from run to run. */
export async function stateOf({ prisma, work }: Database) {
  const sorted = (rows: Record<string, unknown>[]) =>
    rows.map((row) => JSON.stringify(Object.values(row))).sort();
  const query = async (text: string) => sorted((await work.query(text)).rows);
  const person = 'coalesce(survivor.id, u.id)';
  return {
    ledger: await query(`
      select u.id, e.feature_id, e.action, e.delta, e.occurred_at, e.source, e.idempotency_key
      from usage_event e join "user" u on u.key = e.user_key`),
    windows: await query(`
      select u.id, s.package_id, s.status, c.feature_id, c.window_start, c.used
      from usage_counter c join "user" u on u.key = c.user_key
      join subscription s on s.user_key = c.user_key and s.id = c.subscription_id`),
    users: await query(`
      select u.id, u.name, u.email, u.billing_id, u.imported, survivor.id as survivor
      from "user" u left join "user" survivor on survivor.key = u.merged_into`),
    subscriptions: await query(`
      select u.id, s.package_id, s.status, s.started_at from subscription s join "user" u on u.key = s.user_key`),
    tracks: await query(`
      select e.message_id, e.outcome, e.feature_id, r.name as rule, e.delta, ${person} as person, e.occurred_at
      from segment_event e left join mapping_rule r on r.environment_id = e.environment_id and r.id = e.rule_id
      left join "user" u on u.key = e.user_key left join "user" survivor on survivor.key = u.merged_into
      where e.type = 'TRACK'`),
    // Which of a user's events came first, and made the user, differs from run to run; how many did does not.
    identifies: await query(`
      select e.user_id, e.outcome, ${person} as person, count(*)
      from segment_event e left join "user" u on u.key = e.user_key left join "user" survivor on survivor.key = u.merged_into
      where e.type = 'IDENTIFY' group by 1, 2, 3`),
    unprocessed: await prisma.segmentEvent.count({ where: { outcome: null } }),
  };
}
