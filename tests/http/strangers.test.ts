import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Counter, Registry } from 'prom-client';
import { createDutyCycle } from '../../src/http/duty-cycle.ts';
import { createSlots } from '../../src/http/slots.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

// Whoever has no valid key takes up little: no body is read that is not small, nothing is validated but introspection.

const kibibyte = 1024;
let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ bodyRoom: 1024 * kibibyte });
});
afterAll(() => app.close());

const unauthenticated = { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };

test('bodies that strangers begin and do not end keep nobody who is known from sending theirs', async () => {
  const sockets = Array.from({ length: 130 }, () => dial(1_000_000));
  const key = { Authorization: app.keys.live };
  for (let round = 0; round < 5; round += 1) {
    const body = JSON.stringify({ query: '{ users { id } }' }).padEnd(300 * kibibyte);
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      body,
      headers: { ...key, 'Content-Type': 'application/json' },
    });
    expect([response.status, await response.json()]).toEqual([200, { data: { users: [] } }]);
  }
  for (const socket of sockets) socket.destroy();
});

test('connections that end within a body give back what they held', async () => {
  for (let round = 0; round < 5; round += 1) {
    const sockets = Array.from({ length: 16 }, () => dial(12_000, undefined, 1));
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('ready', done))));
    await introspect();
    await Promise.all(
      sockets.map((socket) => new Promise((closed) => socket.once('close', closed).destroy())),
    );
  }
  let status = 503;
  for (let attempt = 0; status === 503 && attempt < 100; attempt += 1) status = await introspect();
  expect(status).toBe(200);
});

async function introspect(): Promise<number> {
  const { status } = await app.http.post('/graphql').send({ query: '{ __typename }' });
  return status;
}

test('bodies of one environment keep nobody of the other from sending theirs', async () => {
  const sockets = Array.from({ length: 8 }, () => dial(1_000_000, app.keys.test));
  const large = JSON.stringify({ query: '{ users { id } }' }).padEnd(900 * kibibyte);
  const send = (key: string) =>
    fetch(`${app.url}/graphql`, {
      method: 'POST',
      body: large,
      headers: { Authorization: key, 'Content-Type': 'application/json' },
    });
  while ((await send(app.keys.test)).status !== 503);
  expect((await send(app.keys.live)).status).toBe(200);
  for (const socket of sockets) socket.destroy();
});

/** Announces a long body, and sends the beginning of it. */
function dial(length: number, key?: string, kibibytes = 200): Socket {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const authorization = key === undefined ? [] : [`Authorization: ${key}`];
  const head = ['POST /graphql HTTP/1.1', 'Host: localhost', ...authorization, `Content-Length: ${length}`];
  socket.write([...head, '', ''].join('\r\n'));
  socket.write(' '.repeat(kibibytes * kibibyte));
  return socket;
}

describe('without a key', () => {
  test.each([
    ['fields of the schema', '{ users { id } }'],
    ['fields in an inline fragment 400 times', `{${'...on Query{users(first:1){id name}}'.repeat(400)}}`],
    ['a chain of fragments', `{...F0} ${chain(200)}`],
    ['introspection beside a field', '{ __schema { types { name } } users { id } }'],
    ['introspection in another operation', 'query A { __typename } query B { users { id } }'],
    ['more than 1,000 tokens of introspection', `{ ${'__typename '.repeat(1_000)} }`],
    ['more than 16 KiB', `{ __typename } #${'x'.repeat(17 * kibibyte)}`],
    ['an alias', '{ a: __typename }'],
  ])('%s: 401', async (_what, query) => {
    const { status, body } = await app.http.post('/graphql').send({ query });
    expect(status).toBe(401);
    expect(body).toMatchObject(unauthenticated);
  });

  test('an operation of introspection that cannot be is told why', async () => {
    const { body } = await app.http.post('/graphql').send({ query: '{ __schema { nothing } }' });
    expect(body.errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  test.each([['/segment/events'], ['/cli/validate'], ['/cli/publish']])(
    'a large body is refused at %s before it has come',
    async (path) => {
      const response = await fetch(app.url + path, { method: 'POST', body: 'x'.repeat(2_000_000) });
      expect(response.status).toBe(401);
    },
  );

  test('a sign-in of more than 16 KiB is refused', async () => {
    const response = await app.http
      .post('/console/session')
      .set('X-Kana-Console', 'test')
      .send({ key: 'x'.repeat(17 * kibibyte) });
    expect(response.status).toBe(413);
  });
});

function chain(length: number): string {
  const last = length - 1;
  return Array.from({ length }, (_, index) =>
    index === last
      ? `fragment F${index} on Query { users { id } }`
      : `fragment F${index} on Query { ...F${index + 1} }`,
  ).join(' ');
}

describe('places', () => {
  const refused = new Counter({ name: 'refused', help: 'Refused.', registers: [new Registry()] });

  test('are bounded in all and for each address, and are given back', () => {
    const slots = createSlots(refused, 3, 2);
    const [first, second] = [slots.acquire('192.0.2.1'), slots.acquire('192.0.2.1')];
    expect([first, second]).not.toContain(null);
    expect(slots.acquire('192.0.2.1')).toBeNull();
    expect(slots.acquire('192.0.2.2')).not.toBeNull();
    expect(slots.acquire('192.0.2.3')).toBeNull();
    first?.();
    expect(slots.acquire('192.0.2.3')).not.toBeNull();
  });

  test('count the addresses of one IPv6 network together', () => {
    const slots = createSlots(refused, 10, 1);
    expect(slots.acquire('2001:db8:1:2::1')).not.toBeNull();
    expect(slots.acquire('2001:db8:1:2:ffff::9')).toBeNull();
    expect(slots.acquire('2001:db8:1:3::1')).not.toBeNull();
    expect(slots.acquire('::ffff:192.0.2.1')).not.toBeNull();
    expect(slots.acquire('::ffff:192.0.2.2')).not.toBeNull();
  });
});

test('work of strangers runs one by one, and what would begin too late is refused', async () => {
  const clock = { ms: 0 };
  const cycle = createDutyCycle(() => clock.ms);
  const order: string[] = [];
  const first = cycle.run(async () => {
    order.push('first begins');
    clock.ms += 3_000;
    order.push('first ends');
    return 1;
  });
  const second = cycle.run(async () => order.push('second'));
  expect(await first).toBe(1);
  expect(await second).toMatchObject({ status: 503 });
  expect(order).toEqual(['first begins', 'first ends']);
  expect(await cycle.run(async () => 3)).toBe(3);
});
