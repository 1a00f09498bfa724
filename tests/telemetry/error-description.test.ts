import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { describeError } from '../../src/telemetry/error-description.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

// What drivers and parsers put into their errors belongs to somebody; where it went wrong does not.

const private_ = 'ada-7261';
let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  await database.prisma.environment.create({ data: { id: 'test', appId: 'test_app' } });
  await database.prisma.user.create({ data: { environmentId: 'test', id: private_ } });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const user = { environmentId: 'test', id: private_ };

describe('no value is told', () => {
  test.each<[string, () => unknown]>([
    [
      'PostgreSQL, of a row',
      () => database.hot.query(`insert into "user" (environment_id, id) values ('test', $1)`, [private_]),
    ],
    ['PostgreSQL, of a value', () => database.hot.query('select $1::int', [private_])],
    ['PostgreSQL, of a statement', () => database.hot.query(`select '${private_}'::jsonb`)],
    ['Prisma, of a row', () => database.prisma.user.create({ data: user })],
    [
      'Prisma, of a wrong argument',
      () => database.prisma.user.create({ data: { ...user, name: [private_] as never } }),
    ],
    ['Prisma, of a raw statement', () => database.prisma.$queryRaw`select ${private_}::int`],
    ['a parser', () => JSON.parse(`{"user": ${private_}`)],
    ['a cause', () => Promise.reject(new Error('nothing to see', { cause: new SyntaxError(private_) }))],
    ['what is no error', () => Promise.reject(private_)],
  ])('by %s', async (_who, work) => {
    const error = await thrownBy(work);
    expect(JSON.stringify(describeError(error))).not.toContain(private_);
  });
});

test('what went wrong is told, and where', async () => {
  const error = await thrownBy(() => database.hot.query('select gone from "user"'));
  expect(describeError(error)).toMatchObject({
    message: 'column "gone" does not exist',
    code: '42703',
    stack: expect.stringMatching(/^at .*\n.*error-description\.test\.ts/s),
  });
});

test('causes are told, and errors that are their own cause', async () => {
  const error = new Error('outside', { cause: new Error('inside') });
  expect(describeError(error)).toMatchObject({ message: 'outside', cause: { message: 'inside' } });
  Object.assign(error, { cause: error });
  expect(JSON.stringify(describeError(error)).match(/outside/g)).toHaveLength(5);
});
