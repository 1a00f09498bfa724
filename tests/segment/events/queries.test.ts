import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { invalidInput } from '../../helpers/errors.ts';
import { createFeature } from '../../helpers/factories.ts';
import { createRule, identifyEvent, ingest, postEvents, trackEvent } from '../../helpers/segment.ts';
import { statementsOf } from '../../helpers/statements.ts';

let app: TestApp;
const sent: { messageId: string }[] = [];

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  const send = async (event: { messageId: string }) => {
    sent.push(event);
    await ingest(app, event);
  };
  await send(identifyEvent('u', { email: 'u@x' }));
  await send(
    trackEvent({ properties: { featureId: 'messages', delta: 2 }, timestamp: '2024-01-01T00:00:00Z' }),
  );
  await send(trackEvent({ userId: 'later', properties: { featureId: 'messages' } }));
  await send(trackEvent({ userId: 'later', properties: { featureId: 'messages' } }));
  await send(
    trackEvent({ event: 'Package Created', properties: { type: 'addon', object: { name: 'A', size: 5 } } }),
  );
  await send(
    trackEvent({
      event: 'Package Created',
      properties: { type: 'addon', object: { name: 'B' }, paid: true },
    }),
  );
  await send(
    trackEvent({
      event: 'Package Deleted',
      properties: {
        type: 'base',
        list: [1],
        nothing: null,
        'a.b': 'c',
        '': 'empty',
        long: 'l'.repeat(256),
        object: {},
      },
    }),
  );
  await send(trackEvent({ event: 'Nothing Said', properties: 'none' }));
});
afterAll(() => app.close());

const list = `query ($outcome: SegmentOutcome, $first: Int, $after: String, $newestFirst: Boolean! = false) {
  segmentEvents(outcome: $outcome, first: $first, after: $after, newestFirst: $newestFirst) { messageId }
}`;
const ids = async (args: object) =>
  (await app.ok(list, args)).segmentEvents.map(({ messageId }: { messageId: string }) => messageId);

describe('segmentEvents', () => {
  it('tells each event and what it touched', async () => {
    const { segmentEvents } = await app.ok(`{ segmentEvents(first: 2) {
      messageId type userId eventName payload timestamp receivedAt outcome delta
      feature { id } rule { id } user { id email }
    } }`);
    const common = { rule: null, userId: 'u', user: { id: 'u', email: 'u@x' } };
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(segmentEvents).toEqual([
      {
        ...common,
        messageId: sent[0]?.messageId,
        type: 'IDENTIFY',
        eventName: null,
        payload: sent[0],
        timestamp: segmentEvents[0].receivedAt,
        receivedAt: time,
        outcome: 'USER_CREATED',
        delta: null,
        feature: null,
      },
      {
        ...common,
        messageId: sent[1]?.messageId,
        type: 'TRACK',
        eventName: 'Message Sent',
        payload: sent[1],
        timestamp: '2024-01-01T00:00:00.000Z',
        receivedAt: time,
        outcome: 'RECORDED',
        delta: 2,
        feature: { id: 'messages' },
      },
    ]);
  });

  it('lists in the order of arrival, in pages, and by outcome', async () => {
    const all = sent.map(({ messageId }) => messageId);
    expect(await ids({})).toEqual(all);
    expect(await ids({ first: 3 })).toEqual(all.slice(0, 3));
    expect(await ids({ first: 3, after: all[2] })).toEqual(all.slice(3, 6));
    expect(await ids({ outcome: 'PENDING_USER' })).toEqual(all.slice(2, 4));
    expect(await ids({ outcome: 'UNMATCHED', first: 2, after: all[4] })).toEqual(all.slice(5, 7));
    expect(await ids({ outcome: 'USERS_MERGED' })).toEqual([]);
  });

  it('lists the last one first when that is asked for, in pages too', async () => {
    const all = sent.map(({ messageId }) => messageId).reverse();
    expect(await ids({ newestFirst: true })).toEqual(all);
    expect(await ids({ newestFirst: true, first: 3, after: all[2] })).toEqual(all.slice(3, 6));
    expect(await ids({ newestFirst: true, outcome: 'PENDING_USER' })).toEqual(all.slice(-4, -2));
  });

  it.each(['DUPLICATE', 'IGNORED'])('has none that are %s', async (outcome) => {
    await ingest(app, sent[0]);
    await ingest(app, { type: 'page', userId: 'u' });
    expect(await ids({ outcome })).toEqual([]);
  });

  it('refuses an unknown place to go on from', async () => {
    expect(await app.fails(list, { after: 'nothing' })).toMatchObject(
      invalidInput('after: there is no item with the id "nothing"'),
    );
  });

  it('is of one environment', async () => {
    const live = await app.ok(
      `{ segmentEvents { messageId } mappingRules { id }
         unmatchedEvents { byEventName { count } byProperty { count } }
         segmentStatus { lastEventAt unmatched pendingEvents pendingUsers } }`,
      {},
      app.keys.live,
    );
    expect(live).toEqual({
      segmentEvents: [],
      mappingRules: [],
      unmatchedEvents: { byEventName: [], byProperty: [] },
      segmentStatus: { lastEventAt: null, unmatched: 0, pendingEvents: 0, pendingUsers: 0 },
    });
  });
});

