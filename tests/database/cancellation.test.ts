import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { untilAborted } from '../../src/database/cancellation.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/* A statement ends when its caller leaves, and no other one does. The sessions here have no statement timeout. */

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, { isCommand: true });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const sleeping = () => database.prisma.$queryRaw`SELECT pg_sleep(600)::text`;

async function untilSleeping(count: number): Promise<void> {
  for (;;) {
    const { rows } = await database.lookups.query(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and state = 'active' and query like 'SELECT pg_sleep%'`,
    );
    if (rows[0].n === count) return;
    await sleep(20);
  }
}

test('PostgreSQL ends the statement of a caller who has left', async () => {
  const caller = new AbortController();
  const read = untilAborted(caller.signal, sleeping).catch((error: Error) => error);
  await untilSleeping(1);
  caller.abort();
  expect(await read).toBeInstanceOf(Error);
  await untilSleeping(0);
});

test('a caller who has left before starts no statement', async () => {
  await expect(untilAborted(AbortSignal.abort(), sleeping)).rejects.toThrow('the caller has left');
  await untilSleeping(0);
});

test('callers who leave hit nobody else, also where all wait for the same connections', async () => {
  const leaving = Array.from({ length: 12 }, () => new AbortController());
  const abandoned = leaving.map(({ signal }) =>
    untilAborted(signal, sleeping).catch((error: Error) => error),
  );
  await untilSleeping(4);
  const others = Array.from({ length: 200 }, (_, index) =>
    index % 2 === 0
      ? database.prisma.$queryRaw`SELECT ${index}::int AS n`
      : untilAborted(
          new AbortController().signal,
          () => database.prisma.$queryRaw`SELECT ${index}::int AS n`,
        ),
  );
  for (const caller of leaving) {
    await sleep(10);
    caller.abort();
  }
  expect(await Promise.all(others)).toEqual(Array.from({ length: 200 }, (_, n) => [{ n }]));
  expect((await Promise.all(abandoned)).every((result) => result instanceof Error)).toBe(true);
});

test('a transaction after an abandoned read uses a connection that works', async () => {
  const caller = new AbortController();
  const read = untilAborted(caller.signal, sleeping).catch(() => null);
  await untilSleeping(1);
  caller.abort();
  await read;
  expect(
    await database.prisma.$transaction([database.prisma.user.count(), database.prisma.user.count()]),
  ).toEqual([0, 0]);
});
