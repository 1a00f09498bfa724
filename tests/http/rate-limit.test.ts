import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRateLimit } from '../../src/http/rate-limit.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

describe('an allowance of 5 a second', () => {
  const limit = (clock: { ms: number }) => createRateLimit(5, () => clock.ms);
  const takeAll = (each: ReturnType<typeof limit>, caller: string, count: number) =>
    Array.from({ length: count }, () => each.take(caller));

  test('lets 5 pass at once, and tells the sixth when to come', () => {
    expect(takeAll(limit({ ms: 0 }), 'a', 6)).toEqual([0, 0, 0, 0, 0, 200]);
  });
  test('grows back with time, up to 5', () => {
    const clock = { ms: 0 };
    const each = limit(clock);
    takeAll(each, 'a', 5);
    clock.ms = 200;
    expect(takeAll(each, 'a', 2)).toEqual([0, 200]);
    clock.ms = 60_000;
    expect(takeAll(each, 'a', 6)).toEqual([0, 0, 0, 0, 0, 200]);
  });
  test('is not used up by requests that were refused', () => {
    const clock = { ms: 0 };
    const each = limit(clock);
    takeAll(each, 'a', 100);
    clock.ms = 1_000;
    expect(takeAll(each, 'a', 5)).toEqual([0, 0, 0, 0, 0]);
  });
  test('is everybody’s own', () => {
    const each = limit({ ms: 0 });
    takeAll(each, 'a', 5);
    expect(each.take('b')).toBe(0);
  });
  test('still holds for whoever is busy when those who are not are forgotten', () => {
    const clock = { ms: 0 };
    const each = limit(clock);
    for (let caller = 0; caller < 10_000; caller += 1) each.take(`rested ${caller}`);
    clock.ms = 500;
    takeAll(each, 'busy', 5);
    for (let caller = 0; caller < 10_000; caller += 1) each.take(`other ${caller}`);
    expect(each.take('busy')).toBe(200);
  });
});

describe('a server with an allowance of 2 a second', () => {
  let app: TestApp;
  const clock = { ms: 0 };
  beforeAll(async () => {
    app = await startTestApp({ rateLimit: createRateLimit(2, () => clock.ms) });
  });
  afterAll(() => app.close());

  const ask = (key: string) =>
    app.http.post('/graphql').set('Authorization', key).send({ query: '{ features { id } }' });
  const refused = {
    errors: [
      {
        message: 'Too many requests with these credentials. Try again after the time in Retry-After.',
        extensions: { code: 'RATE_LIMITED' },
      },
    ],
  };
  const rest = () => {
    clock.ms += 10_000;
  };

  test('answers the third with 429 and when to come back; another key is not concerned', async () => {
    rest();
    expect((await ask(app.keys.test)).status).toBe(200);
    expect((await ask(app.keys.test)).status).toBe(200);
    const third = await ask(app.keys.test);
    expect(third.status).toBe(429);
    expect(third.headers['retry-after']).toBe('1');
    expect(third.body).toEqual(refused);
    expect((await ask(app.keys.live)).status).toBe(200);
    rest();
    expect((await ask(app.keys.test)).status).toBe(200);
  });

  test('counts all doors of a key as one', async () => {
    rest();
    await ask(app.keys.test);
    const pulled = await app.http.get('/cli/pull').set('Authorization', app.keys.test);
    expect(pulled.status).toBe(200);
    const event = await app.http.post('/segment/events').set('Authorization', app.keys.test).send([]);
    expect(event.status).toBe(429);
    expect(event.headers['retry-after']).toBe('1');
    expect(event.body).toEqual(refused);
    expect((await app.http.get('/cli/pull').set('Authorization', app.keys.test)).status).toBe(429);
  });

  test('counts the client API by user', async () => {
    rest();
    const asUser = (user: string) =>
      app.http
        .post('/client/graphql')
        .set('Authorization', app.keys.publicTest)
        .set('X-User-ID', user)
        .send({ query: '{ __typename }' });
    await asUser('ada');
    await asUser('ada');
    expect((await asUser('ada')).status).toBe(429);
    expect((await asUser('bob')).status).not.toBe(429);
  });

  test('does not shut the console of a key that is busy', async () => {
    rest();
    const session = await app.http
      .post('/console/session')
      .set('X-Kana-Console', 'test')
      .send({ key: app.keys.test });
    const cookie = (session.headers['set-cookie'] as unknown as string[])[0]?.split(';')[0] ?? '';
    for (let count = 0; count < 3; count += 1) await ask(app.keys.test);
    const console = await app.http
      .post('/graphql')
      .set('X-Kana-Console', 'test')
      .set('Cookie', cookie)
      .send({ query: '{ features { id } }' });
    expect(console.status).toBe(200);
  });

  test('does not count requests without valid credentials, which are refused anyway', async () => {
    rest();
    for (let count = 0; count < 5; count += 1) expect((await ask('wrong')).status).toBe(401);
  });
});
