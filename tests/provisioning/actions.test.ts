import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseKey } from '../../src/auth/keys/rules.ts';
import { createKeyring, listKeys, revokeKey } from '../../src/auth/keys/store.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { provision } from '../../src/provisioning/provision.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

const now = new Date('2026-02-14T12:00:00Z');
const chosen = 'prv_live_0123456789abcdefghijklmnopqrstuv';

let testDatabase: TestDatabase;
let database: Database;
let db: Database['prisma'];

beforeEach(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  db = database.prisma;
});

afterEach(async () => {
  await database.close();
  await testDatabase.drop();
});

const identify = (key: string) => createKeyring(database.lookups).identify(key);

async function rowCounts() {
  return {
    environments: await db.environment.count(),
    keys: await db.apiKey.count(),
    features: await db.feature.count(),
    packages: await db.package.count(),
    users: await db.user.count(),
    subscriptions: await db.subscription.count(),
  };
}

test('the first start makes both environments and their four keys', async () => {
  const { firstStart, madeKeys, hasDemo } = await provision(db, { keys: [], demo: false }, now);

  expect({ firstStart, hasDemo }).toEqual({ firstStart: true, hasDemo: false });
  expect(
    await db.environment.findMany({ select: { id: true, appId: true }, orderBy: { id: 'asc' } }),
  ).toEqual([
    { id: 'live', appId: expect.stringMatching(/^live_[a-z]{8}$/) },
    { id: 'test', appId: expect.stringMatching(/^test_[a-z]{8}$/) },
  ]);
  expect(madeKeys.map(({ key }) => parseKey(key))).toEqual([
    { environmentId: 'test', kind: 'PRIVATE' },
    { environmentId: 'test', kind: 'PUBLIC' },
    { environmentId: 'live', kind: 'PRIVATE' },
    { environmentId: 'live', kind: 'PUBLIC' },
  ]);
  for (const { key, environmentId, kind } of madeKeys)
    expect(await identify(key)).toMatchObject({ environmentId, kind });
});

test('a later start changes nothing', async () => {
  await provision(db, { keys: [], demo: true }, now);
  const before = await rowCounts();

  expect(await provision(db, { keys: [], demo: true }, now)).toEqual({
    firstStart: false,
    madeKeys: [],
    revokedKeys: [],
    hasDemo: true,
  });
  expect(await rowCounts()).toEqual(before);
});

test('a key chosen outside takes the place of the one that would be made', async () => {
  const { madeKeys } = await provision(db, { keys: [chosen], demo: false }, now);

  expect(madeKeys.map(({ environmentId, kind }) => `${environmentId} ${kind}`)).toEqual([
    'test PRIVATE',
    'test PUBLIC',
    'live PUBLIC',
  ]);
  expect(await identify(chosen)).toMatchObject({ environmentId: 'live', kind: 'PRIVATE' });
});

test('a key chosen outside is installed at any start, but stays revoked once it is', async () => {
  await provision(db, { keys: [], demo: false }, now);
  expect((await provision(db, { keys: [chosen], demo: false }, now)).revokedKeys).toEqual([]);
  const installed = (await listKeys(db)).find(({ lastFour }) => lastFour === 'stuv');
  expect(await identify(chosen)).toMatchObject({ keyId: installed?.id });
  await revokeKey(db, installed?.id ?? '', now);
  const known = await db.auditEntry.count();

  const { revokedKeys } = await provision(db, { keys: [chosen], demo: false }, now);

  expect(revokedKeys).toEqual([{ environmentId: 'live', kind: 'PRIVATE', lastFour: 'stuv' }]);
  expect(await identify(chosen)).toBeNull();
  expect(await db.apiKey.count()).toBe(5);
  expect(await db.auditEntry.count()).toBe(known);
});

test('the demo is a catalogue in the test environment and a user whose windows are calendar months', async () => {
  await provision(db, { keys: [], demo: true }, now);

  expect(await rowCounts()).toEqual({
    environments: 2,
    keys: 4,
    features: 3,
    packages: 3,
    users: 1,
    subscriptions: 1,
  });
  const subscription = await db.subscription.findFirst({
    select: {
      environmentId: true,
      status: true,
      startedAt: true,
      user: { select: { id: true, environmentId: true } },
      package: {
        select: {
          id: true,
          status: true,
          features: {
            select: { featureId: true, name: true, limit: true, resetPeriod: true, overageEnabled: true },
            orderBy: { position: 'asc' },
          },
        },
      },
    },
  });
  const features = subscription?.package.features.map(({ limit, ...rest }) => ({
    ...rest,
    limit: limit === null ? null : Number(limit),
  }));
  expect({ ...subscription, package: { ...subscription?.package, features } }).toEqual({
    environmentId: 'test',
    status: 'ACTIVE',
    startedAt: new Date('2026-02-01T00:00:00Z'),
    user: { id: 'demo-user', environmentId: 'test' },
    package: {
      id: 'pro-plan',
      status: 'PUBLISHED',
      features: [
        { featureId: 'sso', name: 'Single sign-on', limit: null, resetPeriod: null, overageEnabled: false },
        {
          featureId: 'api-calls',
          name: 'API calls',
          limit: 10_000,
          resetPeriod: 'MONTH',
          overageEnabled: true,
        },
        {
          featureId: 'messages',
          name: 'Messages',
          limit: 1_000,
          resetPeriod: 'MONTH',
          overageEnabled: false,
        },
      ],
    },
  });
});

test('an environment with anything in it is not given the demo', async () => {
  await provision(db, { keys: [], demo: false }, now);
  await db.user.create({ data: { environmentId: 'test', id: 'somebody' } });

  expect(await provision(db, { keys: [], demo: true }, now)).toMatchObject({ hasDemo: false });
  expect(await rowCounts()).toMatchObject({ features: 0, users: 1 });
});

test('an instance waits for another that is slow to provision', async () => {
  const other = await database.work.connect();
  await other.query('begin');
  await other.query('select pg_advisory_xact_lock(2033941018)');
  const waiting = Promise.allSettled([provision(db, { keys: [], demo: false }, now)]);
  const waits = "select from pg_locks where locktype = 'advisory' and not granted";
  while ((await other.query(waits)).rowCount === 0) await sleep(20);
  // Longer than a request waits for a lock.
  await sleep(5_500);
  await other.query('commit');
  other.release();
  expect(await waiting).toEqual([
    { status: 'fulfilled', value: expect.objectContaining({ firstStart: true }) },
  ]);
});

test('instances that start together provision once', async () => {
  const others = Array.from({ length: 3 }, () => openDatabase(testDatabase.url));
  const results = await Promise.all(
    others.map(({ prisma }) => provision(prisma, { keys: [chosen], demo: true }, now)),
  );

  expect(results.filter(({ firstStart }) => firstStart)).toHaveLength(1);
  expect(results.flatMap(({ madeKeys }) => madeKeys)).toHaveLength(3);
  expect(await rowCounts()).toEqual({
    environments: 2,
    keys: 4,
    features: 3,
    packages: 3,
    users: 1,
    subscriptions: 1,
  });
  await Promise.all(others.map((other) => other.close()));
});
