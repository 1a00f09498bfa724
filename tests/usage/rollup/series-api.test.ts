import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { findHourDifferences } from '../../../src/usage/rollup/verify-store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { statementsOf } from '../../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['calls', 'seats', 'rows']) await createFeature(prisma, { id });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, {
    id: 'pro',
    features: [{ id: 'seats', resetPeriod: 'YEAR' }, 'calls', 'sso'],
  });
  for (const id of ['ada', 'bob', 'eve', 'loner']) await createUser(prisma, { id });
  const startedAt = new Date('2024-01-10T00:00Z');
  await createSubscription(prisma, { userId: 'ada', packageId: 'pro', startedAt });
});
afterAll(() => app.close());

const record = (input: object) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', { input });
const query = `query ($featureId: String!, $userId: String, $from: DateTime, $to: DateTime, $bucket: UsageBucket) {
  usageSeries(featureId: $featureId, userId: $userId, from: $from, to: $to, bucket: $bucket) { start end used }
}`;
const series = async (variables: object) => {
  const { usageSeries } = await app.ok(query, variables);
  return usageSeries.map(({ start, used }: { start: string; used: number }) => [start.slice(0, 13), used]);
};
const january = { from: '2024-01-10T00:00:00Z', to: '2024-01-13T00:00:00Z' };

