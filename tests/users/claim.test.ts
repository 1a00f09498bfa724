import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { userAlreadyExists } from '../../src/errors.ts';
import { claimUser } from '../../src/users/change.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { createUser } from '../helpers/factories.ts';

let testDatabase: TestDatabase;
let database: Database;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  await database.prisma.environment.create({ data: { id: 'test', appId: 'test_app' } });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const imported = (id: string) =>
  database.prisma.user.create({
    data: { environmentId: 'test', id, email: id, name: 'Ada', metadata: { a: 1 }, imported: true },
  });
const rowOf = (key: bigint) => database.prisma.user.findUniqueOrThrow({ where: { key } });

describe('claimUser', () => {
  it('gives an imported user an id of its own, and leaves the rest', async () => {
    const before = await imported('ada@x.io');
    expect(await claimUser(database.prisma, before.key, 'ada')).toBe(true);
    const after = await rowOf(before.key);
    expect(after).toEqual({ ...before, id: 'ada', imported: false, updatedAt: after.updatedAt });
  });

  it('changes what it is told to besides', async () => {
    const { key } = await imported('bob@x.io');
    await claimUser(database.prisma, key, 'bob', { name: 'Bob', billingId: 'cus_bob', metadata: null });
    expect(await rowOf(key)).toMatchObject({
      id: 'bob',
      name: 'Bob',
      email: 'bob@x.io',
      billingId: 'cus_bob',
      metadata: null,
    });
  });

  it('leaves alone who was claimed, merged or deleted in the meantime', async () => {
    const { prisma } = database;
    const [claimed, merged, deleted, into] = [
      await imported('claimed@x.io'),
      await imported('merged@x.io'),
      await imported('deleted@x.io'),
      await createUser(prisma, { id: 'into' }),
    ];
    await claimUser(prisma, claimed.key, 'first');
    await prisma.user.update({ where: { key: merged.key }, data: { mergedInto: into.key } });
    await prisma.user.delete({ where: { key: deleted.key } });
    for (const { key } of [claimed, merged, deleted, into])
      expect(await claimUser(prisma, key, 'second')).toBe(false);
    expect(await prisma.user.count({ where: { id: 'second' } })).toBe(0);
  });

  it('is given to one only of all who claim an imported user at once', async () => {
    const { key } = await imported('wanted@x.io');
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, index) => claimUser(database.prisma, key, `claimant-${index}`)),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it('refuses an id that is taken', async () => {
    const before = await imported('late@x.io');
    await createUser(database.prisma, { id: 'taken' });
    await expect(claimUser(database.prisma, before.key, 'taken')).rejects.toEqual(userAlreadyExists('taken'));
    expect(await rowOf(before.key)).toEqual(before);
  });
});