describe('unmatchedEvents', () => {
  it('are grouped by name, and by what a condition could ask for', async () => {
    const { unmatchedEvents } = await app.ok(`{ unmatchedEvents {
      byEventName { eventName count } byProperty { path value count }
    } }`);
    expect(unmatchedEvents).toEqual({
      byEventName: [
        { eventName: 'Package Created', count: 2 },
        { eventName: 'Nothing Said', count: 1 },
        { eventName: 'Package Deleted', count: 1 },
      ],
      byProperty: [
        { path: 'type', value: 'addon', count: 2 },
        { path: 'object.name', value: 'A', count: 1 },
        { path: 'object.name', value: 'B', count: 1 },
        { path: 'object.size', value: '5', count: 1 },
        { path: 'paid', value: 'true', count: 1 },
        { path: 'type', value: 'base', count: 1 },
      ],
    });
  });
});

describe('what is told of unmatched events', () => {
  const key = () => app.keys.live;
  const byProperty = async () =>
    (await app.ok('{ unmatchedEvents { byProperty { path value count } } }', {}, key())).unmatchedEvents
      .byProperty;

  it.each([
    0.0000001,
    1.5e-7,
    -2.5e-10,
    1e21,
    1.5e300,
    123456789012345680000,
    0.1,
    -0,
    5,
    '5',
    '1e-7',
    'ü',
    '',
    true,
  ])('matches when a rule is made of it: %j', async (value) => {
    await app.database.prisma.segmentEvent.deleteMany({ where: { environmentId: 'live' } });
    await ingest(app, trackEvent({ event: 'Any', properties: { value } }), key());
    const [told] = await byProperty();
    expect(told).toMatchObject({ path: 'value', count: 1 });
    const conditions = [{ path: told.path, equals: told.value }];
    const { previewMappingRule } = await app.ok(
      'query ($input: MappingRuleInput!) { previewMappingRule(input: $input) { matched } }',
      { input: { name: 'Made', featureId: 'made', conditions } },
      key(),
    );
    expect(previewMappingRule).toEqual({ matched: 1 });
  });

  it('is one when it is the same as text', async () => {
    await app.database.prisma.segmentEvent.deleteMany({ where: { environmentId: 'live' } });
    for (const value of [5, '5', 5, true, 'true', 7, 7, 7, 7])
      await ingest(app, trackEvent({ event: 'Any', properties: { value } }), key());
    expect(await byProperty()).toEqual([
      { path: 'value', value: '7', count: 4 },
      { path: 'value', value: '5', count: 3 },
      { path: 'value', value: 'true', count: 2 },
    ]);
  });
});

describe('segmentStatus', () => {
  it('tells when the last event came, and how many wait', async () => {
    const { segmentStatus, segmentEvents } = await app.ok(`{
      segmentStatus { lastEventAt unmatched pendingEvents pendingUsers outcomes { outcome count } }
      segmentEvents { receivedAt outcome }
    }`);
    const became = (outcome: string) =>
      segmentEvents.filter((event: { outcome: string }) => event.outcome === outcome).length;
    const outcomes = ['UNMATCHED', 'PENDING_USER', 'RECORDED', 'USER_CREATED', 'USER_UPDATED'];
    expect(segmentStatus).toEqual({
      lastEventAt: segmentEvents.at(-1).receivedAt,
      unmatched: 4,
      pendingEvents: 2,
      pendingUsers: 1,
      outcomes: outcomes
        .map((outcome) => ({ outcome, count: became(outcome) }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count || (a.outcome < b.outcome ? -1 : 1)),
    });
  });
});

describe('each query', () => {
  const queries = {
    mappingRules: `{ mappingRules { id name feature { id packages { id } } conditions { path } backfill { state } } }`,
    segmentEvents: `{ segmentEvents { messageId payload feature { id } rule { id feature { id } } user { id } } }`,
    unmatchedEvents: `{ unmatchedEvents { byEventName { count } byProperty { count } } }`,
    segmentStatus: `{ segmentStatus { lastEventAt unmatched pendingEvents pendingUsers outcomes { count } } }`,
  };

  it.each(Object.entries(queries))(
    'sends as many statements for few rows as for many: %s',
    async (name, query) => {
      for (const index of [1, 2]) {
        await createRule(app, {
          name: `${name} ${index}`,
          featureId: 'messages',
          eventName: `${name} ${index}`,
        });
        await ingest(app, trackEvent({ event: `${name} ${index}` }));
      }
      const few = await statementsOf(() => app.ok(query));
      for (const index of [3, 4, 5]) {
        await createFeature(app.database.prisma, { id: `${name} ${index}` });
        await createRule(app, {
          name: `${name} ${index}`,
          featureId: `${name} ${index}`,
          eventName: `${name} ${index}`,
        });
        await ingest(app, identifyEvent(`${name} ${index}`));
        await postEvents(app, [
          trackEvent({ userId: `${name} ${index}`, event: `${name} ${index}` }),
          trackEvent({ event: 'Other', properties: { name, index } }),
        ]);
      }
      const many = await statementsOf(() => app.ok(query));
      expect(few.length).toBeGreaterThan(0);
      expect(many.length).toBe(few.length);
    },
  );
});
