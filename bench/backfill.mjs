// Live traffic beside a rule that is applied to stored events, and the same traffic without.
import { setTimeout as sleep } from 'node:timers/promises';

/** What is stored before, and what must be left whenever something is measured. */
const stored = 400_000;
const least = 100_000;

const without = (name, scenario) => ({ name, contestant: 'ours', scenario, connections: 64 });
const beside = (name, scenario) => ({ ...without(`${name}, beside a backfill`, scenario), backfill: true });

/** Without, beside, beside, without: what comes later finds a larger database, and neither comes later. */
export const backfillMeasurements = [
  ['recordUsage', 'record'],
  ['track', 'track'],
].flatMap((it) => [without(...it), beside(...it), beside(...it), without(...it)]);

/** Track events that nothing has claimed, as the server leaves them: of all users, over 90 days. */
export async function addUnmatched({ run }, database) {
  process.stderr.write(`writing ${stored} unmatched events into ${database}\n`);
  await run(
    database,
    `
    insert into segment_event
      (environment_id, message_id, type, user_id, event_name, payload, occurred_at, received_at, outcome)
    select 'test', 'stored-' || n, 'TRACK', 'user-' || n % 10000, 'Package Created', jsonb_build_object(
        'type', 'track', 'messageId', 'stored-' || n, 'userId', 'user-' || n % 10000, 'event', 'Package Created',
        'context', jsonb_build_object('library', jsonb_build_object('name', 'analytics-node', 'version', '3.1.0')),
        'properties', jsonb_build_object('index', n, 'object', jsonb_build_object('type', 'addon'))),
      now() - (n % 7776000) * interval '1 second', now() - interval '1 hour' + n * interval '1 millisecond', 'UNMATCHED'
    from generate_series(1, ${stored}) n`,
  );
  await run(database, 'vacuum analyze');
}

/**
 * Runs `work` while a rule that matches every stored event is applied to them: the most that a backfill can have
 * to do. Fails if that ends before `work` does.
 */
export async function besideBackfill({ port }, key, work) {
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
  const progress = async () =>
    (await ask('{ mappingRules { backfill { state examined } } }')).mappingRules[0].backfill;

  const { segmentStatus } = await ask('{ segmentStatus { unmatched } }');
  if (segmentStatus.unmatched < least)
    throw new Error(`only ${segmentStatus.unmatched} stored events are left`);
  const input = '{ name: "all", featureId: "feature-0", eventName: "Package Created" }';
  const { createMappingRule } = await ask(`mutation { createMappingRule(input: ${input}) { id } }`);
  while ((await progress()).examined === 0) await sleep(10);

  const before = await progress();
  const result = await work();
  const after = await progress();
  if (after.state !== 'RUNNING')
    throw new Error(`the backfill was ${after.state} before the measurement ended`);
  await ask(`mutation { deleteMappingRule(id: "${createMappingRule.id}") { id } }`);
  // What it had begun comes to its end.
  await sleep(1_000);
  return { ...result, examined: after.examined - before.examined };
}
