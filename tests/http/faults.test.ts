import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLog } from '../../src/telemetry/log.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

// A fault of ours says nothing about our inside to the caller, and everything to the log.

let app: TestApp;
let log: string[];

beforeEach(async () => {
  log = [];
  app = await startTestApp({ log: createLog('info', { write: (line) => log.push(line) }) });
});
afterEach(() => app.close());

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function send(query: string) {
  const { status, body, text } = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query });
  return { status, body, text };
}

const masked = (requestId: string, place: object = {}) => ({
  message: `Unexpected error. Its id in the log is ${requestId}.`,
  extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
  ...place,
});

function expectLogged(requestId: string, cause: RegExp) {
  expect(requestId).toMatch(uuid);
  const [fault, request, ...more] = log.map((line) => JSON.parse(line));
  expect(more).toEqual([]);
  expect(request).toMatchObject({ level: 50, requestId, msg: 'request', outcome: 'INTERNAL_SERVER_ERROR' });
  expect(fault).toMatchObject({
    level: 50,
    requestId,
    msg: 'unexpected error',
    err: { message: expect.stringMatching(cause), stack: expect.stringContaining('.ts') },
  });
}

test.each([
  ['through Prisma', '{ users { id } }', 'users', /merged_into/],
  [
    'through the hot path',
    '{ canUseFeature(userId: "124", featureId: "f") { access } }',
    'canUseFeature',
    /merged_into/,
  ],
])(
  'a statement that fails %s answers 200 without a word of SQL, and is logged',
  async (_how, query, field, cause) => {
    await app.database.prisma.$executeRawUnsafe('ALTER TABLE "user" RENAME COLUMN merged_into TO gone');

    const { status, body, text } = await send(query);

    const { requestId } = body.errors[0].extensions;
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        data: null,
        errors: [masked(requestId, { path: [field], locations: [{ line: 1, column: 3 }] })],
      },
    });
    expect(text).not.toMatch(/select|merged_into|prisma|\.ts/i);
    expectLogged(requestId, cause);
  },
);

test('a fault before the operation begins answers 500', async () => {
  await app.database.prisma.$executeRawUnsafe('DROP TABLE api_key CASCADE');

  const { status, body } = await send('{ users { id } }');

  const { requestId } = body.errors[0].extensions;
  expect({ status, body }).toEqual({ status: 500, body: { errors: [masked(requestId)] } });
  expectLogged(requestId, /api_key/);
});

test('a mistake of the caller is not logged', async () => {
  await send('{ user(id: "nobody") { id } }');
  await send('{ user(id: 5) { id } }');
  await send('{ user');
  expect(log).toEqual([]);
});