describe('usage over time', () => {
  it('is there at once, in the bucket that it was used in, and empty buckets hold 0', async () => {
    const at = (timestamp: string, delta: number, userId = 'ada') =>
      record({ userId, featureId: 'calls', delta, timestamp });
    await at('2024-01-10T10:30:00Z', 3);
    await at('2024-01-12T23:59:59.999Z', 5);
    await at('2024-01-10T09:00:00Z', 2);
    await at('2024-01-10T10:00:00Z', -1);
    await at('2024-01-13T00:00:00Z', 9);
    await at('2024-01-10T10:15:00Z', 100, 'bob');
    const days = [
      ['2024-01-10T00', 4],
      ['2024-01-11T00', 0],
      ['2024-01-12T00', 5],
    ];
    const asked = { featureId: 'calls', userId: 'ada', ...january };
    expect(await series(asked)).toEqual(days);
    expect(
      await series({ ...asked, bucket: 'HOUR', to: '2024-01-10T11:00:00Z', from: '2024-01-10T08:30Z' }),
    ).toEqual([
      ['2024-01-10T08', 0],
      ['2024-01-10T09', 2],
      ['2024-01-10T10', 2],
    ]);
    expect(await series({ ...asked, bucket: 'MONTH' })).toEqual([['2024-01-01T00', 18]]);
    expect(await series({ featureId: 'calls', ...january })).toEqual([
      ['2024-01-10T00', 104],
      ...days.slice(1),
    ]);
    await rollUp({ pool: app.jobs, stop: new AbortController().signal });
    expect(await series(asked)).toEqual(days);
    await at('2024-01-11T00:00:00Z', 1);
    expect(await series(asked)).toEqual([days[0], ['2024-01-11T00', 1], days[2]]);
  });

  it('of SET is the difference that it made in its window', async () => {
    const set = (timestamp: string, delta: number, userId = 'ada') =>
      record({ userId, featureId: 'seats', action: 'SET', delta, timestamp });
    await set('2024-01-10T10:00:00Z', 5);
    await set('2024-01-11T10:00:00Z', 8);
    await record({ userId: 'ada', featureId: 'seats', delta: 1, timestamp: '2024-01-11T11:00:00Z' });
    await set('2024-01-12T10:00:00Z', 2);
    // The next window of the subscription begins at nothing.
    await set('2025-01-10T10:00:00Z', 6);
    const asked = { featureId: 'seats', userId: 'ada' };
    const expected = [
      ['2024-01-10T00', 5],
      ['2024-01-11T00', 4],
      ['2024-01-12T00', -7],
    ];
    expect(await series({ ...asked, ...january })).toEqual(expected);
    expect(await series({ ...asked, from: '2025-01-10T00:00Z', to: '2025-01-11T00:00Z' })).toEqual([
      ['2025-01-10T00', 6],
    ]);
    await rollUp({ pool: app.jobs, stop: new AbortController().signal });
    expect(await series({ ...asked, ...january })).toEqual(expected);
  });

  it('of SET outside every subscription replaces what was recorded outside, and nothing else', async () => {
    const { prisma } = app.database;
    await createSubscription(prisma, {
      userId: 'eve',
      packageId: 'pro',
      startedAt: new Date('2024-01-11T00:00Z'),
      endedAt: new Date('2024-01-12T00:00Z'),
      status: 'CANCELLED',
    });
    const at = (timestamp: string, delta: number, action = 'SET', featureId = 'seats') =>
      record({ userId: 'eve', featureId, action, delta, timestamp });
    await at('2024-01-10T10:00:00Z', 5);
    await at('2024-01-11T10:00:00Z', 90);
    await at('2024-01-12T10:00:00Z', 2, 'ADD');
    await at('2024-01-12T11:00:00Z', 9);
    await at('2024-01-10T10:00:00Z', 3, 'SET', 'rows');
    await at('2024-01-12T10:00:00Z', 7, 'SET', 'rows');
    const expectSeries = async () => {
      expect(await series({ featureId: 'seats', userId: 'eve', ...january })).toEqual([
        ['2024-01-10T00', 5],
        ['2024-01-11T00', 90],
        ['2024-01-12T00', 4],
      ]);
      expect(await series({ featureId: 'rows', userId: 'eve', ...january })).toEqual([
        ['2024-01-10T00', 3],
        ['2024-01-11T00', 0],
        ['2024-01-12T00', 4],
      ]);
    };
    await expectSeries();
    await rollUp({ pool: app.jobs, stop: new AbortController().signal });
    await expectSeries();
    expect(await findHourDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
  });

  it('of merged users is the survivor’s, by each of their ids; a deleted user’s is nobody’s', async () => {
    await app.ok('mutation { mergeUsers(ids: ["ada", "bob"]) { id } }');
    for (const userId of ['ada', 'bob'])
      expect((await series({ featureId: 'calls', userId, ...january }))[0]).toEqual(['2024-01-10T00', 104]);
    expect((await series({ featureId: 'calls', ...january }))[0]).toEqual(['2024-01-10T00', 104]);
    await app.ok('mutation { deleteUser(id: "eve") { id } }');
    expect(await series({ featureId: 'rows', ...january, bucket: 'MONTH' })).toEqual([['2024-01-01T00', 0]]);
  });

  it('is 30 days without bounds, and holds what is used now', async () => {
    await record({ userId: 'ada', featureId: 'rows', delta: 4 });
    const days = await series({ featureId: 'rows', userId: 'ada' });
    expect(days).toHaveLength(30);
    expect(days.at(-1)?.[1]).toBe(4);
    expect(await series({ featureId: 'sso', bucket: 'MONTH' })).toHaveLength(12);
  });

  it('tells beyond the range of Int what is more', async () => {
    const input = {
      userId: 'ada',
      featureId: 'rows',
      delta: 2_000_000_000,
      timestamp: '2024-05-05T05:00:00Z',
    };
    for (let times = 0; times < 3; times += 1) await record(input);
    const may = { from: '2024-05-01T00:00:00Z', to: '2024-06-01T00:00:00Z', bucket: 'MONTH' };
    expect(await series({ featureId: 'rows', ...may })).toEqual([['2024-05-01T00', 6_000_000_000]]);
  });

  it('of features is told for those of which most was used', async () => {
    const top = async (first: number) => {
      const { usageByFeature } = await app.ok(
        `query ($from: DateTime, $to: DateTime, $first: Int) {
          usageByFeature(from: $from, to: $to, first: $first) { feature { id name packages { id } } used buckets { used } }
        }`,
        { ...january, first },
      );
      return usageByFeature;
    };
    const calls = {
      feature: { id: 'calls', name: 'calls', packages: [{ id: 'pro' }] },
      used: 110,
      buckets: [{ used: 104 }, { used: 1 }, { used: 5 }],
    };
    const [first, second] = await top(2);
    expect(first).toEqual(calls);
    expect(second).toMatchObject({ feature: { id: 'seats' }, used: 2 });
    expect(await top(1)).toEqual([calls]);
  });

  it('of features is told of one user too, whatever any subscription grants', async () => {
    await record({ userId: 'loner', featureId: 'calls', delta: 4, timestamp: january.from });
    await record({ userId: 'loner', featureId: 'rows', delta: 9, timestamp: january.from });
    const asked =
      'query ($userId: String, $from: DateTime, $to: DateTime) { usageByFeature(userId: $userId, from: $from, to: $to) { feature { id } used } }';
    expect(await app.ok(asked, { ...january, userId: 'loner' })).toEqual({
      usageByFeature: [
        { feature: { id: 'rows' }, used: 9 },
        { feature: { id: 'calls' }, used: 4 },
      ],
    });
    const { extensions } = await app.fails(asked, { userId: 'nobody' });
    expect(extensions.code).toBe('NOT_FOUND');
  });

  it.each([
    [{ featureId: 'calls', userId: 'nobody' }, 'UserNotFoundError', 'nobody'],
    [{ featureId: 'nothing', userId: 'ada' }, 'FeatureNotFoundError', 'nothing'],
    [{ featureId: 'nothing' }, 'FeatureNotFoundError', 'nothing'],
    [
      { featureId: 'calls', from: january.to, to: january.from },
      'ValidationError',
      'from: must be before to',
    ],
    [
      { featureId: 'calls', bucket: 'HOUR', ...january, to: '2024-12-31T00:00:00Z' },
      'ValidationError',
      'more than 1,000 buckets',
    ],
  ])('of %j is refused with %s', async (variables, name, message) => {
    const { extensions } = await app.fails(query, variables);
    expect(extensions.exception).toEqual({ name, message: expect.stringContaining(message) });
  });

  it('is read by the same few statements, however much there is', async () => {
    const asked = { featureId: 'calls', userId: 'ada' };
    const to = '2025-01-01T00:00:00Z';
    const few = await statementsOf(() => series({ ...asked, bucket: 'MONTH', to }));
    const many = await statementsOf(() =>
      series({ ...asked, bucket: 'DAY', from: '2023-01-01T00:00:00Z', to }),
    );
    expect(many).toHaveLength(few.length);
    const byFeature = (first: number) =>
      statementsOf(() =>
        app.ok(`{ usageByFeature(first: ${first}, bucket: MONTH) { used feature { id packages { id } } } }`),
      );
    expect(await byFeature(50)).toHaveLength((await byFeature(1)).length);
  });
});
