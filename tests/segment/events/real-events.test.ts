import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Analytics } from '@segment/analytics-node';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature } from '../../helpers/factories.ts';
import { createRule, ingest, postEvents, trackEvent, usageOf } from '../../helpers/segment.ts';
import { specAlias, specGroup, specIdentify, specPage, specScreen, specTrack } from '../payloads.ts';
import { type Relay, startRelay } from '../relay.ts';

let app: TestApp;
let relay: Relay;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  await createFeature(app.database.prisma, { id: 'Add-on Packages' });
  relay = await startRelay({ url: `${app.url}/segment/events`, headers: { Authorization: app.keys.test } });
});
afterAll(async () => {
  await relay.close();
  await app.close();
});

const kept = async (messageId: unknown) =>
  (
    await app.database.prisma.segmentEvent.findUnique({
      where: { environmentId_messageId: { environmentId: 'test', messageId: String(messageId) } },
    })
  )?.payload;

describe('what the real Segment library sends', () => {
  it('means what the documentation of the original says', async () => {
    await createRule(app, {
      name: 'Add-on Package Created',
      featureId: 'Add-on Packages',
      eventName: 'Package Created',
      conditions: [{ path: 'type', equals: 'addon' }],
    });
    const analytics = new Analytics({
      writeKey: 'any',
      host: relay.url,
      flushAt: 100,
      flushInterval: 10_000,
    });
    const userId = 'userId123';
    const traits = { name: 'John Doe', email: 'john.doe@example.com', billingUserId: 'cus_Lp1bSKob4laHDD' };
    analytics.track({ userId, event: 'Message Sent', properties: { featureId: 'messages', delta: 1 } });
    analytics.identify({ userId, traits });
    analytics.track({ userId, event: 'Message Sent', properties: { featureId: 'messages', delta: 1 } });
    analytics.track({ userId, event: 'Package Created', properties: { type: 'addon' } });
    analytics.track({ userId, event: 'Package Created', properties: { type: 'base' } });
    analytics.track({
      userId,
      event: 'Message Sent',
      timestamp: new Date('2024-01-01T00:00:00Z'),
      properties: { featureId: 'messages', delta: '3' },
    });
    analytics.page({ userId, name: 'Home' });
    analytics.screen({ userId, name: 'Home' });
    analytics.group({ userId, groupId: 'g', traits: { name: 'Initech' } });
    analytics.alias({ userId, previousId: 'before' });
    analytics.track({ anonymousId: 'nobody', event: 'Message Sent', properties: { featureId: 'messages' } });
    await analytics.closeAndFlush();

    const answers = relay.passedOn.map(({ status, body }) => [
      status,
      (body as { outcome?: string }).outcome,
    ]);
    expect(answers).toEqual([
      [200, 'PENDING_USER'],
      [200, 'USER_CREATED'],
      [200, 'RECORDED'],
      [200, 'RECORDED'],
      [200, 'UNMATCHED'],
      [200, 'RECORDED'],
      [200, 'IGNORED'],
      [200, 'IGNORED'],
      [200, 'IGNORED'],
      [200, 'IGNORED'],
      [400, undefined],
    ]);
    const { user } = await app.ok(`{ user(id: "userId123") { id name email billingId metadata } }`);
    const { billingUserId: billingId, ...named } = traits;
    expect(user).toEqual({ id: userId, ...named, billingId, metadata: {} });
    expect(await usageOf(app.database, 'messages')).toEqual({
      userId123: { events: 3, delta: 5, windows: [] },
    });
    expect(await usageOf(app.database, 'Add-on Packages')).toEqual({
      userId123: { events: 1, delta: 1, windows: [] },
    });
    for (const { event, body } of relay.passedOn.slice(0, 6)) {
      expect((body as { messageId: string }).messageId).toBe(event.messageId);
      expect(await kept(event.messageId)).toEqual(event);
    }
  });
});

