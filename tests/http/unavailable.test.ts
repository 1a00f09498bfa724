import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';
import { onServer, withDatabase } from '../helpers/server.ts';

// What passes by itself is told as SERVICE_UNAVAILABLE with Retry-After at every door, by the class of the SQLSTATE.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createUser(prisma, { id: 'ada' });
  await createFeature(prisma, { id: 'calls', type: 'CONSUMABLE' });
  await createPackage(prisma, { id: 'pro', features: [{ id: 'calls', limit: 100 }] });
});
afterAll(() => app.close());

interface Answer {
  status: number;
  retryAfter: string | undefined;
  codes: string[];
}

/** All codes that an answer tells, wherever they stand in it. */
function codesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'code' && typeof inner === 'string' ? [inner] : codesIn(inner),
  );
}

async function post(path: string, body: string | object, key = app.keys.test): Promise<Answer> {
  const { status, headers, body: answer } = await app.http.post(path).set('Authorization', key).send(body);
  return { status, retryAfter: headers['retry-after'], codes: codesIn(answer) };
}

const mutate = (text: string) => () => post('/graphql', { query: `mutation { ${text} }` });
const usage = 'userId: "ada", featureId: "calls"';

/** Every way in which something is written. */
const writes: Record<string, () => Promise<Answer>> = {
  recordUsage: mutate(`recordUsage(input: { ${usage} }) { recorded }`),
  'recordUsage, enforced': mutate(`recordUsage(input: { ${usage}, enforce: true }) { recorded }`),
  recordUsages: mutate(`recordUsages(input: [{ ${usage} }]) { recorded error { code } }`),
  updateUser: mutate('updateUser(id: "ada", input: { id: "ada", name: "Ada" }) { id }'),
  createUser: mutate('createUser(input: { id: "bob" }) { id }'),
  subscribe: mutate('subscribe(userId: "ada", packageIds: ["pro"]) { id }'),
  createFeature: mutate('createFeature(input: { id: "seats", type: BINARY }) { id }'),
  'Segment, mutation': mutate('ingestSegmentEvent(event: { type: "identify", userId: "eve" }) { outcome }'),
  'Segment, track': () => post('/segment/events', { type: 'track', userId: 'ada', event: 'Call' }),
  'Segment, identify': () => post('/segment/events', [{ type: 'identify', userId: 'eve' }]),
  'catalogue file': () =>
    post('/cli/publish', {
      version: '1.0.0',
      features: [{ id: 'seats', name: 'Seats', type: 'BINARY' }],
      packages: { draft: [], published: [] },
      addons: { draft: [], published: [] },
    }),
};

const unavailable: Answer = { status: 503, retryAfter: '1', codes: expect.any(Array) as unknown as string[] };

async function expectUnavailable(ways: Record<string, () => Promise<Answer>>): Promise<void> {
  for (const [name, way] of Object.entries(ways)) {
    const answer = await way();
    expect({ name, ...answer }).toEqual({ name, ...unavailable });
    expect(answer.codes.filter((code) => code !== 'SERVICE_UNAVAILABLE')).toEqual([]);
  }
}

async function ready() {
  const { status, body } = await app.http.get('/health/ready');
  return { status, said: body.status };
}

const statementTables = ['usage_event', '"user"', 'subscription', 'feature', 'segment_event', 'package'];

/** Has every write fail with an error of this code. */
async function failWrites(code: string): Promise<void> {
  await app.database.work.query(
    `create or replace function fail() returns trigger language plpgsql as
       $$ begin raise exception 'made to fail' using errcode = '${code}'; end $$`,
  );
  for (const table of statementTables)
    await app.database.work.query(
      `create trigger fail before insert or update or delete on ${table} for each statement execute function fail()`,
    );
}
async function letWrite(): Promise<void> {
  for (const table of statementTables) await app.database.work.query(`drop trigger fail on ${table}`);
}

test.each(['53100', '53200', '53300', '57014', '57P03', '55P03', '40001', '40P01', '25006', '08006'])(
  'an error of SQLSTATE %s is told as one that passes, at every door',
  async (code) => {
    await failWrites(code);
    await expectUnavailable(writes).finally(letWrite);
  },
  60_000,
);

test('any other error stays a fault of ours', async () => {
  await failWrites('XX000');
  const { codes } = await (writes.updateUser?.() ?? Promise.reject());
  await letWrite();
  expect(codes).toEqual(['INTERNAL_SERVER_ERROR']);
});

describe('readiness', () => {
  let other: TestApp;
  beforeAll(async () => {
    other = app;
    app = await startTestApp();
    await createUser(app.database.prisma, { id: 'ada' });
  });
  afterAll(async () => {
    await app.close();
    app = other;
  });

  test('goes when a write meets a full disk', async () => {
    expect(await ready()).toEqual({ status: 200, said: 'ready' });
    await failWrites('53100');
    await writes.updateUser?.();
    expect(await ready()).toEqual({ status: 503, said: 'the database takes no writes' });
    await letWrite();
  });
});

describe('a database that is set to be read-only', () => {
  let other: TestApp;
  beforeAll(async () => {
    other = app;
    app = await startTestApp();
    const { prisma } = app.database;
    await createUser(prisma, { id: 'ada' });
    const [row] = await prisma.$queryRaw<[{ name: string }]>`SELECT current_database() AS name`;
    const beside = withDatabase(process.env.TEST_DATABASE_TEMPLATE ?? '', 'postgres');
    await onServer(beside, `ALTER DATABASE "${row.name}" SET default_transaction_read_only = on`);
    // New connections find it so.
    app.database.cutOff();
    app.database.reconnect();
  });
  afterAll(async () => {
    await app.close();
    app = other;
  });

  test('is not ready, before anybody has tried to write', async () => {
    expect(await ready()).toEqual({ status: 503, said: 'the database takes no writes' });
  });

  test('answers reads, and tells writers to come back', async () => {
    expect(await app.ok('{ users { id } }')).toEqual({ users: [{ id: 'ada' }] });
    await expectUnavailable({ updateUser: writes.updateUser as () => Promise<Answer> });
  });
});
