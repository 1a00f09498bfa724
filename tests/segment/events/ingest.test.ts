import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Prisma } from '../../../src/database/generated/client.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { invalidInput } from '../../helpers/errors.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { someoneWaitsFor } from '../../helpers/locks.ts';
import { createRule, ingest, postEvents, refuse, trackEvent, usageOf } from '../../helpers/segment.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createFeature(prisma, { id: 'claimed' });
  await createPackage(prisma, { id: 'base', features: ['messages', 'claimed'] });
});
afterAll(() => app.close());

async function subscriber(id: string, startedAt = new Date('2024-01-01')) {
  await createUser(app.database.prisma, { id });
  await createSubscription(app.database.prisma, { userId: id, packageId: 'base', startedAt });
}

const stored = (messageId: string) =>
  app.database.prisma.segmentEvent.findUnique({
    where: { environmentId_messageId: { environmentId: 'test', messageId } },
  });

describe('the documented examples', () => {
  it('identify a user', async () => {
    const traits = { name: 'John Doe', email: 'john.doe@example.com', billingUserId: 'cus_Lp1bSKob4laHDD' };
    const event = { type: 'identify', messageId: 'v25', userId: 'userId123', traits };
    expect(await ingest(app, event)).toEqual({
      messageId: 'v25',
      outcome: 'USER_CREATED',
      firstOutcome: 'USER_CREATED',
      delta: null,
      feature: null,
      rule: null,
      user: { id: 'userId123' },
    });
    const { user } = await app.ok(`{ user(id: "userId123") { id name email billingId metadata } }`);
    expect(user).toEqual({
      id: 'userId123',
      name: 'John Doe',
      email: 'john.doe@example.com',
      billingId: 'cus_Lp1bSKob4laHDD',
      metadata: {},
    });
  });

  it('track usage of a feature', async () => {
    await subscriber('v26');
    const event = {
      type: 'track',
      messageId: 'v26',
      userId: 'v26',
      event: 'Message Sent',
      properties: { featureId: 'messages', delta: 1 },
    };
    expect(await ingest(app, event)).toEqual({
      messageId: 'v26',
      outcome: 'RECORDED',
      firstOutcome: 'RECORDED',
      delta: 1,
      feature: { id: 'messages' },
      rule: null,
      user: { id: 'v26' },
    });
    const { canUseFeature } = await app.ok(
      `{ canUseFeature(userId: "v26", featureId: "messages") { consumption { used } } }`,
    );
    expect(canUseFeature.consumption.used).toBe(1);
  });

  it('map an event by a rule', async () => {
    await subscriber('v27');
    await createFeature(app.database.prisma, { id: 'Add-on Packages' });
    const ruleId = await createRule(app, {
      name: 'Add-on Package Created',
      featureId: 'Add-on Packages',
      eventName: 'Package Created',
      conditions: [{ path: 'type', equals: 'addon' }],
    });
    const event = trackEvent({ userId: 'v27', event: 'Package Created', properties: { type: 'addon' } });
    expect(await ingest(app, event)).toEqual({
      messageId: event.messageId,
      outcome: 'RECORDED',
      firstOutcome: 'RECORDED',
      delta: 1,
      feature: { id: 'Add-on Packages' },
      rule: { id: ruleId, name: 'Add-on Package Created' },
      user: { id: 'v27' },
    });
    const other = trackEvent({ userId: 'v27', event: 'Package Created', properties: { type: 'base' } });
    expect((await ingest(app, other)).outcome).toBe('UNMATCHED');
  });
});

