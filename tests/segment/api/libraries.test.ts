import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Rudder from '@rudderstack/rudder-sdk-node';
import { Analytics } from '@segment/analytics-node';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { usageOf } from '../../helpers/segment.ts';

// Segment's own HTTP API, called by published libraries, unmodified, and as the documentation of others shows it.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
});
afterAll(() => app.close());

const used = async (userId: string) => (await usageOf(app.database, 'messages'))[userId]?.delta ?? 0;
const properties = { featureId: 'messages', delta: 2 };
const basic = (key: string) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
const post = (path: string, body: object, key = app.keys.writeTest) =>
  app.http.post(path).set('Authorization', basic(key)).send(body);

describe('@segment/analytics-node', () => {
  test.each([
    ['a write key', () => app.keys.writeTest, 'node-write'],
    ['a private key', () => app.keys.test, 'node-private'],
  ])('needs only the address and %s', async (_kind, key, userId) => {
    const failures: unknown[] = [];
    const analytics = new Analytics({ host: app.url, writeKey: key(), flushAt: 100 });
    analytics.on('error', (error) => failures.push(error));
    analytics.identify({ userId, traits: { name: 'Ada' } });
    analytics.track({ userId, event: 'Message Sent', properties });
    analytics.page({ userId, name: 'Home' });
    analytics.track({ anonymousId: 'nobody', event: 'Message Sent', properties });
    await analytics.closeAndFlush();
    expect(failures).toEqual([]);
    expect(await used(userId)).toBe(2);
  });

  test('is told that a key is wrong', async () => {
    const failures: unknown[] = [];
    const analytics = new Analytics({ host: app.url, writeKey: `wrt_test_${'x'.repeat(32)}`, maxRetries: 0 });
    analytics.on('error', (error) => failures.push(error));
    analytics.track({ userId: 'nobody', event: 'Message Sent', properties });
    await analytics.closeAndFlush();
    expect(failures.length).toBeGreaterThan(0);
  });
});

test('@rudderstack/rudder-sdk-node needs only the address and the key; it sends gzip', async () => {
  const rudder = new Rudder(app.keys.writeTest, { dataPlaneUrl: app.url, flushAt: 100, gzip: true });
  rudder.identify({ userId: 'rudder', traits: { name: 'Grace' } });
  rudder.track({ userId: 'rudder', event: 'Message Sent', properties });
  await rudder.flush();
  expect(await used('rudder')).toBe(2);
});

test('a webhook of RudderStack, which keeps traits in the context, is one of Segment’s', async () => {
  const delivery = {
    anonymousId: '4a1c2a6e-9f3b-4b8d-9b6f-0d9f0f6b7c11',
    channel: 'web',
    context: {
      library: { name: 'RudderLabs JavaScript SDK' },
      traits: { name: 'Joan', email: 'joan@example.com' },
    },
    integrations: { All: true },
    messageId: 'rudder-webhook-1',
    originalTimestamp: '2026-11-01T10:00:00.000Z',
    receivedAt: '2026-11-01T10:00:01.100+00:00',
    request_ip: '192.0.2.1',
    rudderId: '8c2f',
    sentAt: '2026-11-01T10:00:01.000Z',
    timestamp: '2026-11-01T10:00:00.100Z',
    type: 'identify',
    userId: 'rudder-webhook',
  };
  const { status } = await post('/segment/events', delivery);
  expect(status).toBe(200);
  expect(await app.ok('{ user(id: "rudder-webhook") { name email } }')).toEqual({
    user: { name: 'Joan', email: 'joan@example.com' },
  });
});

test.each<[string, Record<string, string>, object]>([
  ['the key as X-Write-Key', { 'X-Write-Key': 'KEY' }, {}],
  ['the key as the whole of Basic authentication', { Authorization: 'BASIC' }, {}],
  ['the key in the body', {}, { writeKey: 'KEY' }],
])('Jitsu’s form of /v1/batch is taken, with %s', async (how, headers, more) => {
  await createUser(app.database.prisma, { id: how });
  const key = app.keys.writeTest;
  const given = JSON.parse(JSON.stringify({ headers, more }).replaceAll('KEY', key));
  if (given.headers.Authorization) given.headers.Authorization = `Basic ${btoa(key)}`;
  const track = { type: 'track', userId: how, event: 'Message Sent', properties, messageId: how };
  const body = {
    batch: [track],
    context: { library: { name: '@jitsu/js' } },
    sentAt: new Date(),
    ...given.more,
  };
  const send = () => app.http.post('/v1/batch').set(given.headers).send(body);
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { status, body: answer } = await send();
    expect([status, answer]).toEqual([200, { success: true }]);
  }
  expect(await used(how)).toBe(2);
});

