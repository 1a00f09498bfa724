import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature } from '../../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'addons' });
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.prisma.segmentEvent.deleteMany();
});

const preview =
  'query ($input: MappingRuleInput!) { previewMappingRule(input: $input) { matched examined complete sample { messageId } } }';
const rule = { name: 'Any', featureId: 'addons' };

const send = (messageId: string, event: string, properties: object, key = app.keys.test) =>
  app.ok(
    'mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }',
    { event: { type: 'track', messageId, userId: 'ada', event, properties } },
    key,
  );

it('tells how many unmatched events a rule would claim, and shows the latest', async () => {
  for (let n = 1; n <= 7; n++) await send(`m${n}`, 'Package Created', { type: 'addon' });
  await send('other type', 'Package Created', { type: 'base' });
  await send('other name', 'Package Removed', { type: 'addon' });
  await send('other environment', 'Package Created', { type: 'addon' }, app.keys.live);

  const input = { ...rule, eventName: 'Package Created', conditions: [{ path: 'type', equals: 'addon' }] };
  expect(await app.ok(preview, { input })).toEqual({
    previewMappingRule: {
      matched: 7,
      examined: 8,
      complete: true,
      sample: ['m7', 'm6', 'm5', 'm4', 'm3'].map((messageId) => ({ messageId })),
    },
  });
});

it('claims nothing itself', async () => {
  await send('m1', 'Opened', {});
  for (let n = 0; n < 2; n++)
    expect(
      (await app.ok(preview, { input: { ...rule, eventName: 'Opened' } })).previewMappingRule.matched,
    ).toBe(1);
});

it('says when there are more events than it looks at', async () => {
  await app.database.prisma.segmentEvent.createMany({
    data: Array.from({ length: 2_001 }, (_, n) => ({
      environmentId: 'test',
      messageId: `n${n}`,
      type: 'TRACK' as const,
      userId: 'ada',
      eventName: 'Many',
      payload: { properties: {} },
      occurredAt: new Date(),
      receivedAt: new Date(),
      outcome: 'UNMATCHED' as const,
    })),
  });
  expect((await app.ok(preview, { input: { ...rule, eventName: 'Many' } })).previewMappingRule).toMatchObject(
    {
      matched: 2_000,
      examined: 2_000,
      complete: false,
    },
  );
});

it('looks at fewer events when they are large, and at all when only the name matters', async () => {
  await app.database.work.query(
    `insert into segment_event
       (environment_id, message_id, type, user_id, event_name, payload, occurred_at, received_at, outcome)
     select 'test', 'large ' || n, 'TRACK', 'ada', 'Large', jsonb_build_object(
         'properties', jsonb_build_object('type', 'addon', 'text', repeat('x', 1000000))), now(), now(), 'UNMATCHED'
     from generate_series(1, 20) n`,
  );
  const byName = { ...rule, eventName: 'Large' };
  const byType = { ...byName, conditions: [{ path: 'type', equals: 'addon' }] };
  const tried = async (input: object) => (await app.ok(preview, { input })).previewMappingRule;
  expect(await tried(byType)).toMatchObject({ matched: 8, examined: 8, complete: false });
  expect(await tried(byName)).toMatchObject({ matched: 20, examined: 20, complete: true });
});

it('refuses a rule for every event', async () => {
  expect(await app.fails(preview, { input: rule })).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
});