describe('a track event', () => {
  it('is kept whole, and in the ledger as usage from Segment', async () => {
    await subscriber('ledger');
    const event = trackEvent({
      userId: 'ledger',
      timestamp: '2024-03-01T10:00:00.123Z',
      properties: { featureId: 'messages', delta: '3' },
      context: { library: { name: 'analytics-node' }, ip: '127.0.0.1' },
      integrations: {},
      anonymousId: null,
    });
    await ingest(app, event);
    const { key } = await app.database.prisma.user.findFirstOrThrow({ where: { id: 'ledger' } });
    expect(await app.database.prisma.usageEvent.findMany({ where: { userKey: key } })).toEqual([
      expect.objectContaining({
        featureId: 'messages',
        action: 'ADD',
        delta: new Prisma.Decimal(3),
        source: 'SEGMENT',
        occurredAt: new Date('2024-03-01T10:00:00.123Z'),
      }),
    ]);
    const kept = await stored(event.messageId);
    expect(kept).toMatchObject({
      environmentId: 'test',
      messageId: event.messageId,
      type: 'TRACK',
      userId: 'ledger',
      eventName: 'Message Sent',
      payload: event,
      occurredAt: new Date('2024-03-01T10:00:00.123Z'),
      receivedAt: kept?.receivedAt,
      outcome: 'RECORDED',
      featureId: 'messages',
      ruleId: null,
      delta: new Prisma.Decimal(3),
      userKey: key,
    });
  });

  it('counts in the window of its own timestamp', async () => {
    await createUser(app.database.prisma, { id: 'window' });
    await createPackage(app.database.prisma, {
      id: 'daily',
      features: [{ id: 'messages', limit: 10, resetPeriod: 'DAY' }],
    });
    const startedAt = new Date('2024-01-01T00:00:00Z');
    await createSubscription(app.database.prisma, { userId: 'window', packageId: 'daily', startedAt });
    const send = (timestamp: string, delta: number) =>
      ingest(app, trackEvent({ userId: 'window', timestamp, properties: { featureId: 'messages', delta } }));
    await send('2024-01-01T23:59:59.999Z', 1);
    await send('2024-01-02T00:00:00Z', 2);
    await send('2023-12-31T23:59:59Z', 4);
    const { key } = await app.database.prisma.user.findFirstOrThrow({ where: { id: 'window' } });
    const windows = await app.database.prisma.usageCounter.findMany({
      where: { userKey: key },
      orderBy: { windowStart: 'asc' },
    });
    expect(windows.map(({ windowStart, used }) => [windowStart.toISOString(), Number(used)])).toEqual([
      ['2024-01-01T00:00:00.000Z', 1],
      ['2024-01-02T00:00:00.000Z', 2],
    ]);
  });

  it.each<[string, object, string]>([
    ['of a BINARY feature', { featureId: 'sso' }, 'UNMATCHED'],
    ['of an unknown feature', { featureId: 'nothing' }, 'UNMATCHED'],
    ['without properties', {}, 'UNMATCHED'],
    ['of a feature with a delta that is no integer', { featureId: 'messages', delta: 1.5 }, 'UNMATCHED'],
  ])('%s is kept, unmatched', async (_name, properties, outcome) => {
    await ingest(app, { type: 'identify', userId: 'unmatched' });
    expect(await ingest(app, trackEvent({ userId: 'unmatched', properties }))).toMatchObject({
      outcome,
      feature: null,
      rule: null,
      delta: null,
    });
  });

  it('is unmatched also when its user is unknown', async () => {
    expect((await ingest(app, trackEvent({ userId: 'nobody' }))).outcome).toBe('UNMATCHED');
  });

  it('stays apart from idempotency keys of the company', async () => {
    await subscriber('keys');
    const record = `mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded duplicate } }`;
    const event = trackEvent({ userId: 'keys', properties: { featureId: 'messages' } });
    const names = [event.messageId, `segment ${event.messageId}`];
    for (const idempotencyKey of names)
      await app.ok(record, { input: { userId: 'keys', featureId: 'messages', delta: 10, idempotencyKey } });
    expect((await ingest(app, event)).outcome).toBe('RECORDED');
    expect((await usageOf(app.database, 'messages')).keys).toEqual({ events: 3, delta: 21, windows: [21] });
  });
});