describe('the calls of the API', () => {
  const kept = () => app.database.prisma.segmentEvent.count();

  test.each(['page', 'screen', 'group', 'alias', 'p', 's', 'g', 'a'])(
    '/v1/%s is ignored, also without a user',
    async (call) => {
      const before = await kept();
      for (const body of [{ userId: 'somebody' }, { anonymousId: 'nobody' }]) {
        const answer = await post(`/v1/${call}`, body);
        expect([answer.status, answer.body.success]).toEqual([200, true]);
      }
      expect(await kept()).toBe(before);
    },
  );

  test.each([
    ['identify', 'track'],
    ['i', 't'],
  ])('/v1/%s and /v1/%s need no type in the body', async (identify, track) => {
    const userId = `calls-${track}`;
    expect((await post(`/v1/${identify}`, { userId, traits: {} })).body).toEqual({ success: true });
    expect((await post(`/v1/${track}`, { userId, event: 'Message Sent', properties })).body).toEqual({
      success: true,
    });
    expect(await used(userId)).toBe(2);
  });

  test('a refused event does not fail its neighbours; as Segment does, the answer is 200', async () => {
    await createUser(app.database.prisma, { id: 'partial' });
    const track = { type: 'track', userId: 'partial', event: 'Message Sent', properties };
    const { status, body } = await post('/v1/batch', { batch: [{ ...track, userId: null }, track, 7] });
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        refused: [
          { index: 0, message: 'event.userId: must be a string: events of anonymous users are refused' },
          { index: 2, message: 'event: must be a JSON object' },
        ],
      },
    ]);
    expect(await used('partial')).toBe(2);
  });

  test('a batch of 500 KB is taken, compressed or not, and counts once', async () => {
    await createUser(app.database.prisma, { id: 'large' });
    const filler = 'x'.repeat(2_000);
    const batch = Array.from({ length: 230 }, (_, index) => ({
      ...{ type: 'track', userId: 'large', event: 'Message Sent', messageId: `large-${index}` },
      properties: { ...properties, filler },
    }));
    const body = JSON.stringify({ batch });
    expect(body.length).toBeGreaterThan(490_000);
    const send = () =>
      app.http.post('/v1/batch').set('Authorization', basic(app.keys.writeTest)).type('json');
    expect((await send().send(body)).body).toEqual({ success: true });
    const zipped = await send()
      .set('Content-Encoding', 'gzip')
      .serialize((sent) => sent)
      .send(gzipSync(body));
    expect(zipped.body).toEqual({ success: true });
    expect(await used('large')).toBe(460);
  });

  test('an event that could not be stored is to be sent again, and the key is not stored', async () => {
    await createUser(app.database.prisma, { id: 'again' });
    const event = { type: 'track', userId: 'again', event: 'Message Sent', messageId: 'again', properties };
    const body = { batch: [{ ...event, writeKey: app.keys.writeTest }], writeKey: app.keys.writeTest };
    await app.database.work.query('alter table segment_event rename to elsewhere');
    const failed = await post('/v1/batch', body);
    await app.database.work.query('alter table elsewhere rename to segment_event');
    expect([failed.status, failed.body.success]).toEqual([500, false]);
    for (let attempt = 1; attempt <= 2; attempt += 1)
      expect((await post('/v1/batch', body)).body).toEqual({ success: true });
    expect(await used('again')).toBe(2);
    const { payload } = await app.database.prisma.segmentEvent.findUniqueOrThrow({
      where: { environmentId_messageId: { environmentId: 'test', messageId: 'again' } },
    });
    expect(payload).toEqual(event);
  });

  test.each([
    ['what is not JSON', '{"batch":', 400],
    ['a batch that is none', '{"batch":{}}', 400],
    ['a list', '[]', 400],
    ['too many events', JSON.stringify({ batch: Array(2_501).fill(0) }), 400],
    ['more than 1 MiB', ' '.repeat(1_100_000), 413],
  ])('refuse %s', async (_what, body, expected) => {
    const answer = await app.http
      .post('/v1/batch')
      .set('Authorization', basic(app.keys.writeTest))
      .type('json')
      .send(body);
    expect([answer.status, answer.body.success, typeof answer.body.message]).toEqual([
      expected,
      false,
      'string',
    ]);
  });

  test('take at most 64 KiB with the key inside', async () => {
    const send = (length: number) =>
      app.http
        .post('/v1/batch')
        .send({ writeKey: app.keys.writeTest, batch: [], filler: 'x'.repeat(length) });
    expect([(await send(60_000)).status, (await send(70_000)).status]).toEqual([200, 413]);
  });

  test('let every page read the answer, and send what analytics.js sends', async () => {
    const { status, headers } = await app.http
      .options('/v1/t')
      .set({ Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' });
    expect([status, headers['access-control-allow-origin']]).toEqual([204, '*']);
    expect(headers['access-control-allow-headers']).toMatch(/Authorization.*X-Retry-Count/);
  });

  test('tell analytics.js where to send events', async () => {
    const { body } = await app.http.get(`/v1/projects/${app.keys.writeTest}/settings`);
    expect(body.integrations['Segment.io']).toMatchObject({
      apiKey: app.keys.writeTest,
      apiHost: `${new URL(app.url).host}/v1`,
      protocol: 'http',
    });
    expect((await app.http.get(`/v1/projects/${app.keys.test}/settings`)).status).toBe(404);
  });
});
