import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase } from '../../src/database/client.ts';
import { unavailabilityOf } from '../../src/database/errors.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createUser } from '../helpers/factories.ts';
import { onServer } from '../helpers/server.ts';

/* What an operator limits, and what others hold: the caller is told to come again, not that something is broken. */

let app: TestApp;
let url: string;
beforeAll(async () => {
  app = await startTestApp();
  url = app.database.hot.options.connectionString as string;
  await createFeature(app.database.prisma, { id: 'messages' });
  await createUser(app.database.prisma, { id: 'u' });
});
afterAll(() => app.close());

const operations = {
  'a list': '{ users(first: 1) { id } }',
  'a change': 'mutation { createUser(input: { id: "new" }) { id } }',
  'a check': '{ canUseFeature(userId: "u", featureId: "messages") { access } }',
  usage: 'mutation { recordUsage(input: { userId: "u", featureId: "messages", delta: 1 }) { recorded } }',
};

test('a table that somebody locks is SERVICE_UNAVAILABLE, for every operation that needs it', async () => {
  const holder = await app.database.work.connect();
  await holder.query('begin; lock table "user" in access exclusive mode');
  const failures = await Promise.all(Object.values(operations).map((operation) => app.fails(operation)));
  await holder.query('rollback');
  holder.release();
  expect(failures.map(({ extensions }) => extensions.code)).toEqual(
    failures.map(() => 'SERVICE_UNAVAILABLE'),
  );
});

test('a role with few connections: what gets none is exhausted, and no fault of ours', async () => {
  const role = `limited_${randomUUID().slice(0, 8)}`;
  await onServer(
    url,
    `create role ${role} login password 'limited' connection limit 2 in role pg_read_all_data`,
  );
  const limited = new URL(url);
  limited.username = role;
  limited.password = 'limited';
  const database = openDatabase(limited.href);
  const { prisma, hot, work } = database.of('test');
  const sleeping = 'select pg_sleep(0.5)';
  const results = await Promise.allSettled([
    ...[1, 2].map(() => prisma.$queryRawUnsafe(`${sleeping}::text`)),
    ...[1, 2, 3].map(() => hot.query(sleeping)),
    ...[1, 2, 3].map(() => work.query(sleeping)),
  ]);
  await database.close();
  await onServer(url, `drop role ${role}`);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  expect(reasons.length).toBeGreaterThanOrEqual(6);
  expect(reasons.map((reason) => unavailabilityOf(reason))).toEqual(reasons.map(() => 'exhausted'));
});

test.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL'])(
  'a machine that opens no more connections (%s) is exhausted too',
  (code) => {
    expect(unavailabilityOf(Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code }))).toBe(
      'exhausted',
    );
  },
);

test('deadlines that are set for the whole database do not shorten ours', async () => {
  const { rows } = await app.database.hot.query(
    `select quote_ident(current_database()) as name, current_setting('server_version_num')::int as version`,
  );
  const [{ name, version }] = rows;
  const timeouts = [
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'idle_session_timeout',
    ...(version >= 170_000 ? ['transaction_timeout'] : []),
  ];
  await onServer(url, timeouts.map((each) => `alter database ${name} set ${each} = '200ms'`).join('; '));
  const database = openDatabase(url);
  const { prisma, hot } = database.of('test');
  expect(await prisma.$queryRawUnsafe('select pg_sleep(0.3)::text as slept')).toEqual([{ slept: '' }]);
  const session = await hot.connect();
  for (const statement of ['begin', 'select pg_sleep(0.3)', 'commit']) {
    await session.query(statement);
    await sleep(300);
  }
  await session.query('select 1');
  session.release();
  await database.close();
});