describe('an event that comes again', () => {
  it('changes nothing, and is answered what the first one did', async () => {
    await subscriber('again');
    const event = trackEvent({ userId: 'again', properties: { featureId: 'messages', delta: 2 } });
    const first = await ingest(app, event);
    expect(first.outcome).toBe('RECORDED');
    const changed = { ...event, properties: { featureId: 'messages', delta: 50 } };
    const expected = { ...first, outcome: 'DUPLICATE', firstOutcome: 'RECORDED' };
    expect(await ingest(app, event)).toEqual(expected);
    expect(await ingest(app, changed)).toEqual(expected);
    expect((await stored(event.messageId))?.payload).toEqual(event);
    expect((await usageOf(app.database, 'messages')).again).toEqual({ events: 1, delta: 2, windows: [2] });
  });

  it('counts once when ten come at once, at both doors', async () => {
    await subscriber('at once');
    const event = trackEvent({ userId: 'at once', properties: { featureId: 'messages' } });
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, async (_, index) =>
        index % 2 ? (await ingest(app, event)).outcome : (await postEvents(app, event)).body.outcome,
      ),
    );
    expect(outcomes.sort()).toEqual([...Array(9).fill('DUPLICATE'), 'RECORDED']);
    expect((await usageOf(app.database, 'messages'))['at once']).toEqual({
      events: 1,
      delta: 1,
      windows: [1],
    });
  });

  it('is new when it comes first, also when the connection breaks that processes it', async () => {
    const { work } = app.database;
    const events = ['b1', 'b2', 'b3'].map((messageId) => trackEvent({ messageId, event: 'Nothing' }));
    // Whoever decides an event waits for whoever changes the rules.
    const holder = await app.database.hot.connect();
    await holder.query('begin');
    await holder.query(`select pg_advisory_xact_lock(hashtextextended('segment rules test', 0))`);
    const answering = postEvents(app, events).then(({ body }) => body);
    await someoneWaitsFor(app.database, holder);
    await work.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event = 'advisory'`,
    );
    await holder.query('rollback');
    holder.release();
    expect((await answering).map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      'UNMATCHED',
      'UNMATCHED',
      'UNMATCHED',
    ]);
  });

  it('counts once in each environment', async () => {
    const event = { type: 'identify', userId: 'both', messageId: 'both' };
    expect((await ingest(app, event)).outcome).toBe('USER_CREATED');
    expect((await ingest(app, event, app.keys.live)).outcome).toBe('USER_CREATED');
    expect((await ingest(app, event, app.keys.live)).outcome).toBe('DUPLICATE');
  });

  it('is told apart only by its message id', async () => {
    await subscriber('twice');
    const { messageId: _, ...event } = trackEvent({ userId: 'twice', properties: { featureId: 'messages' } });
    const first = await ingest(app, event);
    const second = await ingest(app, event);
    expect([first.outcome, second.outcome]).toEqual(['RECORDED', 'RECORDED']);
    expect(first.messageId).toMatch(/^[0-9a-f-]{36}$/);
    expect(second.messageId).not.toBe(first.messageId);
    expect((await ingest(app, { ...event, messageId: first.messageId })).outcome).toBe('DUPLICATE');
  });
});

describe('what the mutation refuses', () => {
  const anonymous = 'event.userId: must be a string: events of anonymous users are refused';

  it('is a mistake of the caller, with HTTP 400, and nothing is kept', async () => {
    const event = { type: 'track', anonymousId: 'a', messageId: 'anonymous', event: 'Message Sent' };
    expect(await refuse(app, event)).toMatchObject({
      ...invalidInput(anonymous),
      path: ['ingestSegmentEvent'],
    });
    const { status } = await app.http.post('/graphql').set('Authorization', app.keys.test).send({
      query: 'mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }',
      variables: { event },
    });
    expect(status).toBe(400);
    expect(await stored('anonymous')).toBeNull();
  });

  it.each<[string, unknown, string]>([
    ['text', 'track', 'event: must be a JSON object'],
    ['an array', [trackEvent()], 'event: must be a JSON object'],
    ['an event without a type', { userId: 'u' }, 'event.type: must be a type such as "identify" or "track"'],
    [
      'a track without a name',
      { type: 'track', userId: 'u' },
      'event.event: must be the name of what happened',
    ],
    ['a truth value for a user', { type: 'page', userId: true }, anonymous],
  ])('is %s', async (_name, event, message) => {
    expect(await refuse(app, event)).toMatchObject(invalidInput(message));
  });
});

describe('an event that is nested more than 500 levels deep', () => {
  // By hand: JSON.stringify itself does not go that deep.
  const deep = (levels: number, [open, close]: [string, string], messageId: string) =>
    `{"type": "track", "userId": "u", "event": "Deep", "messageId": "${messageId}", "properties": ${open.repeat(levels)}1${close.repeat(levels)}}`;
  const message = 'event: must be at most 500 levels deep';
  const shapes: Record<string, [string, string]> = { objects: ['{"a":', '}'], lists: ['[', ']'] };

  it.each(Object.keys(shapes))('is refused at both doors, and not kept: %s', async (name) => {
    const shape = shapes[name] ?? ['', ''];
    for (const levels of [500, 100_000]) {
      const messageId = `${name} ${levels}`;
      const event = deep(levels, shape, messageId);
      const post = (path: string, body: string) =>
        app.http.post(path).set('Authorization', app.keys.test).type('json').send(body);
      const hook = await post('/segment/events', event);
      expect([hook.status, hook.body]).toEqual([
        400,
        { error: { name: 'ValidationError', message, code: 'BAD_USER_INPUT' } },
      ]);
      const query = 'mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }';
      const mutation = await post(
        '/graphql',
        `{"query": ${JSON.stringify(query)}, "variables": {"event": ${event}}}`,
      );
      expect([mutation.status, mutation.body.errors]).toMatchObject([400, [invalidInput(message)]]);
      expect(await stored(messageId)).toBeNull();
    }
  });

  it.each(Object.keys(shapes))(
    'does not fail its neighbours, and one that is less deep is taken: %s',
    async (name) => {
      const shape = shapes[name] ?? ['', ''];
      const events = [deep(499, shape, `${name} taken`), deep(500, shape, `${name} refused`)];
      const { status, body } = await app.http
        .post('/segment/events')
        .set('Authorization', app.keys.test)
        .type('json')
        .send(`[${events}]`);
      expect([status, body[0].outcome, body[1].error.message]).toEqual([200, 'UNMATCHED', message]);
    },
  );
});

describe('events of other types', () => {
  it.each(['page', 'screen', 'group', 'alias'])('%s is accepted, and not kept', async (type) => {
    const answer = await ingest(app, {
      type,
      userId: 'u',
      messageId: type,
      name: 'Home',
      previousId: 'p',
      groupId: 'g',
    });
    expect(answer).toMatchObject({
      messageId: type,
      outcome: 'IGNORED',
      firstOutcome: 'IGNORED',
      user: null,
    });
    expect(await stored(type)).toBeNull();
  });
});

describe('the webhook', () => {
  it('answers an event by what became of it', async () => {
    await subscriber('hook');
    const event = trackEvent({ userId: 'hook', properties: { featureId: 'messages', delta: 4 } });
    const { status, body } = await postEvents(app, event);
    expect([status, body]).toEqual([
      200,
      {
        messageId: event.messageId,
        outcome: 'RECORDED',
        firstOutcome: 'RECORDED',
        featureId: 'messages',
        ruleId: null,
        delta: 4,
      },
    ]);
  });

  it('answers an array in its order; a bad event does not fail its neighbours', async () => {
    const [early, late] = [1, 2].map(() =>
      trackEvent({ userId: 'listed', properties: { featureId: 'messages' } }),
    );
    const { status, body } = await postEvents(app, [
      early,
      { type: 'track', event: 'Message Sent' },
      { type: 'identify', userId: 'listed', messageId: 'listed' },
      late,
      null,
      late,
      { type: 'page', userId: 'listed', messageId: 'page of a list' },
    ]);
    expect(status).toBe(200);
    expect(body.map((item: { outcome?: string; error?: object }) => item.outcome ?? item.error)).toEqual([
      'PENDING_USER',
      {
        name: 'ValidationError',
        message: 'event.userId: must be a string: events of anonymous users are refused',
        code: 'BAD_USER_INPUT',
      },
      'USER_CREATED',
      'RECORDED',
      { name: 'ValidationError', message: 'event: must be a JSON object', code: 'BAD_USER_INPUT' },
      'DUPLICATE',
      'IGNORED',
    ]);
    expect((await usageOf(app.database, 'messages')).listed).toEqual({ events: 2, delta: 2, windows: [] });
  });

  it('keeps what has an odd message id or a long name, once; what is too large is refused', async () => {
    const events = [
      trackEvent({ messageId: 15_092 }),
      trackEvent({ messageId: 'a\tb' }),
      trackEvent({ messageId: 'long', event: 'e'.repeat(300) }),
      trackEvent({ messageId: 'large', properties: { text: 'x'.repeat(64 * 1024) } }),
    ];
    const answers = async () =>
      (await postEvents(app, events)).body.map(
        ({ outcome, error }: { outcome?: string; error?: { message: string } }) => outcome ?? error?.message,
      );
    const tooLarge = 'event: must be at most 64 KiB';
    expect(await answers()).toEqual(['UNMATCHED', 'UNMATCHED', 'UNMATCHED', tooLarge]);
    expect(await answers()).toEqual(['DUPLICATE', 'DUPLICATE', 'DUPLICATE', tooLarge]);
    expect(await stored('long')).toMatchObject({ eventName: 'e'.repeat(255), payload: events[2] });
    expect(await stored('large')).toBeNull();
  });

  it('answers 400 when nothing was accepted', async () => {
    const refused = { type: 'track', event: 'Message Sent' };
    const error = {
      name: 'ValidationError',
      message: 'event.userId: must be a string: events of anonymous users are refused',
      code: 'BAD_USER_INPUT',
    };
    const one = await postEvents(app, refused);
    expect([one.status, one.body]).toEqual([400, { error }]);
    const two = await postEvents(app, [refused, refused]);
    expect([two.status, two.body]).toEqual([400, [{ error }, { error }]]);
    const none = await postEvents(app, []);
    expect([none.status, none.body]).toEqual([400, []]);
  });

  it('answers 400 to what is not JSON, or holds too many events', async () => {
    const post = () => app.http.post('/segment/events').set('Authorization', app.keys.test);
    expect((await post().type('json').send('{"type":')).status).toBe(400);
    expect(
      (
        await post()
          .type('json')
          .send(Buffer.from([0x22, 0xff, 0x22]))
      ).status,
    ).toBe(400);
    const { status, body } = await postEvents(app, Array(1_001).fill({}));
    expect([status, body.errors[0].message]).toEqual([400, 'One request may hold at most 1000 events.']);
  });

  it('answers 500, so that Segment sends the event again, when it could not be processed', async () => {
    await app.database.work.query('alter table segment_event rename to elsewhere');
    const { status, body } = await postEvents(app, [
      trackEvent(),
      { type: 'page', userId: 'u', messageId: 'p' },
    ]);
    await app.database.work.query('alter table elsewhere rename to segment_event');
    expect(status).toBe(500);
    expect(body[0].error).toEqual({
      code: 'INTERNAL_SERVER_ERROR',
      message: `Unexpected error. Its id in the log is ${body[0].error.requestId}.`,
      requestId: expect.any(String),
    });
    expect(body[1].outcome).toBe('IGNORED');
  });

  const basic = (user: string, password = '') =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const page = { type: 'page', userId: 'u', messageId: 'm' };

  it('takes the private key alone, after Bearer, or as the user name of Basic authentication', async () => {
    for (const header of [
      app.keys.test,
      `Bearer ${app.keys.test}`,
      basic(app.keys.test),
      basic(app.keys.test, 'x'),
    ])
      expect((await postEvents(app, page, header)).status).toBe(200);
  });

  it('takes the environment of the key', async () => {
    await postEvents(app, { type: 'identify', userId: 'live only', messageId: 'l' }, app.keys.live);
    expect((await app.fails(`{ user(id: "live only") { id } }`)).extensions.code).toBe('NOT_FOUND');
    expect((await app.ok(`{ user(id: "live only") { id } }`, {}, app.keys.live)).user.id).toBe('live only');
  });

  it('answers 401 without a valid private key', async () => {
    const headers = [
      '',
      'Basic',
      'Basic !',
      basic(''),
      'nonsense',
      app.keys.publicTest,
      basic(app.keys.publicTest),
    ];
    for (const header of headers) {
      const { status, body } = await postEvents(app, page, header);
      expect([status, body.errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
      expect(body.errors[0].message).toMatch(/^Unauthenticated/);
    }
  });

  it('takes requests by POST and PUT only', async () => {
    const { status, headers } = await app.http.get('/segment/events').set('Authorization', app.keys.test);
    expect([status, headers.allow]).toEqual([405, 'POST, PUT']);
  });

  it('answers PUT, which Segment’s form offers, as POST', async () => {
    const { status, body } = await app.http
      .put('/segment/events')
      .set('Authorization', app.keys.test)
      .send({ type: 'page', userId: 'put', messageId: 'put' });
    expect([status, body.outcome]).toEqual([200, 'IGNORED']);
  });
});

describe('a compressed body', () => {
  const send = async (body: BodyInit, encoding: string) => {
    const headers = {
      Authorization: app.keys.test,
      'Content-Type': 'application/json',
      'Content-Encoding': encoding,
    };
    const response = await fetch(`${app.url}/segment/events`, { method: 'POST', body, headers });
    const { status } = response;
    return { status, accepts: response.headers.get('accept-encoding'), body: await response.json() };
  };
  const event = JSON.stringify({ type: 'page', userId: 'zip', messageId: 'zip' });

  it.each([
    ['gzip', () => gzipSync(event)],
    ['GZIP', () => gzipSync(event)],
    ['identity', () => event],
  ])('is read if it says %s', async (encoding, body) => {
    expect(await send(body(), encoding)).toMatchObject({ status: 200, body: { outcome: 'IGNORED' } });
  });

  it('is refused if it says gzip and is not', async () => {
    expect((await send(event, 'gzip')).status).toBe(400);
    expect((await send(gzipSync(event).subarray(0, 20), 'gzip')).status).toBe(400);
  });

  it('may hold no more than one that is not compressed', async () => {
    const bomb = gzipSync(`"${'x'.repeat(50 * 1024 * 1024)}"`);
    expect(bomb.length).toBeLessThan(60_000);
    expect((await send(bomb, 'gzip')).status).toBe(413);
  });

  it.each(['br', 'deflate', 'gzip, gzip'])('is refused if it says %s', async (encoding) => {
    expect(await send(event, encoding)).toMatchObject({ status: 415, accepts: 'gzip, identity' });
  });
});

describe('the webhook with a shared secret', () => {
  let signed: TestApp;
  beforeAll(async () => {
    signed = await startTestApp({ segmentSecret: 'shared' });
  });
  afterAll(() => signed.close());

  const body = JSON.stringify({ type: 'page', userId: 'ü', messageId: 'm' });
  const signature = (text: string, secret = 'shared') =>
    createHmac('sha1', secret).update(text).digest('hex');
  const post = (headers: Record<string, string>, key = signed.keys.test, sent = body) =>
    signed.http.post('/segment/events').set('Authorization', key).set(headers).type('json').send(sent);

  it('takes what is signed with it', async () => {
    expect((await post({ 'X-Signature': signature(body) })).status).toBe(200);
    expect((await post({ 'X-Signature': signature(body).toUpperCase() })).status).toBe(200);
  });

  it.each<[string, Record<string, string>]>([
    ['no signature', {}],
    ['an empty signature', { 'X-Signature': '' }],
    ['a signature of another body', { 'X-Signature': signature(`${body} `) }],
    ['a signature with another secret', { 'X-Signature': signature(body, 'other') }],
    ['half a signature', { 'X-Signature': signature(body).slice(0, 20) }],
    ['a signature and more', { 'X-Signature': `${signature(body)}00` }],
    ['no hexadecimal digits', { 'X-Signature': 'signature'.repeat(5) }],
  ])('refuses %s', async (_name, headers) => {
    expect((await post(headers)).status).toBe(401);
  });

  it('takes the signature of a compressed body for what was in it', async () => {
    const { status } = await signed.http
      .post('/segment/events')
      .set({ Authorization: signed.keys.test, 'X-Signature': signature(body), 'Content-Encoding': 'gzip' })
      .type('json')
      .serialize((sent) => sent)
      .send(gzipSync(body));
    expect(status).toBe(200);
  });

  it('needs the private key all the same', async () => {
    expect((await post({ 'X-Signature': signature(body) }, signed.keys.publicTest)).status).toBe(401);
  });

  it('takes an array as Segment signs a batch: over its first event alone', async () => {
    const second = JSON.stringify({ type: 'page', userId: 'v', messageId: 'n' });
    const headers = { 'X-Signature': signature(body) };
    const { status, body: answers } = await post(headers, signed.keys.test, `[${body},${second}]`);
    expect(status).toBe(200);
    expect(answers).toMatchObject([{ messageId: 'm' }, { messageId: 'n' }]);
    for (const sent of [`[${second},${body}]`, second, '[]', `{"batch":[${body}]}`, '[', ''])
      expect((await post(headers, signed.keys.test, sent)).status).toBe(401);
    const batch = `{"batch":[${body}]}`;
    expect((await post({ 'X-Signature': signature(batch) }, signed.keys.test, batch)).status).toBe(200);
  });
});

describe('what libraries send', () => {
  it('is taken as a batch', async () => {
    const [first, second] = [trackEvent({ userId: 'batch' }), trackEvent()];
    const batch = [first, { ...second, userId: null }];
    const { status, body } = await postEvents(app, { batch, sentAt: '2024-05-01T00:00:00Z' });
    expect(status).toBe(200);
    expect(body).toEqual([
      expect.objectContaining({ messageId: first.messageId, outcome: 'UNMATCHED' }),
      { error: expect.objectContaining({ code: 'BAD_USER_INPUT' }) },
    ]);
  });

  it('counts at its own time, and where that is unreadable when it arrives, which is told', async () => {
    await subscriber('times');
    const properties = { featureId: 'messages', delta: 2 };
    const event = (timestamp: unknown) => trackEvent({ userId: 'times', properties, timestamp });
    const [known, unknown] = [event('2024-05-01 10:00:00 +0530'), event('11/12/2024')];
    const { body } = await postEvents(app, [known, unknown]);
    expect(body[0]).not.toHaveProperty('warnings');
    expect(body[1]).toMatchObject({ outcome: 'RECORDED', warnings: ['UNREADABLE_TIMESTAMP'] });
    expect((await stored(known.messageId))?.occurredAt).toEqual(new Date('2024-05-01T04:30:00.000Z'));
    const kept = await stored(unknown.messageId);
    expect(kept?.occurredAt).toEqual(kept?.receivedAt);
    const { segmentEvents } = await app.ok(
      `{ segmentEvents(outcome: RECORDED, first: 2, newestFirst: true) { messageId warnings } }`,
    );
    expect(segmentEvents).toEqual(
      expect.arrayContaining([
        { messageId: known.messageId, warnings: [] },
        { messageId: unknown.messageId, warnings: ['UNREADABLE_TIMESTAMP'] },
      ]),
    );
  });

  it.each(['2999-01-01', '9999-12-31T23:59:59-23:59', 9_999_999_999_999])(
    'happened when it arrived if its timestamp %j is later',
    async (timestamp) => {
      const event = trackEvent({ userId: 'times', timestamp });
      expect(await ingest(app, event)).toMatchObject({ outcome: 'UNMATCHED' });
      const kept = await stored(event.messageId);
      expect(kept?.occurredAt).toEqual(kept?.receivedAt);
    },
  );

  it('counts once without a message id if it has a timestamp', async () => {
    await subscriber('bare');
    const { messageId: _, ...event } = trackEvent({
      userId: 'bare',
      properties: { featureId: 'messages', delta: 5 },
      timestamp: '2024-05-01T10:00:00Z',
    });
    const first = await ingest(app, event);
    expect(first.outcome).toBe('RECORDED');
    expect(await ingest(app, event)).toMatchObject({ messageId: first.messageId, outcome: 'DUPLICATE' });
    expect((await usageOf(app.database, 'messages')).bare).toMatchObject({ delta: 5 });
  });
});
