import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const db = app.database.prisma;
  await createPackage(db, { id: 'pro' });
  await createPackage(db, { id: 'free' });
  for (const [userId, packageId, status] of [
    ['a', 'pro', 'ACTIVE'],
    ['b', 'pro', 'PAST_DUE'],
    ['c', 'pro', 'CANCELLED'],
    ['d', 'free', 'TRIALING'],
  ] as const) {
    await createUser(db, { id: userId });
    await createSubscription(db, { userId, packageId, status });
  }
});
afterAll(() => app.close());

it('a package tells how many users have it, and all packages in one statement more', async () => {
  const counts = '{ packages { id subscriberCount } }';
  const statements = await statementsOf(async () => {
    expect(await app.ok(counts)).toEqual({
      packages: [
        { id: 'pro', subscriberCount: 2 },
        { id: 'free', subscriberCount: 1 },
      ],
    });
  });
  expect(statements).toHaveLength(2);
});

it('subscriptions can be those to one package', async () => {
  const query = 'query ($id: String!) { subscriptions(packageId: $id) { userId status } }';
  expect(await app.ok(query, { id: 'pro' })).toEqual({
    subscriptions: [
      { userId: 'a', status: 'ACTIVE' },
      { userId: 'b', status: 'PAST_DUE' },
      { userId: 'c', status: 'CANCELLED' },
    ],
  });
  expect(await app.fails(query, { id: 'nope' })).toMatchObject({
    extensions: { code: 'NOT_FOUND', exception: { name: 'PackageNotFoundError' } },
  });
});
