import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { postEvents, trackEvent } from '../../helpers/segment.ts';
import { statementsOf } from '../../helpers/statements.ts';

/* The ledger as a list. */

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'tokens', precision: 2 });
  await createFeature(prisma, { id: 'calls' });
  for (const id of ['ada', 'ada-work', 'grace']) await createUser(prisma, { id });
});
afterAll(() => app.close());

const query = `query ($userId: String!, $featureId: String, $first: Int, $after: String, $newestFirst: Boolean! = false) {
  usageEvents(userId: $userId, featureId: $featureId, first: $first, after: $after, newestFirst: $newestFirst) {
    id action delta source note idempotencyKey occurredAt recordedAt feature { id packages { id } }
  }
}`;
const list = async (variables: object) => (await app.ok(query, { userId: 'ada', ...variables })).usageEvents;
const deltas = async (variables: object = {}) =>
  (await list(variables)).map(({ delta }: { delta: number }) => delta);
const record = (input: object) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId: 'ada', featureId: 'tokens', ...input },
  });

test('usage is listed in the order in which it counts, and by pages in both directions', async () => {
  const occurredAt = '2026-01-02T03:04:05.000Z';
  await record({ delta: 12.25, timestamp: occurredAt, note: 'late', idempotencyKey: 'k-1' });
  await record({ delta: -2 });
  await record({ delta: 7, action: 'SET' });
  await record({ delta: 3, featureId: 'calls' });
  await postEvents(app, [trackEvent({ userId: 'ada', properties: { featureId: 'tokens', delta: 5 } })]);
  const all = await list({});
  expect(all).toMatchObject([
    { action: 'ADD', delta: 12.25, source: 'API', note: 'late', idempotencyKey: 'k-1', occurredAt },
    { action: 'ADD', delta: -2, note: null },
    { action: 'SET', delta: 7, feature: { id: 'tokens', packages: [] } },
    { action: 'ADD', delta: 3, feature: { id: 'calls', packages: [] } },
    { action: 'ADD', delta: 5, source: 'SEGMENT' },
  ]);
  expect(Date.parse(all[0].recordedAt)).toBeGreaterThan(Date.parse(occurredAt));
  const [, second, third, fourth] = all.map(({ id }: { id: string }) => id);
  expect(await deltas({ featureId: 'tokens', first: 2, after: second })).toEqual([7, 5]);
  expect(await deltas({ newestFirst: true, first: 3 })).toEqual([5, 3, 7]);
  expect(await deltas({ newestFirst: true, after: third })).toEqual([-2, 12.25]);
  // An id of another feature is no item of this list.
  for (const after of [fourth, '1x', '999999']) {
    const failure = await app.fails(query, { userId: 'ada', featureId: 'tokens', after });
    expect(failure.message).toBe(`after: there is no item with the id "${after}"`);
  }
  expect(await deltas({ userId: 'grace' })).toEqual([]);
});

test('a delta of an earlier version is told as well', async () => {
  const { prisma } = app.database;
  const { key } = await prisma.user.findFirstOrThrow({ where: { id: 'grace' } });
  const old = { userKey: key, environmentId: 'test', featureId: 'calls', action: 'ADD' } as const;
  await prisma.usageEvent.create({ data: { ...old, wholeDelta: 4, occurredAt: new Date() } });
  expect(await deltas({ userId: 'grace' })).toEqual([4]);
});

test('it takes the same number of statements for any number of events', async () => {
  const few = await statementsOf(() => list({ first: 1 }));
  const many = await statementsOf(() => list({}));
  expect(many).toHaveLength(few.length);
});

test('an unknown user or feature is not found, and the id of a merged user leads to the survivor', async () => {
  expect((await app.fails(query, { userId: 'nobody' })).extensions.exception?.name).toBe('UserNotFoundError');
  const unknown = await app.fails(query, { userId: 'ada', featureId: 'nothing' });
  expect(unknown.extensions.exception?.name).toBe('FeatureNotFoundError');
  await record({ userId: 'ada-work', delta: 9 });
  const before = await list({});
  await app.ok('mutation { mergeUsers(ids: ["ada-work", "ada"]) { id } }');
  const merged = await list({ userId: 'ada-work' });
  expect(merged).toHaveLength(before.length + 1);
  expect(await list({})).toEqual(merged);
});
