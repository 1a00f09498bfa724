import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { Prisma } from '../../../src/database/generated/client.ts';
import { findDifferences } from '../../../src/usage/ledger/verify-store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { someoneWaits, someoneWaitsFor } from '../../helpers/locks.ts';

/* Merges beside everything else that happens to the same users. */

const merge = 'mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }';
const record = 'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }';
const subscribe = 'mutation ($userId: String!) { subscribe(userId: $userId, packageIds: ["plan"]) { id } }';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  await createPackage(app.database.prisma, { id: 'plan', features: [{ id: 'messages', limit: 1_000 }] });
});
afterAll(() => app.close());

async function people(...ids: string[]) {
  for (const id of ids) await createUser(app.database.prisma, { id });
}
const plan = (userId: string) => createSubscription(app.database.prisma, { userId, packageId: 'plan' });
const use = (userId: string, input: object = {}) =>
  app.ok(record, { input: { userId, featureId: 'messages', ...input } });
const times = <Result>(count: number, work: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const rowOf = (id: string) => app.database.prisma.user.findFirstOrThrow({ where: { id } });

/** What the ledger holds and the counters say, of the user that this id leads to. */
async function usageOf(id: string) {
  const { prisma, hot } = app.database;
  const { key, mergedInto } = await rowOf(id);
  const userKey = mergedInto ?? key;
  const counters = await prisma.usageCounter.findMany({ where: { userKey } });
  return {
    events: await prisma.usageEvent.count({ where: { userKey } }),
    used: counters.map(({ used }) => Number(used)),
    differences: await findDifferences(hot, 0n, 2n ** 62n),
  };
}

it.each([[{}], [{ enforce: true }]])(
  'usage of all ids that races their merge ends in one ledger and one counter (%j)',
  async (option) => {
    const name = JSON.stringify(option);
    const ids = ['a', 'b', 'c'].map((letter) => `${letter} ${name}`);
    await people(...ids);
    await plan(`a ${name}`);
    const usages = times(300, (index) => use(ids[index % 3] as string, option));
    const merges = (async () => {
      await app.ok(merge, { ids: ids.slice(1) });
      await app.ok(merge, { ids: [ids[2], ids[0]] });
    })();
    const answers = await Promise.all([usages, merges]);
    // Before the merge only one of the three is subscribed, so only plain usage of the others is recorded.
    const recorded = answers[0].filter(({ recordUsage }) => recordUsage.recorded).length;
    if (!('enforce' in option)) expect(recorded).toBe(300);
    expect(await usageOf(`c ${name}`)).toEqual({ events: recorded, used: [recorded], differences: [] });
  },
);

it('usage that waits for a merge is recorded for the survivor', async () => {
  await people('calm', 'late');
  await plan('calm');
  await plan('late');
  const { key } = await rowOf('late');
  const blocker = await app.database.hot.connect();
  await blocker.query('begin');
  await blocker.query('select 1 from subscription where user_key = $1 for update', [key]);
  const merging = app.ok(merge, { ids: ['calm', 'late'] });
  await someoneWaits(app.database);
  const usages = [use('late', { delta: 2 }), use('late', { delta: 3, enforce: true })];
  await someoneWaits(app.database, 3);
  await blocker.query('commit');
  blocker.release();
  expect(await merging).toEqual({ mergeUsers: { id: 'calm' } });
  const recorded = { recordUsage: { recorded: true } };
  expect(await Promise.all(usages)).toEqual([recorded, recorded]);
  const { events, differences } = await usageOf('calm');
  expect({ events, differences }).toEqual({ events: 2, differences: [] });
  expect(
    await app.database.prisma.usageCounter.findMany({ where: { userKey: (await rowOf('calm')).key } }),
  ).toMatchObject([{ used: new Prisma.Decimal(5) }]);
  expect(await app.database.prisma.usageEvent.count({ where: { userKey: key } })).toBe(0);
});

it('overlapping merges in both directions end in one user, who holds one base', async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `ring-${index}`);
  await people(...ids);
  for (const userId of ids) await plan(userId);
  const neighbours = ids.map((id, index) => [id, ids[(index + 1) % ids.length] as string]);
  await Promise.all(
    [...neighbours, ...neighbours.map((pair) => pair.toReversed())].map((pair) =>
      app.ok(merge, { ids: pair }),
    ),
  );
  const survivor = await rowOf('ring-0');
  const merged = await app.database.prisma.user.findMany({ where: { id: { in: ids.slice(1) } } });
  expect(survivor.mergedInto).toBeNull();
  expect(new Set(merged.map(({ mergedInto }) => mergedInto))).toEqual(new Set([survivor.key]));
  const subscriptions = await app.database.prisma.subscription.findMany({ where: { userKey: survivor.key } });
  expect(subscriptions.map(({ status }) => status).toSorted()).toEqual([
    'ACTIVE',
    ...Array(11).fill('CANCELLED'),
  ]);
});

