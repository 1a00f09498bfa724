import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

/* Who records usage by hand, in the console, leaves who and why; servers leave the usage alone. */

let app: TestApp;
let headers: Record<string, string>;
let people = 0;
let userId: string;

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  await createFeature(app.database.prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(app.database.prisma, { id: 'pro', features: [{ id: 'messages', limit: 10 }, 'sso'] });
  const signIn = await app.http
    .post('/console/session')
    .set('X-Kana-Console', '')
    .send({ key: app.keys.test });
  const cookie = String(signIn.headers['set-cookie']).split(';', 1).join();
  headers = { cookie, 'x-kana-console': 'test', 'content-type': 'application/json' };
});

beforeEach(async () => {
  people += 1;
  userId = `user-${people}`;
  await createUser(app.database.prisma, { id: userId });
  await createSubscription(app.database.prisma, { userId, packageId: 'pro' });
});

afterAll(() => app.close());

const record = 'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded reason } }';

async function byHand(input: object, query = record) {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, variables: { input: { userId, featureId: 'messages', ...input } } }),
  });
  return (await response.json()) as { data: { recordUsage: object }; errors?: unknown };
}

const entries = async () =>
  (
    await app.ok(
      'query ($userId: String!) { auditLog(userId: $userId) { action subjectType subjectId author { kind lastFour } after } }',
      { userId },
    )
  ).auditLog;

const notes = async () =>
  (await app.database.prisma.usageEvent.findMany({ orderBy: { id: 'desc' }, take: 1 })).map(
    ({ note }) => note,
  );

test('a revert in the console tells who and why, in the ledger and in the audit log', async () => {
  expect(await byHand({ delta: -3, note: 'counted twice' })).toEqual({
    data: { recordUsage: { recorded: true, reason: null } },
  });
  expect(await notes()).toEqual(['counted twice']);
  expect(await entries()).toEqual([
    {
      action: 'recordUsage',
      subjectType: 'USAGE',
      subjectId: userId,
      author: { kind: 'CONSOLE', lastFour: app.keys.test.slice(-4) },
      after: { featureId: 'messages', action: 'ADD', delta: -3, note: 'counted twice' },
    },
  ]);
});

test('a reason is optional, and an empty one is none', async () => {
  await byHand({ action: 'SET', delta: 4, note: ' ' });
  expect(await notes()).toEqual([null]);
  expect(await entries()).toMatchObject([{ after: { featureId: 'messages', action: 'SET', delta: 4 } }]);
});

test('what is not recorded leaves no entry', async () => {
  await byHand({ delta: 11, enforce: true });
  await byHand({ featureId: 'sso' });
  await byHand({ userId: 'nobody' });
  await byHand({ idempotencyKey: 'once' });
  await byHand({ idempotencyKey: 'once' });
  expect(await entries()).toHaveLength(1);
});

test('calls with a key keep the note and leave no entry', async () => {
  await app.ok(record, { input: { userId, featureId: 'messages', note: 'a server' } });
  expect(await notes()).toEqual(['a server']);
  await app.ok(record, { input: { userId, featureId: 'messages', enforce: true, note: 'decided' } });
  expect(await notes()).toEqual(['decided']);
  expect(await entries()).toEqual([]);
});

test('a note of 256 characters is refused', async () => {
  expect(
    await app.fails(record, { input: { userId, featureId: 'messages', note: 'x'.repeat(256) } }),
  ).toMatchObject({ message: expect.stringContaining('input.note') });
});

test('an import tells why', async () => {
  await app.ok(
    'mutation { importUsers(csv: "id,name\\nnew-one,New", note: "the new tenant") { rows { outcome } } }',
  );
  const log = await app.ok('{ auditLog(subjectType: IMPORT) { action after } }');
  expect(log.auditLog).toHaveLength(2);
  expect(log.auditLog[0]).toMatchObject({ after: { state: 'DONE', note: 'the new tenant' } });
});

test('a commit in the console tells who, once; one by a server tells nobody', async () => {
  const reserve = `mutation ($input: ReserveUsageInput!) { reserveUsage(input: $input) { id } }`;
  const reserved = async () =>
    (await app.ok(reserve, { input: { userId, featureId: 'messages', amount: 4 } })).reserveUsage.id;
  const commit = (id: string) => `mutation { commitReservation(id: "${id}", amount: 3) { recorded } }`;
  const id = await reserved();
  for (let time = 0; time < 2; time += 1)
    expect(await byHand({}, commit(id))).toEqual({ data: { commitReservation: { recorded: true } } });
  await app.ok(commit(await reserved()));
  expect(await entries()).toEqual([
    {
      action: 'recordUsage',
      subjectType: 'USAGE',
      subjectId: userId,
      author: { kind: 'CONSOLE', lastFour: app.keys.test.slice(-4) },
      after: { featureId: 'messages', action: 'ADD', delta: 3, reservationId: id },
    },
  ]);
});
