import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { ensureBuilt } from '../../helpers/process.ts';
import { type CrashServer, startCrashServer, until } from './server.ts';

/*
 * A rule is made after 100,000 events that nothing claimed. While it reaches back, the server is killed three
 * times. It must claim exactly the events that it matches, each of them once.
 */

const eventCount = 100_000;
const people = 100;
const kills = 3;

let server: CrashServer;
beforeAll(async () => {
  await ensureBuilt();
  server = await startCrashServer();
  await createFeature(server.database.prisma, { id: 'packages' });
  for (let index = 0; index < people; index += 1)
    await createUser(server.database.prisma, { id: `person-${index}` });
});
afterAll(() => server.close());

const isMatch = (index: number) => index % 10 < 3;

const eventAt = (index: number) => ({
  type: 'track',
  messageId: `m-${index}`,
  userId: `person-${index % people}`,
  event: index % 2 ? 'Package Created' : 'Package Changed',
  timestamp: '2024-01-01T00:00:00.000Z',
  properties: { index, object: { type: isMatch(index) ? 'addon' : 'base' } },
});

async function progress(): Promise<{ state: string; examined: number; matched: number }> {
  const { mappingRules } = await server.ok('{ mappingRules { backfill { state examined matched } } }');
  return mappingRules[0].backfill;
}

it('a rule made after 100,000 unmatched events claims exactly its own, once each, through three kills', async () => {
  const seconds = (from: number) => `${((performance.now() - from) / 1000).toFixed(1)} s`;
  const ingesting = performance.now();
  const batch = 500;
  let next = 0;
  const sendAll = async () => {
    for (let index = next; index < eventCount; index = next) {
      next += batch;
      const events = Array.from({ length: batch }, (_, offset) => eventAt(index + offset));
      await server.post('/segment/events', events);
    }
  };
  await Promise.all([1, 2, 3, 4].map(sendAll));
  const { segmentStatus } = await server.ok('{ segmentStatus { unmatched } }');
  expect(segmentStatus).toEqual({ unmatched: eventCount });
  const ingested = seconds(ingesting);

  const reaching = performance.now();
  const input = {
    name: 'addons',
    featureId: 'packages',
    conditions: [{ path: 'object.type', equals: 'addon' }],
  };
  await server.ok('mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { id } }', {
    input,
  });
  const seen: number[] = [];
  for (let kill = 1; kill <= kills; kill += 1) {
    await until(async () => (await progress()).examined >= (eventCount * kill) / (kills + 1));
    await server.killAndRestart();
    seen.push((await progress()).examined);
  }
  await until(async () => (await progress()).state === 'DONE');
  const reached = seconds(reaching);

  const expected = Array.from({ length: eventCount }, (_, index) => index).filter(isMatch);
  expect(await progress()).toEqual({ state: 'DONE', examined: eventCount, matched: expected.length });
  const { work } = server.database;
  const { rows: claimed } = await work.query(
    `select (payload -> 'properties' ->> 'index')::int as index from segment_event
     where outcome = 'RECORDED' and feature_id = 'packages' and delta = 1 order by 1`,
  );
  expect(claimed.map(({ index }) => index)).toEqual(expected);
  const { rows: ledger } = await work.query(
    `select count(*)::int as events, count(distinct idempotency_key)::int as messages, sum(delta)::int as used
     from usage_event where feature_id = 'packages' and source = 'SEGMENT'`,
  );
  expect(ledger).toEqual([{ events: expected.length, messages: expected.length, used: expected.length }]);
  const { rows: rest } = await work.query(
    `select coalesce(outcome::text, 'unprocessed') as outcome, count(*)::int from segment_event group by 1 order by 1`,
  );
  expect(rest).toEqual([
    { outcome: 'RECORDED', count: expected.length },
    { outcome: 'UNMATCHED', count: eventCount - expected.length },
  ]);
  // Each kill came in the middle.
  expect(seen.every((examined) => examined < eventCount)).toBe(true);
  process.stdout.write(
    `${eventCount} events taken in ${ingested}; a rule claimed ${expected.length} of them in ${reached}, through ${kills} kills\n`,
  );
});
