import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  createKey,
  createKeyring,
  installKey,
  type Keyring,
  listKeys,
  revokeKey,
} from '../../../src/auth/keys/store.ts';
import { type Database, type Lookups, openDatabase } from '../../../src/database/client.ts';
import { faultCodeOf } from '../../../src/http/faults.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

const chosen = 'prv_test_0123456789abcdefghijklmnopqrstuv';

let testDatabase: TestDatabase;
let database: Database;
let db: Database['prisma'];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  db = database.prisma;
  for (const id of ['test', 'live']) await db.environment.create({ data: { id, appId: `${id}_app` } });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

beforeEach(async () => {
  await db.apiKey.deleteMany();
});

/** A keyring with a clock of its own, and the number of questions it has asked the database. */
function watchedKeyring() {
  const watched = { at: 0, questions: 0, keyring: undefined as unknown as Keyring };
  const counting = {
    query: (given: never) => {
      watched.questions += 1;
      return database.lookups.query(given);
    },
  };
  watched.keyring = createKeyring(counting as Lookups, () => watched.at);
  return watched;
}

test('a created key identifies its environment and kind, and is stored as a hash only', async () => {
  const { id, key } = await createKey(db, 'live', 'PUBLIC');

  expect(key).toMatch(/^pub_live_[A-Za-z0-9]{32}$/);
  expect(await createKeyring(database.lookups).identify(key)).toEqual({
    environmentId: 'live',
    keyId: id,
    kind: 'PUBLIC',
    lastFour: key.slice(-4),
  });
  expect(JSON.stringify(await db.apiKey.findMany())).not.toContain(key.slice(9));
});

test('keys are listed in the order they were made, with the moment they were revoked', async () => {
  const first = await createKey(db, 'test', 'PRIVATE');
  const second = await createKey(db, 'live', 'PRIVATE');
  const at = new Date('2026-11-21T00:00:00Z');

  expect(await revokeKey(db, second.id, at)).toBe(true);
  expect(await revokeKey(db, second.id, new Date())).toBe(false);
  expect(await listKeys(db)).toEqual([
    expect.objectContaining({ id: first.id, environmentId: 'test', revokedAt: null }),
    expect.objectContaining({ id: second.id, environmentId: 'live', revokedAt: at }),
  ]);
});

test('a key chosen outside can be installed twice, and stays revoked once it is', async () => {
  const [first, second] = await Promise.all([installKey(db, chosen), installKey(db, chosen)]);
  expect([first, second]).toEqual([{ id: second.id, isRevoked: false }, first]);
  expect(await createKeyring(database.lookups).identify(chosen)).toMatchObject({
    keyId: first.id,
    environmentId: 'test',
  });

  await revokeKey(db, first.id, new Date());
  expect(await installKey(db, chosen)).toEqual({ id: first.id, isRevoked: true });
  expect(await createKeyring(database.lookups).identify(chosen)).toBeNull();
});

test('the database is asked once for many requests with one key', async () => {
  const { key } = await createKey(db, 'test', 'PRIVATE');
  const watched = watchedKeyring();

  const answers = await Promise.all(Array.from({ length: 50 }, () => watched.keyring.identify(key)));
  await watched.keyring.identify(key);

  expect(new Set(answers.map((identity) => identity?.environmentId))).toEqual(new Set(['test']));
  expect(watched.questions).toBe(1);
});

test('a key that is revoked elsewhere stops working within five seconds', async () => {
  const { id, key } = await createKey(db, 'test', 'PRIVATE');
  const watched = watchedKeyring();
  expect(await watched.keyring.identify(key)).not.toBeNull();

  await revokeKey(db, id, new Date());

  watched.at = 5_000;
  expect(await watched.keyring.identify(key)).toBeNull();
});

test('a revoked key stops working also when the clock of the server is set back meanwhile', async () => {
  const { id, key } = await createKey(db, 'test', 'PRIVATE');
  const keyring = createKeyring(database.lookups);
  expect(await keyring.identify(key)).not.toBeNull();

  await revokeKey(db, id, new Date());
  const wallClock = Date.now;
  Date.now = () => wallClock() - 3_600_000;
  try {
    await sleep(4_000);
    expect(await keyring.identify(key)).toBeNull();
  } finally {
    Date.now = wallClock;
  }
}, 30_000);

test('a key that is not valid is never remembered: it works as soon as it is installed', async () => {
  const watched = watchedKeyring();
  expect(await watched.keyring.identify(chosen)).toBeNull();

  await installKey(db, chosen);

  expect(await watched.keyring.identify(chosen)).toMatchObject({ environmentId: 'test' });
});

test('a flood of guessed keys is refused beyond a bound, and nobody who is known waits for it', async () => {
  const { key } = await createKey(db, 'test', 'PRIVATE');
  const watched = watchedKeyring();
  expect(await watched.keyring.identify(key)).not.toBeNull();
  watched.at = 5_000;

  const guess = (index: number) => `prv_test_${`${index}`.padStart(32, 'x')}`;
  const guesses = Array.from({ length: 500 }, (_, index) => watched.keyring.identify(guess(index)));
  expect(await watched.keyring.identify(key)).not.toBeNull();
  const outcomes = await Promise.allSettled(guesses);

  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(refused).toHaveLength(500 - 32);
  expect(refused.map(faultCodeOf)).toEqual(Array(468).fill('SERVICE_UNAVAILABLE'));
  expect(watched.questions).toBe(1 + 32 + 1);
  expect(await watched.keyring.identify(guess(499))).toBeNull();
});

test('what is not written like a key is refused without asking the database', async () => {
  const watched = watchedKeyring();
  expect(await watched.keyring.identify('prv_test_short')).toBeNull();
  expect(watched.questions).toBe(0);
});

test('a database that fails once does not lock a key out', async () => {
  const { key } = await createKey(db, 'test', 'PRIVATE');
  let failures = 1;
  const failing = {
    query: (given: never) =>
      failures-- > 0 ? Promise.reject(new Error('the connection broke')) : database.lookups.query(given),
  };
  const keyring = createKeyring(failing as Lookups);

  await expect(keyring.identify(key)).rejects.toThrow('the connection broke');
  expect(await keyring.identify(key)).toMatchObject({ environmentId: 'test' });
});