describe('what Segment’s specification shows', () => {
  it.each<[string, { messageId: string }, string]>([
    ['track', specTrack, 'PENDING_USER'],
    ['identify', specIdentify, 'USER_CREATED'],
    ['page', specPage, 'IGNORED'],
    ['screen', specScreen, 'IGNORED'],
    ['group', specGroup, 'IGNORED'],
    ['alias', specAlias, 'IGNORED'],
    ['track again', specTrack, 'DUPLICATE'],
  ])('%s', async (_name, event, outcome) => {
    const { status, body } = await postEvents(app, event);
    expect([status, body.messageId, body.outcome]).toEqual([200, event.messageId, outcome]);
    if (outcome !== 'IGNORED') expect(await kept(event.messageId)).toEqual(event);
  });

  it('ends in the user and the usage that it tells of', async () => {
    const { user } = await app.ok(`{ user(id: "97980cfea0067") { name email billingId metadata } }`);
    expect(user).toEqual({
      name: 'Peter Gibbons',
      email: 'peter@example.com',
      billingId: null,
      metadata: {},
    });
    const [usage] = await app.database.prisma.usageEvent.findMany({ where: { delta: 4 } });
    expect(usage?.occurredAt).toEqual(new Date('2015-12-10T04:08:31.905Z'));
  });

  it.each([
    ['track', specTrack],
    ['identify', specIdentify],
    ['page', specPage],
    ['screen', specScreen],
    ['group', specGroup],
    ['alias', specAlias],
  ])('%s of an anonymous user is refused', async (_name, event) => {
    expect((await postEvents(app, { ...event, userId: null, messageId: 'anonymous' })).status).toBe(400);
    expect((await postEvents(app, { ...event, userId: undefined, messageId: 'anonymous' })).status).toBe(400);
    expect(await kept('anonymous')).toBeUndefined();
  });
});

describe('unusual events', () => {
  const nested = (levels: number): object => (levels === 0 ? { end: true } : { in: nested(levels - 1) });
  const properties: Record<string, unknown> = {
    'of 30 KiB': { text: '0123456789abcdef'.repeat(1_920) },
    'in every script': { 名前: '花子', имя: 'Иван', اسم: 'سارة', emoji: '👩‍👩‍👧‍👦', combining: 'é e\u0301' },
    'nested deeply': nested(400),
    'with keys of prototypes': JSON.parse(
      '{"__proto__": {"polluted": true, "featureId": "messages"}, "constructor": {"prototype": {"polluted": true}}, "hasOwnProperty": 1, "toString": null}',
    ),
    'with numbers as text': { count: '007', price: '9.90', exponent: '1e3' },
    'with numbers at the limits': {
      large: 9_007_199_254_740_991,
      small: 5e-324,
      negative: -0.1,
      huge: 1e300,
    },
    'with lists': { list: [1, 'two', [3, { four: null }], {}] },
    'with names like SQL': { "'; drop table segment_event; --": '"', 'a"b': "''", '%s': '$1', '\\': '\\' },
    'with texts that look like escapes': { a: '\\u0000', b: '\\\\', c: '\t\n\r\b\f"/' },
    'with nothing in it': {},
  };

  it.each(Object.keys(properties))('%s are kept as they are, at both doors', async (name) => {
    const send = {
      mutation: (event: unknown) => ingest(app, event),
      webhook: (event: unknown) => postEvents(app, event),
    };
    for (const [door, deliver] of Object.entries(send)) {
      const event = trackEvent({ event: `${name} ${door}`, properties: properties[name] });
      await deliver(event);
      const { segmentEvents } = await app.ok(`{ segmentEvents(outcome: UNMATCHED) { messageId payload } }`);
      const found = segmentEvents.find(
        ({ messageId }: { messageId: string }) => messageId === event.messageId,
      );
      expect(found.payload).toEqual(event);
      expect(Object.keys(found.payload.properties).sort()).toEqual(
        Object.keys(properties[name] as object).sort(),
      );
    }
    expect({}).not.toHaveProperty('polluted');
  });

  it('with characters that PostgreSQL cannot store are kept with a sign in their place', async () => {
    const event = trackEvent({ event: 'null\u0000', properties: { 'half\ud83d': 'pair\udc00', ok: '📨' } });
    expect((await ingest(app, event)).outcome).toBe('UNMATCHED');
    expect(await kept(event.messageId)).toEqual({
      ...event,
      event: 'null\ufffd',
      properties: { 'half\ufffd': 'pair\ufffd', ok: '📨' },
    });
  });

  it('are told apart by keys of prototypes in a rule, if they have them themselves', async () => {
    await createRule(app, {
      name: 'own',
      featureId: 'messages',
      conditions: [{ path: '__proto__.admin', equals: 'true' }],
    });
    const with__proto__ = JSON.parse('{"__proto__": {"admin": true}}');
    expect((await ingest(app, trackEvent({ properties: with__proto__ }))).outcome).toBe('PENDING_USER');
    expect((await ingest(app, trackEvent({ properties: {} }))).outcome).toBe('UNMATCHED');
  });
});
