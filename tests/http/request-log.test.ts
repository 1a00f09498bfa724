import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../src/telemetry/log.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createUser } from '../helpers/factories.ts';

// Every request has an id, and one line in the log.

let app: TestApp;
let lines: string[] = [];

beforeAll(async () => {
  app = await startTestApp({ log: createLog('debug', { write: (line) => lines.push(line) }) });
  await createFeature(app.database.prisma, { id: 'api-calls' });
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(() => app.close());
beforeEach(() => {
  lines = [];
});

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const entries = () => lines.map((line) => JSON.parse(line));

/** The line of the one request since the beginning of the test, which is written after its answer. */
async function line() {
  while (!entries().some(({ msg }) => msg === 'request')) await new Promise(setImmediate);
  return entries().find(({ msg }) => msg === 'request');
}

const record = 'mutation Count { recordUsage(input: {userId: "124", featureId: "api-calls"}) { recorded } }';

function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  return app.http
    .post(path)
    .set({ Authorization: app.keys.test, ...headers })
    .send(body as object);
}

test('a request is told by what it asked for, how it ended, how long it took, and whose key it brought', async () => {
  const { headers } = await post('/graphql', { query: record });

  expect(headers['x-request-id']).toMatch(uuid);
  expect(await line()).toEqual({
    level: 20,
    time: expect.any(Number),
    pid: process.pid,
    hostname: expect.any(String),
    msg: 'request',
    requestId: headers['x-request-id'],
    method: 'POST',
    path: '/graphql',
    status: 200,
    outcome: 'ok',
    durationMs: expect.any(Number),
    operation: { type: 'mutation', field: 'recordUsage', name: 'Count' },
    bearer: { environmentId: 'test', kind: 'PRIVATE', lastFour: app.keys.test.slice(-4) },
  });
});

describe('an id that the request brings', () => {
  test.each(['7', 'a1-B2_c3.d4:e5', '0af7651916cd43dd8448eb211c80319c', 'x'.repeat(64)])(
    '%s stands beside ours',
    async (id) => {
      const { headers } = await post('/graphql', { query: record }, { 'X-Request-Id': id });
      expect(headers['x-request-id']).toMatch(uuid);
      expect(await line()).toMatchObject({ requestId: headers['x-request-id'], clientRequestId: id });
    },
  );

  test.each([
    'x'.repeat(65),
    'two words',
    'ada@example.com',
    'a"b',
    `prv_test_${'a'.repeat(32)}`,
    'eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl',
  ])('%s is left out', async (id) => {
    const { headers } = await post('/graphql', { query: record }, { 'X-Request-Id': id });
    expect(headers['x-request-id']).toMatch(uuid);
    expect(lines.join()).not.toContain(id);
  });
});

describe('how a request ended is told', () => {
  test.each<[string, () => Promise<unknown>, object]>([
    [
      'an answer of nothing',
      () => post('/graphql', { query: '{ subscriptions(userId: "124") { id } }' }),
      { outcome: 'ok', operation: { field: 'subscriptions' } },
    ],
    [
      'a typed error',
      () => post('/graphql', { query: '{ entitlements(userId: "x") { access } }' }),
      { outcome: 'NOT_FOUND', operation: { field: 'entitlements' } },
    ],
    [
      'a syntax error',
      () => post('/graphql', { query: '{' }),
      { outcome: 'GRAPHQL_PARSE_FAILED', status: 200 },
    ],
    [
      'an unknown field',
      () => post('/graphql', { query: '{ x }' }),
      { outcome: 'GRAPHQL_VALIDATION_FAILED' },
    ],
    ['no operation', () => post('/graphql', []), { outcome: 'BAD_REQUEST', status: 400 }],
    [
      'an unknown key',
      () => post('/graphql', { query: record }, { Authorization: 'x' }),
      { outcome: 'UNAUTHENTICATED', status: 401 },
    ],
    [
      'several fields',
      () => post('/graphql', { query: '{ a: users { id } b: features { id } }' }),
      { outcome: 'ok', operation: { type: 'query', field: 'several', name: null } },
    ],
    [
      'the schema',
      () => post('/graphql', { query: '{ __schema { queryType { name } } }' }),
      { outcome: 'ok', operation: { field: 'introspection' } },
    ],
    [
      'an unknown path',
      () => post('/prv_live_path', {}),
      { outcome: 'NOT_FOUND', path: '(unknown)', status: 404 },
    ],
    ['a wrong method', () => app.http.put('/graphql'), { outcome: 'METHOD_NOT_ALLOWED', status: 405 }],
    ['no JSON', () => post('/segment/events', '{'), { outcome: 'BAD_REQUEST', path: '/segment/events' }],
    [
      'a body too long',
      () => post('/cli/validate', 'x'.repeat(2 ** 20 + 1)),
      { outcome: 'PAYLOAD_TOO_LARGE' },
    ],
    ['a file', () => app.http.get('/cli/pull').set('Authorization', 'x'), { outcome: 'UNAUTHENTICATED' }],
    ['a health check', () => app.http.get('/health/live'), { outcome: 'ok', path: '/health/live' }],
    [
      'a public key',
      () =>
        post(
          '/client/graphql',
          { query: '{ currentUser { id } }' },
          { Authorization: app.keys.publicTest, 'X-User-ID': '124' },
        ),
      { bearer: { environmentId: 'test', kind: 'PUBLIC', lastFour: expect.any(String) } },
    ],
  ])('%s', async (_what, send, told) => {
    await send();
    expect(await line()).toMatchObject({ level: 20, ...told });
  });

  test('a client that leaves', async () => {
    const { port } = new URL(app.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    expect(await line()).toMatchObject({ outcome: 'ABORTED' });
  });
});

describe('a fault', () => {
  afterEach(() => app.database.prisma.$executeRaw`ALTER TABLE gone RENAME TO package_price`);

  test('carries the id of its request, in the error, the header and each line', async () => {
    await app.ok('mutation { createPackage(input: {id: "p", features: [{id: "api-calls"}]}) { id } }');
    await app.database.prisma.$executeRaw`ALTER TABLE package_price RENAME TO gone`;
    const query = '{ packages(status: "ALL") { prices { id } } }';
    await line();
    lines = [];
    const { body, headers } = await post('/graphql', { query }, { 'X-Request-Id': 'from-the-proxy' });

    const requestId = headers['x-request-id'];
    expect(requestId).toMatch(uuid);
    expect(body.errors[0]).toMatchObject({
      message: `Unexpected error. Its id in the log is ${requestId}.`,
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
    });
    expect(await line()).toMatchObject({
      level: 50,
      outcome: 'INTERNAL_SERVER_ERROR',
      requestId,
      clientRequestId: 'from-the-proxy',
    });
    expect(entries().map((entry) => entry.requestId)).toEqual([requestId, requestId]);
  });
});
