import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { someoneWaits } from '../../helpers/locks.ts';
import { statementsOf } from '../../helpers/statements.ts';

let app: TestApp;
const db = () => app.database.prisma;
beforeAll(async () => {
  app = await startTestApp();
  for (const id of ['pro', 'free']) await createPackage(db(), { id });
});
afterAll(() => app.close());
beforeEach(async () => {
  await db().subscription.deleteMany();
  await db().user.deleteMany();
});

const preview = `query ($ids: [String!]!) { previewMerge(ids: $ids) {
  survivor { id } mergedIds name email billingId
  kept { userId package { id } } cancelled { userId package { id } }
} }`;

async function addTwo() {
  await db().user.create({ data: { id: 'first', environmentId: 'test', email: 'ada@example.com' } });
  await db().user.create({
    data: {
      id: 'second',
      environmentId: 'test',
      name: 'Ada',
      email: 'other@example.com',
      billingId: 'cus_1',
    },
  });
  await createSubscription(db(), { userId: 'first', packageId: 'free' });
  await createSubscription(db(), { userId: 'second', packageId: 'pro' });
}

it('tells what a merge then does', async () => {
  await addTwo();
  expect(await app.ok(preview, { ids: ['second', 'first'] })).toEqual({
    previewMerge: {
      survivor: { id: 'first' },
      mergedIds: ['second'],
      name: 'Ada',
      email: 'ada@example.com',
      billingId: 'cus_1',
      kept: [{ userId: 'first', package: { id: 'free' } }],
      cancelled: [{ userId: 'second', package: { id: 'pro' } }],
    },
  });
  const merge = 'mutation { mergeUsers(ids: ["second", "first"]) { id name email billingId } }';
  expect(await app.ok(merge)).toEqual({
    mergeUsers: { id: 'first', name: 'Ada', email: 'ada@example.com', billingId: 'cus_1' },
  });
  expect(await app.ok('{ subscriptions(userId: "first") { status package { id } } }')).toEqual({
    subscriptions: [
      { status: 'ACTIVE', package: { id: 'free' } },
      { status: 'CANCELLED', package: { id: 'pro' } },
    ],
  });
});

it('changes nothing', async () => {
  await addTwo();
  await app.ok(preview, { ids: ['first', 'second'] });
  expect(await app.ok('{ users { id } }')).toEqual({ users: [{ id: 'first' }, { id: 'second' }] });
});

it('takes as many statements for many users as for two', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const id of ids) {
    await createUser(db(), { id });
    await createSubscription(db(), { userId: id, packageId: 'pro' });
  }
  const forTwo = await statementsOf(() => app.ok(preview, { ids: ids.slice(0, 2) }));
  const forSix = await statementsOf(() => app.ok(preview, { ids }));
  expect(forSix).toHaveLength(forTwo.length);
});

it('finds neither an unknown user nor one of the other environment', async () => {
  await createUser(db(), { id: 'here' });
  await createUser(db(), { id: 'there' }, { in: 'live' });
  expect(await app.fails(preview, { ids: ['here', 'there'] })).toMatchObject({
    extensions: { code: 'NOT_FOUND', exception: { name: 'UserNotFoundError' } },
  });
});

it('names the survivor who is deleted while the merge is planned', async () => {
  for (const id of ['first', 'second']) await createUser(db(), { id });
  const deleter = await app.database.hot.connect();
  await deleter.query('begin');
  // The plan has found the users when it asks for their subscriptions.
  await deleter.query('lock table subscription');
  const pending = app.fails(preview, { ids: ['second', 'first'] });
  await someoneWaits(app.database);
  await deleter.query(`delete from "user" where id = 'first'`);
  await deleter.query('commit');
  deleter.release();
  expect(await pending).toMatchObject({
    message: 'There is no user with the id "first".',
    path: ['previewMerge', 'survivor'],
    extensions: { code: 'NOT_FOUND' },
  });
});
