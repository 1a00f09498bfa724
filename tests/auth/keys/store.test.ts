import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLastUses } from '../../../src/auth/keys/last-use-store.ts';
import {
  createKey,
  createKeyring,
  installKey,
  type Keyring,
  listKeys,
  lockKey,
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
    permissions: new Set(['read']),
    requiresUserToken: false,
    validUntil: expect.any(Number),
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

test('a key that expires is never remembered for longer', async () => {
  const { id, key } = await createKey(db, 'test', 'PRIVATE', { expiresAt: new Date(Date.now() + 60_000) });
  const watched = watchedKeyring();
  await watched.keyring.identify(key);
  watched.at = 2_000;
  await watched.keyring.identify(key);
  expect(watched.questions).toBe(1);

  watched.at = 10_000;
  await db.$executeRaw`UPDATE api_key SET expires_at = now() + interval '1 second' WHERE id = ${id}::uuid`;
  expect(await watched.keyring.identify(key)).not.toBeNull();
  watched.at = 11_001;
  await db.$executeRaw`UPDATE api_key SET expires_at = now() WHERE id = ${id}::uuid`;
  expect(await watched.keyring.identify(key)).toBeNull();
});

describe('the last use of a key', () => {
  const minute = Date.parse('2026-11-21T10:15:00Z');
  const lastUsedAt = async (id: string) => (await db.apiKey.findUniqueOrThrow({ where: { id } })).lastUsedAt;

  test('is noted when the database is asked, and written in the background', async () => {
    const { id, key } = await createKey(db, 'test', 'PRIVATE');
    const uses = createLastUses(db, 1e6);
    await createKeyring(database.lookups, undefined, uses.note).identify(key);
    expect(await lastUsedAt(id)).toBeNull();
    await uses.close();
    const at = await lastUsedAt(id);
    expect(at?.getSeconds()).toBe(0);
    expect(Math.abs(Date.now() - Number(at))).toBeLessThan(120_000);
  });

  test('never goes back, and a locked key is left alone', async () => {
    const [one, other] = [await createKey(db, 'test', 'PRIVATE'), await createKey(db, 'test', 'PUBLIC')];
    const write = async (...used: [id: string, at: number][]) => {
      const uses = createLastUses(db, 1e6);
      for (const [id, at] of used) uses.note(id, at);
      await uses.close();
    };
    await write([one.id, minute]);
    await write([one.id, minute - 60_000]);
    expect(await lastUsedAt(one.id)).toEqual(new Date(minute));
    await db.$transaction(async (tx) => {
      await lockKey(tx, one.id);
      await write([one.id, minute + 60_000], [other.id, minute]);
    });
    expect([await lastUsedAt(one.id), await lastUsedAt(other.id)]).toEqual([
      new Date(minute),
      new Date(minute),
    ]);
  });

  test('is written later if the database fails', async () => {
    const { id } = await createKey(db, 'test', 'PRIVATE');
    let failures = 1;
    const failing = {
      $executeRaw: (...given: [never]) =>
        failures-- > 0 ? Promise.reject(new Error('the connection broke')) : db.$executeRaw(...given),
    };
    const uses = createLastUses(failing as unknown as typeof db, 1e6);
    uses.note(id, minute);
    await uses.close();
    await uses.close();
    expect(await lastUsedAt(id)).toEqual(new Date(minute));
  });
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
