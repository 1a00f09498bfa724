// Live traffic beside a migration of subscribers, and the same traffic without.
import { setTimeout as sleep } from 'node:timers/promises';

const movers = 100_000;

const without = (name, scenario) => ({ name, contestant: 'ours', scenario, connections: 64 });
const beside = (name, scenario) => ({ ...without(`${name}, beside a migration`, scenario), migration: true });

/** Without, beside, beside, without: what comes later finds a larger database, and neither comes later. */
export const migrationMeasurements = [
  ['recordUsage', 'record'],
  ['canUseFeature', 'check'],
].flatMap((it) => [without(...it), beside(...it), beside(...it), without(...it)]);

/** Users on a package of their own, each with what was used of two features, and the package that they are moved to. */
export async function addMovers({ run }, database) {
  process.stderr.write(`writing ${movers} subscribers into ${database}\n`);
  await run(
    database,
    `
    insert into package (environment_id, id, name, status, updated_at)
      select 'test', id, id, 'PUBLISHED', now() from unnest(array['old', 'new']) id;
    insert into package_feature (environment_id, package_id, feature_id, position, name, "limit", reset_period)
      select 'test', id, f.feature_id, f.position, f.name, f."limit", f.reset_period
      from unnest(array['old', 'new']) id, package_feature f where f.package_id = 'base';
    insert into "user" (environment_id, id, updated_at)
      select 'test', 'mover-' || n, now() from generate_series(1, ${movers}) n;
    insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
      select key, 'test', 'old', false, now() - interval '10 days' from "user" where id like 'mover-%';
    insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
      select s.user_key, s.id, f, s.started_at, 'test', 7
      from subscription s, unnest(array['feature-0', 'feature-1']) f where s.package_id = 'old';`,
  );
  await run(database, 'vacuum analyze');
}

/** Runs `work` while the subscribers are moved. Fails if the migration ends before `work` does. */
export async function besideMigration({ port }, key, work) {
  const ask = async (query) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: key },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const input = '{ fromPackageId: "old", toPackageId: "new" }';
  const { migrateSubscribers } = await ask(`mutation { migrateSubscribers(input: ${input}) { id } }`);
  const progress = async () =>
    (await ask(`{ migration(id: "${migrateSubscribers.id}") { state examined moved } }`)).migration;
  while ((await progress()).examined === 0) await sleep(10);

  const before = await progress();
  const began = performance.now();
  const result = await work();
  const after = await progress();
  const seconds = (performance.now() - began) / 1_000;
  if (after.state !== 'RUNNING')
    throw new Error(`the migration was ${after.state} before the measurement ended`);
  await ask(`mutation { stopMigration(id: "${migrateSubscribers.id}") { id } }`);
  process.stderr.write(
    `  ${Math.round((after.moved - before.moved) / seconds)} subscribers moved a second\n`,
  );
  return { ...result, examined: after.moved - before.moved };
}