it('two who subscribe while they are merged end with one base', async () => {
  for (let round = 0; round < 10; round += 1) {
    const ids = [`left-${round}`, `right-${round}`];
    await people(...ids);
    const attempts = ids.map((userId) =>
      app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query: subscribe, variables: { userId } }),
    );
    await Promise.all([app.ok(merge, { ids }), ...attempts]);
    const { subscriptions } = await app.ok(
      'query ($userId: String!) { subscriptions(userId: $userId) { status } }',
      {
        userId: ids[1],
      },
    );
    expect(subscriptions.filter(({ status }: { status: string }) => status === 'ACTIVE')).toHaveLength(1);
  }
});

it('a merge that races the deletion of one of its users merges and then deletes both, or finds nobody', async () => {
  for (let round = 0; round < 10; round += 1) {
    const ids = [`kept-${round}`, `deleted-${round}`];
    await people(...ids);
    await use(ids[1] as string);
    const remove = `mutation { deleteUser(id: "${ids[1]}") { id } }`;
    const [{ deleteUser }, merged] = await Promise.all([
      app.ok(remove),
      app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query: merge, variables: { ids } }),
    ]);
    const left = await app.database.prisma.user.findMany({
      where: { id: { in: ids } },
      select: { id: true },
    });
    if (merged.body.errors) {
      expect(merged.body.errors).toMatchObject([
        { extensions: { exception: { name: 'UserNotFoundError' } } },
      ]);
      expect([deleteUser, left]).toEqual([{ id: ids[1] }, [{ id: ids[0] }]]);
    } else {
      expect([deleteUser, left]).toEqual([{ id: ids[0] }, []]);
    }
  }
  expect(await findDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
});

describe('whoever follows a merge lets the merged row go before asking for the survivor’s', () => {
  const lock = (client: PoolClient, id: string) =>
    client.query('select key from "user" where id = $1 for no key update', [id]);

  it.each<[string, (merged: string, survivor: string, later: string) => Promise<unknown>]>([
    [
      'updateUser',
      (merged, survivor) =>
        app.ok(
          'mutation ($id: String!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }',
          {
            id: merged,
            input: { id: survivor },
          },
        ),
    ],
    ['subscribe', (merged) => app.ok(subscribe, { userId: merged })],
    ['recordUsage with enforce', (merged) => use(merged, { enforce: true })],
    ['mergeUsers', (merged, _survivor, later) => app.ok(merge, { ids: [merged, later] })],
    ['deleteUser', (merged) => app.ok(`mutation { deleteUser(id: "${merged}") { id } }`)],
  ])('%s', async (name, call) => {
    const [survivor, merged, later] = [`survivor ${name}`, `merged ${name}`, `later ${name}`];
    await people(survivor, merged, later);
    const [merger, holder] = [await app.database.hot.connect(), await app.database.hot.connect()];
    for (const client of [merger, holder]) await client.query('begin');

    await merger.query(
      'update "user" set merged_into = (select key from "user" where id = $1), revision = revision + 1 where id = $2',
      [survivor, merged],
    );
    await lock(holder, survivor);
    const calling = call(merged, survivor, later);
    await someoneWaitsFor(app.database, merger);
    await merger.query('commit');
    await someoneWaitsFor(app.database, holder);

    // The call waits for the survivor. Had it kept the merged row, this would be a deadlock.
    expect((await lock(holder, merged)).rowCount).toBe(1);
    await holder.query('commit');
    for (const client of [merger, holder]) client.release();
    await calling;
  });
});
